"""Quark's reward on the modular arm: `--config=configs/quark.py:plain`, or `configs/quark.py:safe`.

What it is: the preset `quark` with Reference-Frozen Normalization and tri-factor weights (Quark Medical Alignment,
2602.11661), on the nano base, beside SFT alone. The paper publishes four categories, three named factors and no
formula: the channels, targets, floors, severities and the two formulas are this project's reconstruction, and its
fourth category, online feedback, joins with `--config.grpo.feedback=FILE --config.grpo.channels=feedback=1` (python
-m alignment.feedback). `safe` adds the hard rule that a violated safety channel gets its group's lowest reward.

Expected result: none is promised. What the run shows is in the alignment matrix it prints: which cells are weakest
and riskiest, and the weights it proposes for the next round.

Cost: three seeds of one variant are sized for less than 15 minutes on 2 CPU cores, and no network.

    python -m alignment.ablate --config=configs/quark.py:plain --workdir=runs/quark/plain
    python -m alignment.ablate --config=configs/quark.py:safe --workdir=runs/quark/safe

`python docs/make_results.py --commands` prints the command of every variant; without the flag it makes docs/results.md
of what they left.
"""

from ml_collections import ConfigDict

from alignment.common.registry import lookup
from alignment.config import nano_config

REFERENCE = "plain"
VARIANTS = {"plain": {}, "safe": {"hard_safety": True}}


def get_config(variant: str = REFERENCE) -> ConfigDict:
    """Return one `variant` of `VARIANTS`; raises `UserError` with the nearest name otherwise."""
    config = nano_config()
    config.arms, config.seeds = ("sft_cot", "modular"), (0, 1, 2)
    config.grpo.update(steps=50, reward="quark", normaliser="rfn", weighting="tri_factor", calibration_prompts=64)
    config.grpo.update(lookup(VARIANTS, variant, "variant"))
    return config
