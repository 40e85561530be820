"""The stability map: over which range of learning rates an arm learns the planted strategy without harm.

What it is: `modular` and `monolithic` at seven rates of the reward stage, a factor of two apart, on the task of
configs/control_planted.py, where reinforcement can be seen to learn. All arms of a seed share one SFT and one workdir,
and nothing but the rate differs. `configs/stability_map.py:matched` adds `monolithic_matched`, whose one adapter has as
many parameters as the two of `modular`, to the same workdir.

    arm                  trains                            rates of the reward stage
    modular              a reward adapter on a frozen one  1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3, 3.2e-3, 6.4e-3
    monolithic           the SFT adapter itself            the same
    monolithic_matched   the same, of the summed rank      the same

Expected result: none is promised. Stability of an arm is the width of the range of rates at which it learns and nothing
is harmed (alignment/evaluation/stability_map.py), with an interval over seeds. A step of one rate is not the same
distance in both arms, so the figures show accuracy against the rate and against the KL moved a step. Best rates are
chosen on 200 development questions, and reported on others.

Cost: three seeds of two arms are sized for an hour on 2 CPU cores, and no network; a run that was stopped goes on with
the same command. `python docs/make_stability.py` makes docs/results/stability/README.md of what it left.

    python -m alignment.ablate --config=configs/stability_map.py --workdir=runs/stability

`--config.seeds=0 --config.data.eval.count=100` is a short version of it.
"""

from ml_collections import ConfigDict

from alignment.common.registry import lookup
from alignment.config import planted_config

RATES = ("1e-4", "2e-4", "4e-4", "8e-4", "1.6e-3", "3.2e-3", "6.4e-3")
MAPPED = {
    "two": ("modular", "monolithic"),
    "matched": ("modular", "monolithic", "monolithic_matched"),
}
STARTS = {"two": ("sft_cot",), "matched": ("sft_cot", "sft_cot_wide")}


def get_config(variant: str = "two") -> ConfigDict:
    """Return the sweep of two arms, or of three, with the arms that they start from."""
    config = planted_config()
    mapped = lookup(MAPPED, variant, "variant")
    config.arms = (*STARTS[variant], *(f"{arm}@learning_rate={rate}" for arm in mapped for rate in RATES))
    config.seeds = (0, 1, 2)
    config.data.eval.count = config.data.dev.count = 200
    config.grpo.power_every = 23  # the first step and the last

    # Held out beside the records that are trained on, to measure what reinforcement does to what SFT taught.
    config.sft.holdout = 32
    config.data.sft.count += config.sft.holdout
    return config
