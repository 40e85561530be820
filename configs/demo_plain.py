"""The plain task: the five headline arms on the embedded nano base, without planted strategies.

What it is: the harder task beside configs/demo.py. All chains of thought of SFT are those derived from the knowledge
base, so that what reinforcement could still add is facts, which takes far more completions than the thirty steps here.

Expected result: `results.json` and `report.html` in the workdir, one row an arm. The order of the arms is reported as
it comes out; with one seed the report makes no claim about stability. SFT teaches the format (from about 23 % strict to
almost 100 %) and lifts accuracy from about chance to about 37 %; thirty steps of GRPO are enough to see rewards, KL and
stability, not to move accuracy: see docs/nano.md.

Cost: sized for less than 10 minutes on 2 CPU cores, and no network.

    python -m alignment.ablate --config=configs/demo_plain.py --workdir=runs/demo_plain

Leaves that are not set here have the defaults of docs/configuration.md; `--print_config` prints every leaf.
"""

from ml_collections import ConfigDict

from alignment.config import default_config


def get_config() -> ConfigDict:
    """Return the headline arms at the nano scale."""
    config = default_config()
    config.arms = ("base", "sft_cot", "grpo_only", "monolithic", "modular")
    config.seeds = (0,)
    config.model.path = ""  # the embedded nano base

    config.data.sft.update(source="vignettes", count=1024)
    config.data.rl.update(source="vignettes", count=512)
    config.data.eval.update(source="vignettes", count=400)
    config.prompt.max_tokens = 320

    # A million-parameter model bears, and needs, far higher rates and smaller ranks than Qwen2.5 does.
    config.adapters.reasoning.update(rank=16, alpha=32.0, dropout=0.0)
    config.adapters.reward.update(rank=8, alpha=16.0)

    config.sft.update(epochs=2, batch_size=32, max_tokens=512, learning_rate=5e-3)

    config.grpo.update(steps=30, prompts=8, group_size=8, max_new_tokens=160)
    config.grpo.update(loss="grpo", beta=0.02, reward="decoupled_v1")
    config.grpo.update(learning_rate=5e-4, warmup=0.1)

    config.eval.max_new_tokens = 160
    return config
