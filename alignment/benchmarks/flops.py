"""Useful operations by formula: those that no exact computation of the same result can leave out.

A multiplication and an addition are two operations. Norms, activations, softmaxes, rotations and the optimiser are no
matrix products and do not count. Repeated work (a prompt for every completion, a layer recomputed in the backward
pass) counts once; unused results (padding, the upper triangle of causal scores) do not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from alignment.benchmarks.setting import RANK, Setting
from alignment.models.config import Qwen2Config


class Work(NamedTuple):
    """Operations of an update, forward and backward, by the part of the model that does them."""

    linear: float  # the frozen projections
    adapters: float
    attention: float
    head: float

    @property
    def total(self) -> float:
        """The operations of all parts."""
        return float(sum(self))


def update_work(setting: Setting) -> Work:
    """Return the useful operations of one GRPO update: a forward and a backward pass for the adapter's gradient.

    With P prompts of Lp tokens, G completions each of Lc tokens, L layers, H query heads of size d, hidden size D,
    vocabulary V and rank r; n is the number of tokens that pass through a projection [i, o]:

        linear     2 n i o forward, 2 n i o for the gradient of its input (its weights are frozen)
        adapters   2 n r (i + o) forward, twice that backward (gradients of the factors, and of their inputs)
        attention  4 H d a visible (query, key) pair and layer forward, 8 H d backward
        head       2 T D V forward and 2 T D V for the gradient of the hidden states, T = P G Lc

    n is P Lp + P G (Lc - 1): prompts count once for each group. No completion's last token counts, as it predicts
    nothing. In the last layer a prompt's tokens are read only through their keys and values, except its last token.
    The first layer needs no gradient of its input. Visible pairs a layer are P Lp (Lp + 1) / 2 of the prompts (P Lp in
    the last layer) and P G (Lc - 1) (Lp + Lc / 2) of the completions.
    """
    config = setting.config
    linear = adapters = 0.0
    for fan_in, fan_out, tokens, first in _projections(config, setting):
        linear += 2 * tokens * fan_in * fan_out * (1 if first else 2)
        adapters += 2 * tokens * RANK * (3 * (fan_in + fan_out) - (fan_in if first else 0))
    return Work(linear, adapters, _update_attention(config, setting), logprob_flops(setting))


def _projections(config: Qwen2Config, setting: Setting) -> Iterator[tuple[int, int, int, bool]]:
    """Yield (in, out, number of tokens, whether its input is the embedding) for every projection of every layer."""
    prompts, completions = setting.prompts * setting.prompt_len, setting.prompts * setting.group
    for layer in range(config.num_hidden_layers):
        for name, (fan_in, fan_out) in config.linear_shapes.items():
            read = layer < config.num_hidden_layers - 1 or name in ("k_proj", "v_proj")
            tokens = (prompts if read else setting.prompts) + completions * (setting.new_tokens - 1)
            yield fan_in, fan_out, tokens, layer == 0 and name in ("q_proj", "k_proj", "v_proj")


def _update_attention(config: Qwen2Config, setting: Setting) -> float:
    prompt, completion = setting.prompt_len, setting.new_tokens
    pairs = setting.prompts * setting.group * (completion - 1) * (prompt + completion / 2) * config.num_hidden_layers
    pairs += setting.prompts * prompt * ((prompt + 1) / 2 * (config.num_hidden_layers - 1) + 1)
    return 12 * config.num_attention_heads * config.head_dim * pairs


def rollout_flops(setting: Setting) -> float:
    """Return the useful operations of sampling P G completions of Lc tokens: the forward passes, prompts once a group.

    Projections, adapters and attention count as in `update_work`, forward only. The head counts 2 D V once for the
    first token of each prompt's group and once for every other token of each completion.
    """
    config, total = setting.config, 0.0
    for fan_in, fan_out, tokens, _ in _projections(config, setting):
        total += 2 * tokens * (fan_in * fan_out + RANK * (fan_in + fan_out))
    words = setting.prompts * (1 + setting.group * (setting.new_tokens - 1))
    return total + _update_attention(config, setting) / 3 + 2 * words * config.hidden_size * config.vocab_size


def rollout_bytes(setting: Setting) -> float:
    """Return the bytes that sampling P G completions of Lc tokens, all in parallel, must read.

    Every step reads the head, and every step but the last the layers, once for all completions. Each step also reads
    keys and values, 2 K d numbers for each layer and token: those of P prompts once a group, and those of the tokens
    sampled before.
    """
    config, width = setting.config, 2 if setting.dtype == "bfloat16" else 4
    layers = config.num_hidden_layers * sum(fan_in * fan_out for fan_in, fan_out in config.linear_shapes.values())
    head = config.vocab_size * config.hidden_size
    steps, cached = setting.new_tokens - 1, 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    seen = steps * setting.prompt_len + setting.group * steps * (steps + 1) / 2
    return float(width * (steps * layers + setting.new_tokens * head + setting.prompts * seen * cached))


def attention_flops(setting: Setting) -> float:
    """Return the useful operations of one layer's attention over all prompts and completions, forward and backward.

    12 H d a visible pair: P Lp (Lp + 1) / 2 of the prompts and P G Lc (Lp + (Lc + 1) / 2) of the completions.
    """
    prompt, completion = setting.prompt_len, setting.new_tokens
    pairs = setting.prompts * prompt * (prompt + 1) / 2
    pairs += setting.completion_tokens * (prompt + (completion + 1) / 2)
    return 12 * setting.config.num_attention_heads * setting.config.head_dim * pairs


def logprob_flops(setting: Setting) -> float:
    """Return the useful operations of T = P G Lc log-probs and of the gradient of their hidden states: 4 T D V."""
    return 4.0 * setting.completion_tokens * setting.config.hidden_size * setting.config.vocab_size
