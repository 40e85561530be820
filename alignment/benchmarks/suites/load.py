"""A rollout of completions of very different lengths, log-uniform between an eighth of `--new_tokens` and all of it.

An eighth of all completions is decoded at once. In ours a sequence starts its next sample when its last one ends;
static (and plain, which is the same in this suite) decodes wave after wave, each as long as its longest completion;
whole is ours with one program of all layers and a cache that keeps its shape (suite `decode`).
"""

from __future__ import annotations

import numpy as np

from alignment.benchmarks.flops import rollout_flops
from alignment.benchmarks.generation import make_rollout
from alignment.benchmarks.measure import Case, Ready
from alignment.benchmarks.registry import Suite, check_against
from alignment.benchmarks.setting import Setting
from alignment.benchmarks.suites.update import make_inputs
from alignment.rollout.scheduler import Layout

WAVES = 8
RANGE = 8  # length of the longest completion over that of the shortest


def build(setting: Setting, against: tuple[str, ...] = ()) -> Suite:
    """Return the suite: a rollout of P x G completions in P G / 8 sequences."""
    check_against(setting, against, ("plain", "static", "whole"))
    limits, inputs = draw_lengths(setting), make_inputs(setting)
    cases = (_case(name, setting, limits, inputs) for name in ("ours", *against))
    return Suite(tuple(cases), "rollout_s", rollout_flops(setting) * float(limits.mean()) / setting.new_tokens)


def draw_lengths(setting: Setting) -> np.ndarray:
    """Return lengths [P, G] in tokens, log-uniform over a range of 1:8, at most `--new_tokens`."""
    share = np.random.default_rng(0).random((setting.prompts, setting.group))
    return np.ceil(setting.new_tokens * RANGE ** (share - 1)).astype(int)


def _case(name: str, setting: Setting, limits: np.ndarray, inputs) -> Case:
    sequences = max(1, limits.size // WAVES)
    # A slot that holds a whole group takes no new prompt before its last sequence ends, so a wave has whole slots.
    rollouts = [(slice(None), make_rollout(setting, layout=Layout(sequences, whole=name == "whole"), limits=limits))]
    if name in ("plain", "static"):
        size = max(1, sequences // setting.group)
        parts = [slice(start, start + size) for start in range(0, setting.prompts, size)]
        rollouts = [(part, make_rollout(setting, limits=limits[part])) for part in parts]
    state, frozen, batch = inputs

    def run() -> dict[str, float]:
        cut = [batch.replace(prompts=batch.prompts[p], prompt_mask=batch.prompt_mask[p]) for p, _ in rollouts]
        waves = [rollout(state, frozen, part, 0) for part, (_, rollout) in zip(cut, rollouts, strict=True)]
        seconds = sum(wave.seconds for wave in waves)
        steps, tokens = (sum(getattr(wave.stats, key) for wave in waves) for key in ("steps", "tokens"))
        return {"rollout_s": seconds, "gen_tok_s": tokens / seconds, "decode_steps": steps}

    def prepare() -> Ready:
        run()
        return Ready(run)

    return Case(name, prepare)
