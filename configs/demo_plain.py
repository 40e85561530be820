"""The plain task: the five headline arms on the embedded nano base, without planted strategies.

What it is: the harder task beside configs/demo.py. All chains of thought of SFT are those derived from the knowledge
base, so that what reinforcement could still add is facts, which takes far more completions than the thirty steps here.

Expected result: `results.json` and `report.html` in the workdir, one row an arm. The order of the arms is reported as
it comes out; with one seed the report makes no claim about stability. SFT teaches the format (from about 23 % strict to
almost 100 %) and lifts accuracy from about chance to about 37 %; thirty steps of GRPO are enough to see rewards, KL and
stability, not to move accuracy: see docs/nano.md.

Cost: sized for less than 10 minutes on 2 CPU cores, and no network.

    python -m alignment.ablate --config=configs/demo_plain.py --workdir=runs/demo_plain

The values of the nano scale are those of `alignment.config.nano_config`; `--print_config` prints every leaf.
"""

from ml_collections import ConfigDict

from alignment.config import HEADLINE_ARMS, nano_config


def get_config() -> ConfigDict:
    """Return the headline arms at the nano scale, with the defaults of every other leaf."""
    config = nano_config()
    config.arms, config.seeds = HEADLINE_ARMS, (0,)
    return config
