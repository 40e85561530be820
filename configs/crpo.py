"""Clinical-R1's two rewards, with and without a cold start, in its four parts on the planted task.

What it is: the comparison of Clinical-R1 (2512.00601, table 1) on the nano base. Its reward CRPO is 10 accuracy +
r_CR + 0.5 r_cons, where r_CR asks for a System 1 and a System 2 in the reasoning and a conclusion that refers to them;
its baseline pays accuracy, format and English. SFT learns the planted traces of configs/control_planted.py, divided
into System 1 and 2 after their first line or sentence, so that reinforcement can be seen to learn.

    name           reward    cold start
    crpo           crpo      SFT, its adapter merged: the pipeline of the paper
    grpo           grpo_r1   the same
    crpo_no_start  crpo      none: reinforcement on the base
    grpo_no_start  grpo_r1   none

As in the paper: five completions a prompt, temperature 0.6, KL 0.001 by k3. Not as in the paper: one template for both
rewards, so that nothing but the reward differs, and in it <think> and <answer> stand for <dx> and <conclusion>, which
the embedded base cannot write (docs/nano.md); the reward stage trains an adapter and not all weights, with one
optimiser step a rollout where the code takes 32; chains of thought come from generated vignettes. After a cold start
the rate is 3e-4, that of `modular` in the control, and there are 16 prompts a step as there. Without one it is 2e-3,
which a fresh adapter bears (docs/nano.md), since the base has most of the format still to learn.

Expected result: strict format of at least 90 % after SFT, without which the page would compare nothing. In the paper
CRPO beats GRPO by 2.1 points on MedQA and the cold start adds 0.7 (one seed, no interval, 3 billion parameters). Both
rewards can find the careful strategy after a cold start; no order of the two is promised at a million parameters. A
reward of 24 steps does not teach the base the format, and its verdict says that it was not powered.

Cost: three seeds are sized for 25 minutes on 2 CPU cores, and no network; the same command resumes a stopped run.

    python -m alignment.ablate --config=configs/crpo.py --workdir=runs/crpo

`python docs/make_results.py --page=crpo --workdir=runs/crpo` makes docs/results/crpo/README.md of it.
"""

from ml_collections import ConfigDict

from alignment.config import planted_config

START = "sft_cot"
COMPARED = {
    "crpo": "modular_merged@reward=crpo",
    "grpo": "modular_merged@reward=grpo_r1",
    "crpo_no_start": "grpo_only@reward=crpo@learning_rate=2e-3",
    "grpo_no_start": "grpo_only@reward=grpo_r1@learning_rate=2e-3",
}


def get_config() -> ConfigDict:
    """Return the arms of `COMPARED` with those that they start from, at three seeds."""
    config = planted_config()
    config.arms, config.seeds = ("base", START, *COMPARED.values()), (0, 1, 2)
    config.prompt.template = "think_systems"
    config.data.eval.count = 200
    config.grpo.update(prompts=16, group_size=5, temperature=0.6, beta=0.001, max_new_tokens=192, learning_rate=3e-4)
    config.grpo.power_every, config.eval.max_new_tokens = 4, 192
    return config
