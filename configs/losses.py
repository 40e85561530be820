"""The losses of the GRPO family side by side: `--config=configs/losses.py:dapo`, or any other name of the table.

What it is: the modular arm on the nano base, each loss with the constants of its own paper (alignment/objectives/
family.py lists sources). All share rewards, data, seeds, 8 completions a prompt and four optimiser steps a rollout
(two passes of two mini-batches), since with a single one all ratios are 1 and half of these losses are the same.

    variant     clip low, high   KL beta   else
    grpo        0.2, 0.2         0.04      Shao et al., 2402.03300
    bnpo        0.2, 0.2         0         TRL; token mean
    dapo        0.2, 0.28        0         2503.14476; truncated completions masked, overlong punished
    dr_grpo     0.2, 0.2         0         2503.20783; no division by std or length
    gspo        3e-4, 4e-4       0         2507.18071; one ratio a sequence
    cispo       none, 4          0         2506.13585; the weight is capped at 5, nothing is clipped
    lite_ppo    0.2, 0.2         0         2508.08221; std over the batch
    clip_cov    0.2, 0.2         0         2505.22617; no gradient at 2 of 10,000 tokens, of high covariance
    kl_cov      none             0         2505.22617; 2 of 1,000 tokens are pulled back to the sampling policy

Not as in the papers: group sizes (64 for GRPO, 16 for DAPO and CISPO) and DAPO's resampling of groups without
variance.

Expected result: the papers compare at thousands of steps; at thirty, no order is promised, and differences of
accuracy within the interval over seeds are none. What can show is how hard a loss pulls at these constants: clip
fraction, gradient norm, entropy. KL is measured where beta is above 0, for grpo alone.

Cost: three seeds of one variant are sized for less than 15 minutes on 2 CPU cores, and no network.

    python -m alignment.ablate --config=configs/losses.py:dapo --workdir=runs/losses/dapo

`python docs/make_results.py --commands` prints the command of every variant; without the flag it makes docs/results.md
of what they left.
"""

from ml_collections import ConfigDict

from alignment.common.registry import lookup
from alignment.config import nano_config

REFERENCE = "grpo"
VARIANTS = {
    "grpo": {"loss": "grpo", "beta": 0.04, "kl_target": "token", "kl": "k3"},
    "bnpo": {"loss": "bnpo", "beta": 0.0},
    "dapo": {"loss": "dapo", "beta": 0.0, "clip_high": 0.28, "mask_truncated": True, "channels": ("overlong=1",)},
    "dr_grpo": {"loss": "dr_grpo", "beta": 0.0},
    "gspo": {"loss": "gspo", "beta": 0.0, "clip_low": 3e-4, "clip_high": 4e-4},
    "cispo": {"loss": "cispo", "beta": 0.0, "clip_high": 4.0},
    "lite_ppo": {"loss": "lite_ppo", "beta": 0.0},
    "clip_cov": {"loss": "clip_cov", "beta": 0.0, "covariance_share": 2e-4},
    "kl_cov": {"loss": "kl_cov", "beta": 0.0, "covariance_share": 2e-3},
}


def get_config(variant: str = REFERENCE) -> ConfigDict:
    """Return one `variant` of `VARIANTS`; raises `UserError` with the nearest name otherwise."""
    config = nano_config()
    config.arms, config.seeds = ("modular",), (0, 1, 2)
    config.grpo.update(minibatches=2, epochs=2)
    config.grpo.update(lookup(VARIANTS, variant, "variant"))
    return config
