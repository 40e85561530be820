"""One supervised step: forward pass, loss, gradient of the LoRA adapter, clipped AdamW step, as one compiled program.

A row is a prompt and its response; there are P G of them, as in a batch of training where no two share a prompt. Ours
is what training runs; plain holds all [T, V] logits.
"""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np

from alignment.benchmarks.flops import update_work
from alignment.benchmarks.measure import one_program
from alignment.benchmarks.registry import Suite, check_against
from alignment.benchmarks.setting import Setting
from alignment.benchmarks.suites.update import OPTIMIZER, make_inputs
from alignment.training.batches import SftBatch
from alignment.training.losses import make_sft_loss
from alignment.training.state import make_optimizer
from alignment.training.step import Term, make_step


def build(setting: Setting, against: tuple[str, ...] = ()) -> Suite:
    """Return the suite: a step on P G rows of Lp + Lc tokens, the last Lc of which are trained on."""
    check_against(setting, against, ("plain",))
    names = {"ours": setting.implementation} | dict.fromkeys(against, "reference")
    state, frozen, _ = make_inputs(setting)
    batch = make_rows(setting)
    cases = (
        one_program(name, "step_s", _step(setting, logprob), state, frozen, {"sft": batch})
        for name, logprob in names.items()
    )
    alone = dataclasses.replace(setting, prompts=setting.prompts * setting.group, group=1)
    return Suite(tuple(cases), "step_s", update_work(alone).total)


def make_rows(setting: Setting) -> SftBatch:
    """Return P G rows of random tokens."""
    shape = setting.prompts * setting.group, setting.prompt_len + setting.new_tokens
    tokens = np.random.default_rng(0).integers(0, setting.size.vocab, shape, np.int32)
    mask = np.broadcast_to(np.arange(shape[1]) >= setting.prompt_len, shape)
    return SftBatch(jnp.asarray(tokens), jnp.asarray(mask))


def _step(setting: Setting, logprob: str):
    loss = make_sft_loss(setting.config, setting.remat, logprob)
    return make_step((Term("sft", loss),), make_optimizer(OPTIMIZER, 1))
