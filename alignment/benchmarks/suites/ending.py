"""A rollout whose completions end at very different lengths, all decoded from the beginning: suite `load` in one wave.

The sequences that have ended are idle. Ours narrows the cache of a deep model on a CPU to those that are left; whole
decodes all of them to the end (suite `decode`).
"""

from __future__ import annotations

from alignment.benchmarks.flops import rollout_flops
from alignment.benchmarks.generation import make_rollout
from alignment.benchmarks.registry import Suite, check_against
from alignment.benchmarks.setting import Setting
from alignment.benchmarks.suites.decode import rollout_case
from alignment.benchmarks.suites.load import draw_lengths
from alignment.benchmarks.suites.update import make_inputs
from alignment.rollout.scheduler import Layout


def build(setting: Setting, against: tuple[str, ...] = ()) -> Suite:
    """Return the suite: a rollout of P x G completions at once, with lengths of `load.draw_lengths`."""
    check_against(setting, against, ("whole",))
    limits, inputs = draw_lengths(setting), make_inputs(setting)
    layouts = {"ours": Layout()} | {name: Layout(whole=True) for name in against}
    cases = (
        rollout_case(name, make_rollout(setting, layout=layout, limits=limits), inputs)
        for name, layout in layouts.items()
    )
    return Suite(tuple(cases), "rollout_s", rollout_flops(setting) * float(limits.mean()) / setting.new_tokens)
