"""What each part of Quark's reward does: `--config=configs/rewards_ablation.py:static`, or another name of the table.

What it is: the modular arm on the nano base under the preset `quark` (Quark Medical Alignment, 2602.11661, whose
formulas are unpublished: preset, normaliser and factors are this project's reconstruction), with one part taken out
at a time.

    variant         normaliser   weighting    taken out
    full            rfn          tri_factor   nothing
    no_weakness     rfn          tri_factor   the factor for weak channels
    no_risk         rfn          tri_factor   the factor for risky channels
    no_redundancy   rfn          tri_factor   the factor against redundant channels
    no_rfn          none         tri_factor   the frozen normalisation
    static          rfn          static       all three factors
    plain           none         static       everything: a weighted sum of raw channels

Expected result: none is promised. tri_factor moves its weights after steps 30 and 40 of 50, a tenth of the way each,
so that its variants part late and little: look at `weight/...` and `gap/...` in metrics.jsonl before the accuracy.
Under a group-relative advantage rfn without a binding clip changes the scale of channels and nothing else.

Cost: three seeds of one variant are sized for less than 15 minutes on 2 CPU cores, and no network.

    python -m alignment.ablate --config=configs/rewards_ablation.py:static --workdir=runs/rewards_ablation/static

`python docs/make_results.py --commands` prints the command of every variant; without the flag it makes docs/results.md
of what they left.
"""

from ml_collections import ConfigDict

from alignment.common.registry import lookup
from alignment.config import nano_config

REFERENCE = "full"
VARIANTS = {
    "full": {},
    "no_weakness": {"weights.weakness": 0.0},
    "no_risk": {"weights.risk": 0.0},
    "no_redundancy": {"weights.redundancy": 0.0},
    "no_rfn": {"normaliser": "none"},
    "static": {"weighting": "static"},
    "plain": {"normaliser": "none", "weighting": "static"},
}


def get_config(variant: str = REFERENCE) -> ConfigDict:
    """Return one `variant` of `VARIANTS`; raises `UserError` with the nearest name otherwise."""
    config = nano_config()
    config.arms, config.seeds = ("modular",), (0, 1, 2)
    config.grpo.update(steps=50, reward="quark", normaliser="rfn", weighting="tri_factor", calibration_prompts=64)
    config.grpo.update_from_flattened_dict(lookup(VARIANTS, variant, "variant"))
    return config
