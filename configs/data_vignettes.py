"""The vignette data set: 120,000 generated questions with their chains of thought, and held-out cases.

What it is: multiple-choice vignettes derived from the knowledge base of the repository, written as Parquet with a data
card. No two questions share a normalised stem, and no case of the eval split is ever seen in the train split.

Expected result: `data/vignettes/` with train.parquet, eval.parquet, README.md and manifest.json; the printed hashes of
the rows are the same for the same seed, on any machine and with any number of processes. There is no --workdir= here:
the folder is --config.out.

Cost: well under 10 minutes and 2 GB on 2 CPU cores, and no network.

    python -m alignment.build_data --config=configs/data_vignettes.py
"""

from ml_collections import ConfigDict

from alignment.config import default_data_set


def get_config() -> ConfigDict:
    """Return the configuration of the full vignette data set."""
    config = default_data_set()
    config.builder = "vignettes"
    config.out = "data/vignettes"
    config.vignettes.update(count=120_000, eval_count=4_000, scope="full")
    return config
