"""SamplingConfig alone: the prompts of a batch run once a group, then a token at a time for every completion.

plain    every sample runs and keeps a copy of its prompt
top_p    as ours, drawn from the most likely words that hold 0.9 of the probability
"""

from __future__ import annotations

from alignment.benchmarks.flops import rollout_bytes, rollout_flops
from alignment.benchmarks.generation import make_rollout
from alignment.benchmarks.measure import Case, Ready
from alignment.benchmarks.registry import Suite, check_against
from alignment.benchmarks.setting import Setting
from alignment.benchmarks.suites.update import make_inputs
from alignment.rollout.sampling import SamplingConfig

AGAINST = {"plain": {"shared": False}, "top_p": {"sampling": SamplingConfig(top_p=0.9)}}


def build(setting: Setting, against: tuple[str, ...] = ()) -> Suite:
    """A rollout of P x G completions of full length."""
    check_against(setting, against, tuple(AGAINST))
    inputs = make_inputs(setting)
    options = {"ours": {}} | {name: AGAINST[name] for name in against}
    cases = (_case(name, make_rollout(setting, **chosen), inputs) for name, chosen in options.items())
    return Suite(tuple(cases), "rollout_s", rollout_flops(setting), rollout_bytes(setting))


def _case(name, rollout, inputs) -> Case:
    def run():
        group = rollout(*inputs, 0)
        return {"rollout_s": group.seconds, "gen_tok_s": group.stats.tokens / group.seconds}

    def prepare() -> Ready:
        run()
        return Ready(run)

    return Case(name, prepare)
