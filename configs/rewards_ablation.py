"""What each part of Quark's reward does, with one part taken out at a time, on the planted task.

What it is: the modular arm under the preset `quark` (Quark Medical Alignment, 2602.11661, whose formulas are
unpublished: preset, normaliser and factors are this project's reconstruction), on the task of
configs/control_planted.py. Eight channels are paid, of which right answers are one.

    name            normaliser   weighting    taken out
    full            rfn          tri_factor   nothing
    no_weakness     rfn          tri_factor   the factor for weak channels
    no_risk         rfn          tri_factor   the factor for risky channels
    no_redundancy   rfn          tri_factor   the factor against redundant channels
    static          rfn          static       all three factors
    plain           none         static       everything: a weighted sum of raw channels

All have one rate, 3e-4, that of `modular` in the control, at which a reward without information gains nothing: what
differs here are rewards, and a change of accuracy should be what they pay for. There are 42 steps because tri_factor
moves its weights after steps 30 and 40 alone, a tenth of the way each time.

Expected result: none is promised. The variants of tri_factor part late and little: look at `weight/...` and `gap/...`
in metrics.jsonl before the accuracy. Under a group-relative advantage rfn without a binding clip changes the scale of
channels and nothing else.

Cost: three seeds are sized for 25 minutes on 2 CPU cores, and no network; the same command resumes a stopped run.

    python -m alignment.ablate --config=configs/rewards_ablation.py --workdir=runs/rewards_ablation

`python docs/make_results.py --page=rewards_ablation --workdir=runs/rewards_ablation` makes its page.
"""

from ml_collections import ConfigDict

from alignment.config import planted_config

START = "sft_cot"
COMPARED = {
    "full": "modular",
    "no_weakness": "modular@weights.weakness=0",
    "no_risk": "modular@weights.risk=0",
    "no_redundancy": "modular@weights.redundancy=0",
    "static": "modular@weighting=static",
    "plain": "modular@normaliser=none@weighting=static",
}


def get_config() -> ConfigDict:
    """Return the modular arm with every reward of `COMPARED`, and the arm that all start from, at three seeds."""
    config = planted_config()
    config.arms, config.seeds = (START, *COMPARED.values()), (0, 1, 2)
    config.data.eval.count = 200
    config.grpo.update(steps=42, learning_rate=3e-4)
    config.grpo.update(reward="quark", normaliser="rfn", weighting="tri_factor", calibration_prompts=64)
    return config
