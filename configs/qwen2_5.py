"""Qwen2.5-Instruct at four sizes: `--config=configs/qwen2_5.py:0.5b`, or 1.5b, 3b, 7b.

What it is: the five headline arms on a real base, a reconstruction of the recipe behind "Decoupling Reasoning and
Reward" (medRxiv 10.64898/2026.03.12.26348283). The paper's abstract names the arms' idea and the Qwen2.5 sizes; ranks,
rates, lengths and rewards are not public, so every value below is this project's reconstruction from neighbouring
work, not a quotation.

    size   SFT rate   GRPO rate   KL beta   completion
    0.5b   2e-4       5e-5        0.04      512
    1.5b   2e-4       3e-5        0.04      1024
    3b     1e-4       1e-5        0.02      1024
    7b     1e-4       1e-5        0.02      1024

Where the values come from; a rate of GRPO is that of LoRA, which bears about ten times the rate of full fine-tuning:

    GRPO 5e-5      TRL, "LoRA Without Regret", its GRPO of Qwen3-0.6B with LoRA
    GRPO 3e-5      verl, docs/advance/ppo_lora, its reference for GRPO with LoRA; full GRPO of Qwen2.5-1.5B takes
                   5e-6 in GDPO (2601.05242), ten times which is 5e-5
    GRPO 1e-5      TRL, the same page, its table for SmolLM3-3B with LoRA (1e-6 in full); at 7b ten times the 1e-6 of
                   full GRPO in DeepSeekMath (2402.03300)
    SFT 2e-4       TRL, the same page, its SFT with LoRA; QLoRA (2305.14314) up to 13B
    SFT 1e-4       Clinical-R1 (2512.00601), its cold start with LoRA, as are r 32, 10 % warm-up and clipping at 1
    KL beta        0.04 in DeepSeekMath; half of it at the larger sizes is a choice
    ratio 0.2      TRL's default, as are 8 samples a prompt

Common to all: bfloat16; reasoning adapter r 32, alpha 64, dropout 0.05; reward adapter r 16, alpha 32; both on all
seven projections; SFT on 64 sequences of up to 2048 tokens, 2 epochs, cosine after 10 % warm-up; GRPO on 32 prompts
of up to 1024 tokens, 8 samples each at temperature 1, constant after 5 % warm-up; a KL penalty of whole completions.

Expected result: none is promised; whatever order the arms come out in is reported as it came.

Cost: not measured yet at these sizes; an accelerator is needed. `--dry_run` states memory, time and disk on the machine
at hand, and with `--machine=h100` on that one. The number of GRPO steps and the micro-batches are choices of this file.
On a CPU `--config.model.dtype=float32` is faster than bfloat16.

    python -m alignment.ablate --config=configs/qwen2_5.py:0.5b --workdir=runs/qwen2_5-0.5b \
        --config.data.rl.source=medqa --config.data.rl.path=train.jsonl \
        --config.data.eval.source=medqa --config.data.eval.path=dev.jsonl
    python -m alignment.ablate --config=configs/qwen2_5.py:7b --workdir=runs/qwen2_5-7b --dry_run --machine=h100

`--config.model.path=FOLDER` takes a downloaded checkpoint in place of the Hub id. SFT stays on generated vignettes
until `--config.data.sft.source`, `.path` and `.traces` name something else. The 3b weights carry a non-commercial
licence.
"""

from pathlib import Path

from ml_collections import ConfigDict

from alignment.config import default_config
from alignment.errors import UserError

# size -> (SFT learning rate, GRPO learning rate, KL beta, completion tokens)
RECIPES = {
    "0.5b": (2e-4, 5e-5, 0.04, 512),
    "1.5b": (2e-4, 3e-5, 0.04, 1024),
    "3b": (1e-4, 1e-5, 0.02, 1024),
    "7b": (1e-4, 1e-5, 0.02, 1024),
}


def get_config(size: str = "") -> ConfigDict:
    """Return the reconstructed recipe for one `size` of `RECIPES`; raises `UserError` listing them otherwise."""
    if size.lower() not in RECIPES:
        problem = f"unknown size {size!r}" if size else "no size given"
        raise UserError(f"{problem}; write --config=configs/qwen2_5.py:SIZE with SIZE one of {', '.join(RECIPES)}")
    config = default_config()
    config.model.path = f"Qwen/Qwen2.5-{size.upper()}-Instruct"
    config.model.dtype = "bfloat16"
    config.model.remat = True
    config.preregistration = str(Path(__file__).with_name("preregistration.toml"))
    sft_rate, grpo_rate, beta, completion = RECIPES[size.lower()]
    _lengths(config, completion)
    _stages(config, sft_rate, grpo_rate, beta)
    return config


def _lengths(config: ConfigDict, completion: int) -> None:
    config.prompt.max_tokens = 1024
    config.sft.max_tokens = 2048
    config.grpo.max_new_tokens = completion
    config.eval.max_new_tokens = completion


def _stages(config: ConfigDict, sft_rate: float, grpo_rate: float, beta: float) -> None:
    config.adapters.reasoning.update(rank=32, alpha=64.0, dropout=0.05)
    config.adapters.reward.update(rank=16, alpha=32.0, dropout=0.0)
    config.sft.update(batch_size=64, epochs=2, learning_rate=sft_rate, schedule="cosine", warmup=0.1)
    config.sft.update(weight_decay=0.01, clip_norm=1.0, micro_batches=16)
    config.grpo.update(prompts=32, group_size=8, epochs=1, minibatches=1, temperature=1.0, micro_batches=16)
    config.grpo.update(learning_rate=grpo_rate, schedule="constant", warmup=0.05, weight_decay=0.0, clip_norm=0.5)
    config.grpo.update(beta=beta, clip_low=0.2, clip_high=0.2)
    config.grpo.update(kl_target="sequence", kl="k1")  # docs/losses.md says why
