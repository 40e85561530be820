"""The positive control: planted strategies, of which reinforcement has to find the better one.

What it is: supervised traces come from a careful teacher (the chain of thought derived from the knowledge base) and a
hasty one (a first impression, right in 25 %), 60 % of them hasty, as published traces are mixed. The reward stage pays
right answers in strict format. What it can learn is known, and so is the ceiling: the same SFT on careful chains alone
(`sft_ceiling`). `modular` and `monolithic` have their own rates; docs/results/control/trials.md says on which questions
rates and sizes were chosen. Two rewards that teach nothing or the wrong thing are the negative controls: `random`, a
fair coin, and `inverted`, which pays for wrong answers.

Expected result: accuracy of `modular` and `monolithic`, greedy and sampled at the temperature of training (mean of
four answers a question), rises by at least 10 points over `sft_cot` and wins at least 60 % of the way to the ceiling;
the random reward gains nothing, the inverted one loses. The random one has not passed yet: at one seed of five its
drift is enough to turn greedy answers careful (docs/results/control/trials.md). What is learned is the choice between
two strategies that SFT taught, and no fact. A run in which this does not show cannot be expected to show anything
finer, and because it does show here, no change elsewhere is a finding about that task and not about the trainer. The
monitor's alarm `format_only` at the first steps is right: hasty reasoning holds nothing of the case.

Cost: five seeds are sized for less than an hour on 2 CPU cores, and no network. `python docs/make_control.py` makes
docs/results/control/README.md of what it left.

    python -m alignment.ablate --config=configs/control_planted.py --workdir=runs/control

Training power and the loss of 32 held-out traces are measured at six steps of each reward stage; that takes about two
of these minutes and changes no bit of the training (docs/power.md).

`--config.seeds=10 --config.data.eval.count=200` is a short version of it.
"""

from pathlib import Path

from ml_collections import ConfigDict

from alignment.config import planted_config

LEARNERS = ("modular", "monolithic@learning_rate=7e-5")
CONTROLS = ("modular@reward=random", "modular@reward=inverted")
START, CEILING = "sft_cot", "sft_ceiling"


def get_config() -> ConfigDict:
    """Return the control: start, ceiling, two arms that should learn and two that should not, five seeds."""
    config = planted_config()
    # The rates follow from seeds 0 to 9.
    config.arms, config.seeds = (START, CEILING, *LEARNERS, *CONTROLS), (10, 11, 12, 13, 14)
    config.data.eval.count = 500
    config.preregistration = str(Path(__file__).with_name("preregistration.toml"))

    # A random reward walks as far as the rate times the root of the steps, learning goes as far as the rate times the
    # steps: at 2e-3 it walks from one strategy to the other within 24 steps, at 3e-4 at one seed in five.
    config.grpo.update(steps=40, prompts=16, learning_rate=1e-4)

    # Held out beside the records that are trained on, to measure what reinforcement does to what SFT taught.
    config.sft.holdout, config.grpo.power_every = 32, 8
    config.data.sft.count += config.sft.holdout
    return config
