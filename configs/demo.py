r"""The demonstration: the five headline arms on the embedded nano base, from nothing but this repository.

What it is: a Qwen2-architecture model of about a million parameters, shipped with the package, is asked generated
clinical vignettes. The task is planted: 60 % of the traces of SFT come from a hasty teacher, who is right in 25 %, and
the others from a careful one, so that there is something that reinforcement can be seen to learn, namely to answer
carefully. `sft_cot`, `grpo_only`, `monolithic` and `modular` are trained and compared with `base` on held-out
combinations of facts, each at its own rate, chosen on the development split of configs/control_planted.py. The task
without planted strategies, on which these budgets show nothing, is configs/demo_plain.py.

Expected result: `results.json` and `report.html` in the workdir, one row an arm. SFT teaches the format (from about
23 % strict to almost 100 %) and both ways of answering; the reward stages of `modular` and `monolithic` lift greedy and
sampled accuracy. The monitor's alarm `format_only` at their first steps is right: hasty reasoning holds nothing
of the case. With one seed the report makes no claim about stability.

Cost: sized for less than 5 minutes on 2 CPU cores, and no network. About half a minute of it measures training power
and the loss of 32 held-out traces at seven steps of each reward stage, which changes no bit of the training
(docs/power.md); `--config.grpo.power_every=0` leaves it out.

    python -m alignment.ablate --config=configs/demo.py --workdir=runs/demo

Whether the reward stages learn at other seeds too is checked with five of them, in about 20 minutes:

    python -m alignment.ablate --config=configs/demo.py --workdir=runs/demo_seeds --config.seeds=0,1,2,3,4 \
        --config.arms=sft_cot,monolithic@learning_rate=5e-4,modular

`python docs/make_results.py --page=demo --workdir=runs/demo_seeds` makes docs/results/demo/README.md of it.

Leaves that are not set here have the defaults of docs/configuration.md; `--print_config` prints every leaf.
"""

from pathlib import Path

from ml_collections import ConfigDict

from alignment.config import default_config


def get_config() -> ConfigDict:
    """Return the headline arms on the planted task, at the nano scale."""
    config = default_config()
    config.arms = ("base", "sft_cot", "grpo_only", "monolithic@learning_rate=5e-4", "modular")
    config.seeds = (0,)
    config.preregistration = str(Path(__file__).with_name("preregistration.toml"))
    config.model.path = ""  # the embedded nano base

    # The last 32 are held out, to measure what reinforcement does to what SFT taught.
    config.data.sft.update(source="vignettes", count=4128, strategies=("careful=0.4", "hasty=0.6"))
    config.data.rl.update(source="vignettes", count=1024)
    config.data.eval.update(source="vignettes", count=200)
    config.prompt.max_tokens = 320

    # A million-parameter model bears, and needs, far higher rates and smaller ranks than Qwen2.5 does.
    config.adapters.reasoning.update(rank=16, alpha=32.0, dropout=0.0)
    config.adapters.reward.update(rank=8, alpha=16.0)

    config.sft.update(epochs=1, batch_size=16, batching="packed", max_tokens=512, learning_rate=5e-3, holdout=32)

    config.grpo.update(steps=24, prompts=8, group_size=8, max_new_tokens=160, temperature=0.7)
    config.grpo.update(loss="grpo", beta=0.0, reward="gated", power_every=4)
    config.grpo.update(learning_rate=2e-3, warmup=0.1)

    config.eval.update(max_new_tokens=160, samples=4)
    return config
