"""A whole GRPO step: sample a rollout from the current adapter, then update the adapter with it, as training does.

Plain runs a prompt for every sample, in the rollout and in the update, and holds all [T, V] logits. Rewards are random
numbers, since scoring text is not measured.
"""

from __future__ import annotations

import time

import jax
import jax.numpy as jnp
import numpy as np

from alignment.benchmarks.flops import rollout_flops, update_work
from alignment.benchmarks.generation import make_rollout
from alignment.benchmarks.measure import Case, Ready
from alignment.benchmarks.registry import Suite, check_against
from alignment.benchmarks.setting import Setting
from alignment.benchmarks.suites.update import AGAINST, OPTIMIZER, make_inputs, our_loss, simple_loss
from alignment.models.packing import pack_cells
from alignment.rollout.groups import Group
from alignment.training.batches import GrpoBatch
from alignment.training.state import Frozen, TrainState, make_optimizer
from alignment.training.step import LossFn, Term, make_step


def build(setting: Setting, against: tuple[str, ...] = ()) -> Suite:
    """Return the suite: rollout and update of P prompts with G completions of full length."""
    check_against(setting, against, ("plain",))
    inputs = make_inputs(setting)
    cases = [_case("ours", setting, our_loss(setting), inputs, shared=True)]
    if against:
        cases.append(_case("plain", setting, simple_loss(setting.config, *AGAINST["plain"]), inputs, shared=False))
    return Suite(tuple(cases), "step_s", rollout_flops(setting) + update_work(setting).total)


def _case(name: str, setting: Setting, loss: LossFn, inputs: tuple, shared: bool) -> Case:
    def prepare() -> Ready:
        rollout = make_rollout(setting, shared=shared)
        step = jax.jit(make_step((Term("grpo", loss),), make_optimizer(OPTIMIZER, 1)))
        state, frozen, batch = inputs
        steps = 0

        def run() -> dict[str, float]:
            nonlocal state, steps
            began = time.perf_counter()
            generated = rollout(state, frozen, batch, steps)
            state = _update(step, state, frozen, generated.group, setting)
            jax.block_until_ready(state.lora.modules)
            steps += 1
            seconds = time.perf_counter() - began
            times = {"rollout_s": generated.seconds, "update_s": seconds - generated.seconds}
            return {"step_s": seconds} | times | {"gen_tok_s": generated.stats.tokens / generated.seconds}

        run()
        return Ready(run)

    return Case(name, prepare)


def _update(step, state: TrainState, frozen: Frozen, group: Group, setting: Setting) -> TrainState:
    shape = setting.prompts, setting.group
    grouped = jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[2:]) if leaf.ndim > 2 else leaf, group)
    rewards = np.random.default_rng(setting.new_tokens).standard_normal(shape, np.float32)
    once = slice(None, None, len(group.prompts) // setting.prompts)
    batch = GrpoBatch(
        prompts=group.prompts[once],
        prompt_mask=group.prompt_mask[once],
        completions=grouped.completions,
        mask=grouped.mask,
        log_prob=grouped.log_prob,
        advantages=rewards,
        cells=pack_cells(np.asarray(grouped.mask), setting.group * setting.new_tokens),
    )
    return step(state, frozen, {"grpo": jax.tree.map(jnp.asarray, batch)})[0]
