"""Packaging; tool settings live in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "alignment" / "__init__.py").read_text(), re.MULTILINE).group(1)
README = HERE / "README.md"

TEST = [
    "pytest>=8",
    "scikit-learn>=1.5",
    "pytest-xdist>=3.8",
    "hypothesis>=6.100",
    "import-linter>=2.1",
    "nbclient>=0.10",
    "nbformat>=5.10",
    "ipykernel>=6.29",
    "tensorboardX>=2.6",
]

setup(
    name="clinical-alignment",
    version=VERSION,
    description="Two composable LoRA adapters, reasoning and reward, for small clinical language models in JAX",
    long_description=README.read_text() if README.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=">=3.11",
    packages=find_packages(include=["alignment", "alignment.*"]),
    package_data={"alignment": ["assets/**/*", "evaluation/*.jinja"]},
    install_requires=[
        "jax>=0.10.2",
        "flax>=0.12.8",
        "optax>=0.2.8",
        "orbax-checkpoint>=0.12.8",
        "transformers>=5.0",
        "huggingface-hub>=1.0",
        "tokenizers>=0.22",
        "datasets>=4.0",
        "pyarrow>=21",
        "rensa>=0.4",
        "chex>=0.1.92",
        "ml-collections>=1.1",
        "ml-dtypes>=0.5",
        "safetensors>=0.8",
        "gguf>=0.17",
        "etils[epath]>=1.15",
        "numpy>=2.0",
        "scipy>=1.15",
        "statsmodels>=0.14.5",
        "jinja2>=3.1.6",
        "markupsafe>=3.0",
        "matplotlib>=3.9",
        "tqdm>=4.66",
        "httpx2>=2.12",
        "tenacity>=9.0",
        "aiolimiter>=1.2",
        "packaging>=24",
    ],
    extras_require={
        "cuda": ["jax[cuda12]>=0.10.2"],
        "tpu": ["jax[tpu]>=0.10.2", "gcsfs>=2024.6"],
        "log": ["tensorboardX>=2.6", "wandb>=0.18"],
        "test": TEST,
        "parity": ["torch==2.13.0", "peft>=0.21", "trl>=1.16"],
        "lm-eval": ["lm-eval>=0.4.13"],
        "dev": [*TEST, "ruff>=0.8", "pre-commit>=4"],
    },
)
