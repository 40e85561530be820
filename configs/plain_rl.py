"""Plain reinforcement learning with enough completions, on the task without planted strategies.

What it is: `modular` and `monolithic` after SFT on 2,048 derived chains alone. There is no second way of answering to
choose: what a reward stage can still teach are facts, and steadiness at temperature 1. Two variants, in two workdirs:

    variant   seeds     questions           arms
    sweep     0         200 of development  each arm at five rates, the same for both, and at one rate with more
                                            prompts a step, larger groups and another loss; 4,800 completions each
    confirm   1, 2, 3   500 held out        each arm at its rate of `CHOSEN`, 50 steps of 48 x 8: 19,200 completions

`CHOSEN` holds the rates to confirm: set there what `sweep` scores best on the development questions; before a sweep
they are those of configs/demo.py. No held-out question and no seed of `confirm` has a part in the choice. In the sweep
the number of completions is equal, so that more prompts a step mean fewer steps.

Expected result: with 19,200 completions sampled accuracy of `modular` rises by at least 5 points; the page has the
learning curves, and says so if it does not.

Cost: each variant is sized for 40 minutes on 2 CPU cores, and no network; the same command resumes a stopped run.

    python -m alignment.ablate --config=configs/plain_rl.py:sweep --workdir=runs/plain_rl/sweep
    python -m alignment.ablate --config=configs/plain_rl.py:confirm --workdir=runs/plain_rl/confirm

`python docs/make_results.py --page=plain_rl --workdir=runs/plain_rl` makes docs/results/plain_rl/README.md of both.
"""

from ml_collections import ConfigDict

from alignment.common.registry import lookup
from alignment.config import nano_config

START = "sft_cot"
RATES = ("2.5e-4", "5e-4", "1e-3", "2e-3", "4e-3")
MIDDLE = {"modular": "2e-3", "monolithic": "5e-4"}  # of configs/demo.py, where the shapes of a step are compared
SHAPES = ("prompts=48@steps=12", "prompts=12@group_size=16", "loss=dr_grpo")
CHOSEN = {"modular": "2e-3", "monolithic": "5e-4"}
RATED = {arm: [f"{arm}@learning_rate={rate}" for rate in RATES] for arm in MIDDLE}
SHAPED = {arm: [f"{arm}@learning_rate={rate}@{shape}" for shape in SHAPES] for arm, rate in MIDDLE.items()}
VARIANTS = {
    "sweep": tuple(label for arm in MIDDLE for label in (*RATED[arm], *SHAPED[arm])),
    "confirm": tuple(f"{arm}@learning_rate={rate}" for arm, rate in CHOSEN.items()),
}


def get_config(variant: str = "confirm") -> ConfigDict:
    """Return one `variant` of `VARIANTS`; raises `UserError` with the nearest name otherwise."""
    config = nano_config()
    config.arms = (START, *lookup(VARIANTS, variant, "variant"))
    config.data.sft.count, config.data.rl.count = 2048, 2048
    config.sft.update(epochs=1, batch_size=16, batching="packed")
    config.grpo.update(reward="gated", beta=0.0)
    config.eval.samples = 4
    if variant == "sweep":
        config.data.eval.count, config.data.dev.count = 100, 200
        config.grpo.update(steps=25, prompts=24)
    else:
        config.seeds, config.data.eval.count = (1, 2, 3), 500
        config.grpo.update(steps=50, prompts=48, power_every=5)
    return config
