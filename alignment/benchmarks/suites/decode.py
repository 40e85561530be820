"""A rollout alone: each prompt of a batch runs once for its group, then every completion grows by a token a step.

plain    every sample runs its prompt and holds a copy of its keys and values
top_p    as ours, but samples from the most likely tokens that have 0.9 of the probability
whole    one program of all layers, where ours runs a deep model on a CPU a layer at a time
"""

from __future__ import annotations

from collections.abc import Callable

from alignment.benchmarks.flops import rollout_bytes, rollout_flops
from alignment.benchmarks.generation import Generated, make_rollout
from alignment.benchmarks.measure import Case, Ready
from alignment.benchmarks.registry import Suite, check_against
from alignment.benchmarks.setting import Setting
from alignment.benchmarks.suites.update import make_inputs
from alignment.rollout.sampling import SamplingConfig
from alignment.rollout.scheduler import Layout

AGAINST = {
    "plain": {"shared": False},
    "top_p": {"sampling": SamplingConfig(top_p=0.9)},
    "whole": {"layout": Layout(whole=True)},
}


def build(setting: Setting, against: tuple[str, ...] = ()) -> Suite:
    """Return the suite: a rollout of P x G completions of full length."""
    check_against(setting, against, tuple(AGAINST))
    inputs = make_inputs(setting)
    options = {"ours": {}} | {name: AGAINST[name] for name in against}
    cases = (rollout_case(name, make_rollout(setting, **chosen), inputs) for name, chosen in options.items())
    return Suite(tuple(cases), "rollout_s", rollout_flops(setting), rollout_bytes(setting))


def rollout_case(name: str, rollout: Callable[..., Generated], inputs: tuple) -> Case:
    """Return the case of a rollout of `make_rollout` from `inputs` of `update.make_inputs`."""

    def run():
        generated = rollout(*inputs, 0)
        return {"rollout_s": generated.seconds, "gen_tok_s": generated.stats.tokens / generated.seconds}

    def prepare() -> Ready:
        run()
        return Ready(run)

    return Case(name, prepare)
