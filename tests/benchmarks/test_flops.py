"""Counted operations: against a count by loops over tokens, pairs and projections, and worked by hand."""

from __future__ import annotations

import dataclasses

import pytest

from alignment.benchmarks.flops import attention_flops, logprob_flops, rollout_bytes, rollout_flops, update_work
from alignment.benchmarks.setting import RANK, Setting, parse_size

TINY = Setting("update", parse_size("8,3,2,1,12,20"), prompts=2, group=3, prompt_len=5, new_tokens=4)


def counted(setting: Setting) -> dict[str, int]:
    """The same work met one token at a time: every state that somebody reads, at every layer."""
    config, work = setting.config, {"linear": 0, "adapters": 0, "attention": 0, "head": 0}
    last_layer = config.num_hidden_layers - 1
    prompt, length = setting.prompt_len, setting.new_tokens
    prompt_tokens = [(position, position == prompt - 1) for position in range(prompt)] * setting.prompts
    own_tokens = [(prompt + step, True) for step in range(length - 1)] * (setting.prompts * setting.group)
    for layer in range(config.num_hidden_layers):
        for position, read_at_the_end in prompt_tokens + own_tokens:
            whole = layer < last_layer or read_at_the_end
            for name, (fan_in, fan_out) in config.linear_shapes.items():
                if not whole and name not in ("k_proj", "v_proj"):
                    continue
                to_input = not (layer == 0 and name in ("q_proj", "k_proj", "v_proj"))
                work["linear"] += 2 * fan_in * fan_out * (1 + to_input)
                forward = RANK * fan_in + RANK * fan_out
                backward = 2 * RANK * fan_out + RANK * fan_in * (1 + to_input)
                work["adapters"] += 2 * (forward + backward)
            if whole:
                work["attention"] += (position + 1) * config.num_attention_heads * config.head_dim * (4 + 8)
    work["head"] = setting.prompts * setting.group * length * 2 * 2 * config.hidden_size * config.vocab_size
    return work


@pytest.mark.parametrize("changes", [{}, {"size": parse_size("8,1,2,1,12,20")}, {"prompt_len": 1}, {"new_tokens": 1}])
def test_the_formula_is_the_count(changes):
    setting = dataclasses.replace(TINY, **changes)
    assert update_work(setting)._asdict() == pytest.approx(counted(setting))


@pytest.mark.parametrize("changes", [{}, {"size": parse_size("8,1,2,1,12,20")}, {"prompt_len": 1}, {"new_tokens": 1}])
def test_a_rollout_is_its_forward_passes(changes):
    """A third of the attention of an update, one pass of its projections, and each head product once."""
    setting = dataclasses.replace(TINY, **changes)
    work, config = counted(setting), setting.config
    words = setting.prompts + setting.prompts * setting.group * (setting.new_tokens - 1)
    head = 2 * words * config.hidden_size * config.vocab_size
    assert rollout_flops(setting) == pytest.approx(counted_forward(setting) + work["attention"] / 3 + head)


def test_bytes_of_a_rollout_by_hand():
    """Sizes 8,3,2,1,12,20, P 2, G 3, Lp 5, Lc 4: three steps read 3 layers of 480 weights, four the head of 160.

    A layer is q 8x8, k and v 8x4, o 8x8, gate, up and down 8x12 = 480. Keys and values are 2 x 4 a layer: a step reads
    5 of each prompt and 1, 2, 3 of each completion.
    """
    weights = 3 * 3 * 480 + 4 * 160
    cache = 2 * (3 * 5 + 3 * (1 + 2 + 3)) * (2 * 3 * 4)
    assert rollout_bytes(TINY) == 4 * (weights + cache)
    assert rollout_bytes(dataclasses.replace(TINY, dtype="bfloat16")) == 2 * (weights + cache)


def counted_forward(setting: Setting) -> int:
    """Projections and adapters met one token at a time."""
    config, total = setting.config, 0
    completion_tokens = setting.prompts * setting.group * (setting.new_tokens - 1)
    for layer in range(config.num_hidden_layers):
        last = layer == config.num_hidden_layers - 1
        for name, (fan_in, fan_out) in config.linear_shapes.items():
            whole = not last or name in ("k_proj", "v_proj")
            tokens = completion_tokens + setting.prompts * (setting.prompt_len if whole else 1)
            total += tokens * (2 * fan_in * fan_out + 2 * RANK * (fan_in + fan_out))
    return total


def test_log_probabilities_by_hand():
    assert logprob_flops(TINY) == 4 * 24 * 8 * 20


def test_attention_by_hand():
    # 2 prompts of 5: 15 pairs each; 6 completions of 4 behind 5: 4 x 5 + 10 = 30 pairs each; 2 heads of 4.
    assert attention_flops(TINY) == 12 * 2 * 4 * (2 * 15 + 6 * 30)


def test_total_is_the_sum():
    work = update_work(TINY)
    assert work.total == work.linear + work.adapters + work.attention + work.head
