"""The demonstration: the five headline arms on the embedded nano base, from nothing but this repository.

What it is: a Qwen2-architecture model of about a million parameters, shipped with the package, is asked generated
clinical vignettes. `sft_cot`, `grpo_only`, `monolithic` and `modular` are trained on them and compared with `base` on
held-out combinations of facts. Everything the real runs do happens here, only smaller.

Expected result: `results.json` and `report.html` in the workdir, one row an arm. The order of the arms is reported as
it comes out; with one seed the report makes no claim about stability. SFT teaches the format (from about 23 % strict to
almost 100 %) and lifts accuracy from about chance to about 37 %; thirty steps of GRPO are enough to see rewards, KL and
stability, not to move accuracy: see docs/nano.md.

Cost: sized for less than 10 minutes on 2 CPU cores, and no network.

    python -m alignment.ablate --config=configs/demo.py --workdir=runs/demo
"""

from ml_collections import ConfigDict

from alignment.config import nano_config


def get_config() -> ConfigDict:
    """Return the headline arms at the nano scale."""
    return nano_config()
