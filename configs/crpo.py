"""Clinical-R1's two rewards, with and without a cold start: `--config=configs/crpo.py:crpo`, or `:grpo`.

What it is: the comparison of Clinical-R1 (2512.00601, table 1) on the nano base. Its reward CRPO is 10 accuracy +
r_CR + 0.5 r_cons with the two blocks <dx> and <conclusion>, System 1 and System 2 inside the first; its baseline pays
accuracy, format and English. `grpo_only` is reinforcement without a cold start, `sft_cot` the cold start alone,
`modular_merged` the paper's pipeline: SFT, its adapter merged, then reinforcement.

    variant   preset    template        as in the paper
    crpo      crpo      dx_conclusion   equation 4; detectors and prompt are a reconstruction
    grpo      grpo_r1   think_answer    baseline of the code of April 2025

As in the paper: five completions a prompt, temperature 0.6, KL 0.001, half of the data for each stage. Not as in the
paper: the reward stage trains an adapter and not all weights, one optimiser step a rollout where the code takes 32,
and chains of thought come from generated vignettes, divided into System 1 and 2 after their first line.

Expected result: in the paper CRPO beats GRPO by 2.1 points on MedQA and the cold start adds 0.7 (one seed, no
interval, 3 billion parameters). At a million parameters no order is promised.

Cost: three seeds of one variant are sized for less than 15 minutes on 2 CPU cores, and no network.

    python -m alignment.ablate --config=configs/crpo.py:crpo --workdir=runs/crpo/crpo
    python -m alignment.ablate --config=configs/crpo.py:grpo --workdir=runs/crpo/grpo

`python docs/make_results.py --commands` prints the command of every variant; without the flag it makes docs/results.md
of what they left.
"""

from ml_collections import ConfigDict

from alignment.common.registry import lookup
from alignment.config import nano_config

REFERENCE = "grpo"
VARIANTS = {
    "grpo": {"grpo.reward": "grpo_r1", "prompt.template": "think_answer"},
    "crpo": {"grpo.reward": "crpo", "prompt.template": "dx_conclusion"},
}


def get_config(variant: str = "crpo") -> ConfigDict:
    """Return one `variant` of `VARIANTS`; raises `UserError` with the nearest name otherwise."""
    config = nano_config()
    config.arms, config.seeds = ("sft_cot", "grpo_only", "modular_merged"), (0, 1, 2)
    config.data.sft.count = config.data.rl.count = 768
    config.grpo.update(steps=20, group_size=5, temperature=0.6, beta=0.001, max_new_tokens=192)
    config.grpo.update(kl_target="token", kl="k3")
    config.eval.max_new_tokens = 192
    config.update_from_flattened_dict(lookup(VARIANTS, variant, "variant"))
    return config
