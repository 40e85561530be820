r"""A mixture of sources with weights, cleaned and halved: what SFT learns from and what GRPO is rewarded on.

What it is: sources are read, split by question into a half for SFT and one for GRPO, cleaned of exact and near
duplicates and of everything that overlaps an evaluation set (13 words or 64 characters), and mixed by weight. Without
more it mixes generated vignettes, so that it runs with no files.

Expected result: `data/mixture/` with sft.parquet, rl.parquet, README.md, and hygiene.md and hygiene.json, which say
what was removed, why and on account of which record. There is no --workdir= here: the folder is --config.out.

Cost: under 5 minutes and 4 GB for 200,000 records on 2 CPU cores, reading included (docs/data.md).

    python -m alignment.build_data --config=configs/data_mixture.py
    python -m alignment.build_data --config=configs/data_mixture.py --config.out=data/exam \
        --config.mixture.sources=medqa:train.jsonl=2,medmcqa:train.json=1,records:data/vignettes/train.parquet=1 \
        --config.mixture.evals=medqa:test.jsonl,pubmedqa:ori_pqal.json?keep=test
"""

from ml_collections import ConfigDict

from alignment.config import default_data_set


def get_config() -> ConfigDict:
    """Return the configuration of a mixture of vignettes; name your own sources by flag."""
    config = default_data_set()
    config.builder = "mixture"
    config.out = "data/mixture"
    config.mixture.update(sources=("vignettes:20000=1",), evals=("vignettes:2000",))
    return config
