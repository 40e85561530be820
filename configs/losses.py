"""The losses of the GRPO family side by side, as arms of one run on the planted task.

What it is: the modular arm with each loss and the constants of its own paper (alignment/objectives/family.py lists
sources), on the task of configs/control_planted.py, where reinforcement can be seen to learn. All start from one SFT a
seed and share rewards, data, 8 completions a prompt and four optimiser steps a rollout (two passes of two
mini-batches), since with a single one all ratios are 1 and half of these losses are the same.

    name        clip low, high   KL beta   else
    grpo        0.2, 0.2         0.04      Shao et al., 2402.03300
    bnpo        0.2, 0.2         0         TRL; token mean
    dapo        0.2, 0.28        0         2503.14476; truncated completions masked, overlong punished
    dr_grpo     0.2, 0.2         0         2503.20783; no division by std or length
    gspo        3e-4, 4e-4       0         2507.18071; one ratio a sequence
    cispo       none, 4          0         2506.13585; the weight is capped at 5, nothing is clipped
    lite_ppo    0.2, 0.2         0         2508.08221; std over the batch
    clip_cov    0.2, 0.2         0         2505.22617; no gradient at 2 of 10,000 tokens, of high covariance
    kl_cov      none             0         2505.22617; 2 of 1,000 tokens are pulled back to the sampling policy

All have one rate, 3e-4, that of `modular` in the control: AdamW divides by the size of the gradient, so that a loss of
another scale does not go further, and at this rate a reward without information gains nothing. Twelve rollouts of four
steps go twice as far as the control. Not as in the papers: group sizes (64 for GRPO, 16 for DAPO and CISPO) and DAPO's
resampling of groups without variance.

Expected result: every loss that works lifts greedy and sampled accuracy over `sft_cot`; a verdict by the rule of
alignment/evaluation/verdicts.py says so for each. The papers compare at thousands of steps, and no order is promised:
differences between losses within the interval over seeds are none.

Cost: three seeds are sized for 25 minutes on 2 CPU cores, and no network; the same command resumes a stopped run.

    python -m alignment.ablate --config=configs/losses.py --workdir=runs/losses

`python docs/make_results.py --page=losses --workdir=runs/losses` makes docs/results/losses/README.md of it.
"""

from ml_collections import ConfigDict

from alignment.config import planted_config

START = "sft_cot"
COMPARED = {
    "grpo": "modular@loss=grpo@beta=0.04",
    "bnpo": "modular@loss=bnpo",
    "dapo": "modular@loss=dapo@clip_high=0.28@mask_truncated=true@channels=overlong=1",
    "dr_grpo": "modular@loss=dr_grpo",
    "gspo": "modular@loss=gspo@clip_low=3e-4@clip_high=4e-4",
    "cispo": "modular@loss=cispo@clip_high=4",
    "lite_ppo": "modular@loss=lite_ppo",
    "clip_cov": "modular@loss=clip_cov@covariance_share=2e-4",
    "kl_cov": "modular@loss=kl_cov@covariance_share=2e-3",
}


def get_config() -> ConfigDict:
    """Return the modular arm with every loss of `COMPARED`, and the arm that all start from, at three seeds."""
    config = planted_config()
    config.arms, config.seeds = (START, *COMPARED.values()), (0, 1, 2)
    config.data.eval.count = 200
    config.grpo.update(steps=12, minibatches=2, epochs=2, learning_rate=3e-4)
    return config
