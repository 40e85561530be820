"""Whether an arm learned, by one written rule, from its change against the arm that it started from.

The rule looks at the paired change of accuracy with its 95 % interval over questions, seeds averaged (`effects`). The
first line that applies is the verdict:

    not powered   fewer than `MIN_QUESTIONS` questions
    harmed        the interval lies below 0, or strict format ends more than `FORMAT_MARGIN` below the interval of the
                  start arm, whatever accuracy and reward did
    learned       the interval lies above 0
    no change     the interval lies inside +-`MARGIN`, accuracy had more than `MARGIN` of headroom, and where training
                  power was measured, the stage sampled the completions N* that its gradient needs
    not powered   anything else: the run could not have shown a change, and `reason` says what it would have needed

A verdict *learned* is *withheld* where a control of the arm does as well (`control_arms`).

N* is what makes signal and noise equal in the gradient summed over the stage (`training_power`). The rule, its margins
and the order of its lines are a reconstruction: no source paper states when an arm counts as having learned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from alignment.evaluation.comparisons import MIN_QUESTIONS
from alignment.evaluation.effects import Change, Headroom, Scores, headroom, paired_change
from alignment.evaluation.statistics import holm
from alignment.evaluation.training_power import completions_needed

Row = Mapping[str, Any]

LEARNED, HARMED, NO_CHANGE, NOT_POWERED = "learned", "harmed", "no change", "not powered"
MARGIN = 0.03  # a change of accuracy inside it counts as none
FORMAT_MARGIN = 0.01  # one malformed answer in hundreds is no harm
# decoding -> the names of its accuracy and of its strict format in a results row
DECODINGS = {"greedy": ("accuracy", "strict_rate"), "sampled": ("sampled_accuracy", "sampled_strict_rate")}


class Evidence(NamedTuple):
    """What the rule looks at; None where it is not known."""

    change: Change
    strict: float | None = None  # share of the arm's answers in strict format
    strict_start: float | None = None  # lower end of the start arm's interval of the same
    headroom: Headroom | None = None
    completions: float | None = None  # sampled by the reward stage
    needed: float | None = None  # N*; infinite where no signal was measured


def judge_arms(
    rows: Sequence[Row],
    scores: Mapping[str, Mapping[str, Scores]],
    start_arms: Mapping[str, str | None],
    ceilings: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Judge every arm whose start arm is in the run, over all seeds and for each seed.

    Args:
      rows: of results.json.
      scores: {"greedy" | "sampled": arm -> seed -> record id -> share of right answers}.
      start_arms: arm -> the arm that answers as its reward stage began; None where there is none.
      ceilings: start arm -> an arm that has what the reward stage could teach.

    Returns:
      One dict for each arm, decoding and seed, with the names that assets/metrics.toml declares under `verdicts`;
      `seed` is None over all seeds. `p_holm` is adjusted for all arms and decodings, separately for the rows over all
      seeds and for those of single seeds.
    """
    verdicts = []
    for arm, start in start_arms.items():
        for decoding in DECODINGS:
            end, begin = (scores.get(decoding, {}).get(name, {}) for name in (arm, start))
            seeds = sorted(set(end) & set(begin))
            for seed in (None, *seeds):
                chosen = seeds if seed is None else [seed]
                change = paired_change(*({other: side[other] for other in chosen} for side in (end, begin)))
                if change is not None:
                    names = (arm, start, (ceilings or {}).get(start))
                    by_arm = ([row for row in rows if row["arm"] == name and row["seed"] in chosen] for name in names)
                    head = {"arm": arm, "start": start, "seed": seed, "decoding": decoding}
                    verdicts.append(head | verdict_row(collect_evidence(change, decoding, *by_arm)))
    for overall in (True, False):
        family = [verdict for verdict in verdicts if (verdict["seed"] is None) is overall]
        for verdict, adjusted in zip(family, holm([verdict["p"] for verdict in family]), strict=True):
            verdict["p_holm"] = adjusted
    return verdicts


def collect_evidence(
    change: Change, decoding: str, rows: Sequence[Row], start_rows: Sequence[Row], ceiling_rows: Sequence[Row]
) -> Evidence:
    """Return the evidence of a change by one decoding, from the results rows of the arm, its start and its ceiling."""
    accuracy, strict = DECODINGS[decoding]
    names = ("samples", "majority_at_k", "sampled_accuracy") if decoding == "sampled" else ()
    samples = {name: _mean(start_rows, name) for name in names}
    starts = [row[f"{strict}_ci95"][0] for row in start_rows if row.get(f"{strict}_ci95")]
    # Of the signal over all seeds: N* of one seed is only a lower bound where the interval of its few steps holds 0.
    signal = _mean(rows, "signal_share")
    needed = completions_needed(_mean(rows, "completions_per_half"), signal)
    if needed is None and signal is not None:
        needed = math.inf
    return Evidence(
        change,
        strict=_mean(rows, strict),
        strict_start=float(np.mean(starts)) if starts else None,
        headroom=headroom(change.start, _mean(ceiling_rows, accuracy), samples),
        completions=_mean(rows, "completions"),
        needed=needed,
    )


def decide(evidence: Evidence) -> tuple[str, str]:
    """Return the verdict and its reason in words, by the rule of this module."""
    change = evidence.change
    if change.questions < MIN_QUESTIONS or change.ci95 is None:
        return NOT_POWERED, f"{change.questions} questions are too few; at least {MIN_QUESTIONS} are needed"
    low, high = change.ci95
    shown = f"{points(change.difference)}, 95 % interval {100 * low:+.1f} to {100 * high:+.1f}"
    if high < 0:
        return HARMED, f"accuracy changed by {shown}"
    strict, start = evidence.strict, evidence.strict_start
    if None not in (strict, start) and strict < start - FORMAT_MARGIN:
        return HARMED, f"strict format ended at {strict:.1%}, from {start:.1%} or more"
    if low > 0:
        return LEARNED, f"accuracy changed by {shown}"
    problems = shortcomings(evidence)
    if problems:
        return NOT_POWERED, f"{shown}; {'; '.join(problems)}"
    return NO_CHANGE, f"{shown}, inside +-{100 * MARGIN:.0f} points"


def shortcomings(evidence: Evidence) -> list[str]:
    """Return in words why a run without a change could not have shown one; [] where it could have."""
    change, room = evidence.change, evidence.headroom
    problems = []
    if change.ci95[0] <= -MARGIN or change.ci95[1] >= MARGIN:
        problems.append(
            f"these questions and seeds detect {100 * change.detectable:.1f} points with power 0.8, "
            f"{questions_needed(change):,} questions would be needed"
        )
    if room is not None and room.value <= MARGIN:
        problems.append(f"no headroom: {room.basis} is {points(room.value)}")
    if evidence.needed is not None and evidence.completions is not None and evidence.completions < evidence.needed:
        target = "no signal was measured in its gradient"
        if math.isfinite(evidence.needed):
            target = f"its gradient needs {evidence.needed:,.0f} for as much signal as noise"
        problems.append(f"the stage sampled {evidence.completions:,.0f} completions, and {target}")
    return problems


def questions_needed(change: Change) -> int:
    """Return how many questions detect, with power 0.8, a change of the size seen, or of `MARGIN` if that is larger."""
    return math.ceil(change.questions * (change.detectable / max(abs(change.difference), MARGIN)) ** 2)


def verdict_row(evidence: Evidence) -> dict[str, Any]:
    """Return the verdict with all that it was decided by, as plain values; `p_holm` is None."""
    change, room = evidence.change, evidence.headroom
    verdict, reason = decide(evidence)
    # An arm that learns can exceed the vote of its start's samples many times: no share is won of such a headroom.
    has_share = room is not None and room.is_bound and room.value > MARGIN
    return {
        "verdict": verdict,
        "reason": reason,
        "questions": change.questions,
        "seeds": len(change.seed_changes),
        "seeds_up": sum(value > 0 for value in change.seed_changes),
        "start_accuracy": change.start,
        "change": change.difference,
        "ci95": change.ci95,
        "ci95_seeds": change.ci95_seeds,
        "p": change.p,
        "p_holm": None,
        "detectable": change.detectable,
        "headroom": room and room.value,
        "headroom_basis": room and room.basis,
        "headroom_won": change.difference / room.value if has_share else None,
        "strict": evidence.strict,
        "strict_start": evidence.strict_start,
        "completions": evidence.completions,
        "completions_needed": evidence.needed if evidence.needed is None or math.isfinite(evidence.needed) else None,
    }


def with_verdicts(rows: Sequence[Row], verdicts: Sequence[Row]) -> list[dict[str, Any]]:
    """Return results rows with `verdicts`, {decoding: verdict} of the row's arm at its seed; {} where there is none."""
    by_run: dict[tuple, dict[str, str]] = {}
    for verdict in verdicts:
        by_run.setdefault((verdict["arm"], verdict["seed"]), {})[verdict["decoding"]] = verdict["verdict"]
    return [{**row, "verdicts": by_run.get((row["arm"], row["seed"]), {})} for row in rows]


def unpowered(verdicts: Sequence[Row]) -> set[str]:
    """Return the arms about which nothing is claimed: over all seeds, no decoding has another verdict."""
    overall = [verdict for verdict in verdicts if verdict["seed"] is None]
    powered = {verdict["arm"] for verdict in overall if verdict["verdict"] != NOT_POWERED}
    return {verdict["arm"] for verdict in overall} - powered


def points(share: float) -> str:
    """Format a change of a share in points, with its sign."""
    return f"{100 * share:+.1f} points"


def _mean(rows: Sequence[Row], name: str) -> float | None:
    values = [row[name] for row in rows if row.get(name) is not None]
    return float(np.mean(values)) if values else None
