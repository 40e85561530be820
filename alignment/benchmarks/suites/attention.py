"""One layer's attention of an update, forward and backward: prompts attend to themselves, completions to both.

Ours is `--implementation` of `kernels.group_attention`; plain is its reference, which puts a copy of the prompt's keys
and values before those of every completion.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from alignment.benchmarks.flops import attention_flops
from alignment.benchmarks.measure import one_program
from alignment.benchmarks.registry import Suite, check_against
from alignment.benchmarks.setting import Setting
from alignment.kernels.group_attention.api import IMPLEMENTATIONS, causal_attention, group_attention


def build(setting: Setting, against: tuple[str, ...] = ()) -> Suite:
    """Return the suite: attention outputs and the gradients of all queries, keys and values."""
    check_against(setting, against, ("plain",))
    ours = IMPLEMENTATIONS[0] if setting.implementation == "auto" else setting.implementation
    names = {"ours": ours} | dict.fromkeys(against, "reference")
    arrays = make_arrays(setting)
    cases = (one_program(name, "step_s", _value_and_gradient(chosen), arrays) for name, chosen in names.items())
    return Suite(tuple(cases), "step_s", attention_flops(setting))


def make_arrays(setting: Setting) -> dict[str, tuple[jax.Array, ...]]:
    """Return queries, keys and values of the prompts [P, Lp, heads, d] and of the completions [P, G, Lc, heads, d]."""
    config, key = setting.config, jax.random.key(0)
    shapes = {
        "prompt": (setting.prompts, setting.prompt_len),
        "completion": (setting.prompts, setting.group, setting.new_tokens),
    }
    heads = (config.num_attention_heads, config.num_key_value_heads, config.num_key_value_heads)
    keys = {name: jax.random.split(jax.random.fold_in(key, len(shape)), 3) for name, shape in shapes.items()}
    return {
        name: tuple(
            jax.random.normal(each, (*shape, count, config.head_dim)).astype(setting.dtype)
            for each, count in zip(keys[name], heads, strict=True)
        )
        for name, shape in shapes.items()
    }


def _value_and_gradient(implementation: str):
    def total(arrays):
        (prompt_q, *prompt_kv), (q, *completion_kv) = arrays["prompt"], arrays["completion"]
        mask = jnp.ones(prompt_q.shape[:2], bool)
        prompt = causal_attention(prompt_q, *prompt_kv, implementation=implementation)
        completion = group_attention(q, tuple(prompt_kv), tuple(completion_kv), mask, implementation=implementation)
        return sum(jnp.sum(jnp.square(out.astype(jnp.float32))) for out in (prompt, completion))

    return jax.value_and_grad(total)
