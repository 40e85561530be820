"""Quark's reward beside simpler ones, and its weighting against a static one, on the planted task.

What it is: the modular arm under five rewards, on the task of configs/control_planted.py. The preset `quark` with
Reference-Frozen Normalization and tri-factor weights is a reconstruction of Quark Medical Alignment (2602.11661): the
paper publishes four categories, three named factors and no formula. Its fourth category, online feedback, joins with
`--config.grpo.feedback=FILE --config.grpo.channels=feedback=1` (python -m alignment.feedback).

    name           preset         what is paid
    gated          gated          right answers in strict format, and nothing else
    decoupled_v1   decoupled_v1   the default: accuracy and, with smaller weights, format and no repetition
    static         quark          eight channels normalised by rfn, equal weights throughout
    tri_factor     quark          the same channels; weak and risky ones gain weight, redundant ones lose it
    safe           quark          as tri_factor; a violated safety channel gets its group's lowest reward

All have one rate, 3e-4, that of `modular` in the control, at which a reward without information gains nothing: what
differs here are rewards, and a change of accuracy should be what they pay for. There are 62 steps because tri_factor
moves its weights after steps 30, 40, 50 and 60 alone, a tenth of the way each time.

Expected result: `gated` and `decoupled_v1` lift accuracy, as in the control; of the others none is promised, since a
reward of eight channels can be earned without answering better. The alignment matrix that the run prints shows which
cells are weakest and riskiest, and the weights that it proposes for the next round.

Cost: three seeds are sized for 25 minutes on 2 CPU cores, and no network; the same command resumes a stopped run.

    python -m alignment.ablate --config=configs/quark.py --workdir=runs/quark

`python docs/make_results.py --page=quark --workdir=runs/quark` makes docs/results/quark/README.md of it.
"""

from ml_collections import ConfigDict

from alignment.config import planted_config

START = "sft_cot"
QUARK = "modular@reward=quark@normaliser=rfn"
COMPARED = {
    "gated": "modular@reward=gated",
    "decoupled_v1": "modular@reward=decoupled_v1",
    "static": QUARK,
    "tri_factor": f"{QUARK}@weighting=tri_factor",
    "safe": f"{QUARK}@weighting=tri_factor@hard_safety=true",
}


def get_config() -> ConfigDict:
    """Return the modular arm with every reward of `COMPARED`, and the arm that all start from, at three seeds."""
    config = planted_config()
    config.arms, config.seeds = (START, *COMPARED.values()), (0, 1, 2)
    config.data.eval.count = 200
    config.grpo.update(steps=62, learning_rate=3e-4, calibration_prompts=64)
    return config
