"""Answering registered hypotheses from the results of a run, by one written rule and never by hand.

The first line that applies is the answer:

    not testable   an arm is not in the run, the metric has no values, or the model or a setting is another one
    not powered    seeds, questions or completions are fewer than was registered, or an arm has the verdict not powered
    supported      the test of the rule has an adjusted p below the level
    refuted        the test of the opposite has (`margins`: below the bound that it should lie above, or the reverse)
    not powered    the smallest detectable difference is larger than `detect`
    undecided      anything else

A rule against several arms must hold against each: its p is the largest of theirs (intersection-union), and that of
the opposite the smallest times their number. Both are corrected over the hypotheses that were tested. A
support of *greater* accuracy is withheld, and undecided, where a control of the arm does as well (`control_arms`). The
rule is a reconstruction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from alignment.common.declaration import flatten
from alignment.evaluation.comparisons import plain_names
from alignment.evaluation.effects import Scores, pair_scores
from alignment.evaluation.margins import (
    Rates,
    detectable,
    detectable_rate,
    estimate,
    interval_of,
    p_above,
    p_below,
    p_more_often,
    p_outside,
    p_within,
)
from alignment.evaluation.preregistration import BY_QUESTION, LOST, RATES, Hypothesis, Registration
from alignment.evaluation.stability import is_harmed
from alignment.evaluation.statistics import Interval, benjamini_hochberg, cluster_bootstrap, holm
from alignment.metric_schema import find_metric

Row = Mapping[str, Any]

SUPPORTED, REFUTED, UNDECIDED = "supported", "refuted", "undecided"
NOT_POWERED, NOT_TESTABLE = "not powered", "not testable"
ADJUST = {"holm": holm, "bh": benjamini_hochberg}
METRIC_OF = {"greedy": "accuracy", "sampled": "sampled_accuracy"}
COPIED = ("name", "statement", "metric", "arm", "rule", "margin")  # of a hypothesis into its answer


class Study(NamedTuple):
    """What a run shows; arms by their names, or by those of their only variants (`comparisons.plain_names`)."""

    rows: Sequence[Row]  # of results.json
    scores: Mapping[str, Mapping[str, Scores]]  # metric -> arm -> seed -> record id -> value
    parameters: int | None  # of the model
    config: Mapping[str, Any]  # by dotted leaf
    unpowered: Collection[str] = ()  # arms with that verdict
    withheld: Mapping[tuple[str, str], str] = {}  # (arm, metric) -> why nothing is claimed of its accuracy


class Contrast(NamedTuple):
    """The arm of a hypothesis against one other."""

    against: str
    difference: float
    interval: Interval | None  # of the level that the one-sided tests have; None for rates of seeds
    interval_seeds: Interval | None  # bootstrap over questions and seeds, at the same level
    p: float  # of the rule
    p_opposite: float
    detectable: float | None  # None where nothing can be shown with so few seeds
    seeds: int
    questions: int | None


def make_study(report: Any, unpowered: Collection[str]) -> Study:
    """Return what a `report.Report` shows, under the plain names of its arms.

    An arm's name stands for its only variant beside its controls.
    """
    controls = {label for named in report.controls.values() for label in named.values()}
    labels = list(dict.fromkeys(row["arm"] for row in report.rows))
    names = dict(zip(labels, labels, strict=True)) | plain_names([arm for arm in labels if arm not in controls])
    scores = {"accuracy": report.outcomes, "sampled_accuracy": report.samples, **report.question_scores}
    config = report.meta.get("config")
    return Study(
        rows=[{**row, "arm": names[row["arm"]]} for row in report.rows],
        scores={
            metric: {names.get(arm, arm): by_seed for arm, by_seed in by_arm.items()}
            for metric, by_arm in scores.items()
        },
        parameters=report.meta.get("parameters"),
        config=flatten(config) if isinstance(config, Mapping) else {},
        unpowered={names.get(arm, arm) for arm in unpowered},
        withheld={
            (names.get(arm, arm), METRIC_OF[decoding]): reason for (arm, decoding), reason in report.withheld.items()
        },
    )


def answer_all(registration: Registration, study: Study) -> list[dict[str, Any]]:
    """Return the answer to every hypothesis, with the names that assets/metrics.toml declares under `hypotheses`."""
    judged: list[tuple[Hypothesis, list[Contrast], str, str]] = []
    for hypothesis in registration.hypotheses:
        missing = why_not_testable(hypothesis, study)
        contrasts = [] if missing else contrasts_of(hypothesis, study, registration)
        if not missing and len(contrasts) < len(hypothesis.against):
            missing = f"{hypothesis.metric} has no values that both arms share"
        answer = NOT_TESTABLE if missing else ""
        reason = missing or why_not_powered(hypothesis, study, contrasts)
        judged.append((hypothesis, contrasts, answer or (NOT_POWERED if reason else ""), reason))
    tested = [contrasts for _, contrasts, answer, _ in judged if not answer]
    adjust = ADJUST[registration.correction]
    supports = iter(adjust([max(contrast.p for contrast in contrasts) for contrasts in tested]))
    opposites = iter(adjust([min(1.0, len(each) * min(contrast.p_opposite for contrast in each)) for each in tested]))
    answers = []
    for hypothesis, contrasts, answer, reason in judged:
        p_adjusted, p_opposite = (None, None) if answer else (next(supports), next(opposites))
        if not answer:
            answer, reason = decide(hypothesis, contrasts, (p_adjusted, p_opposite), registration)
            withheld = study.withheld.get((hypothesis.arm, hypothesis.metric))
            if answer == SUPPORTED and hypothesis.rule == "greater" and withheld:
                answer, reason = UNDECIDED, f"{reason}. Withheld: {withheld}"
        answers.append(
            {
                **{name: getattr(hypothesis, name) for name in COPIED},
                "answer": answer,
                "reason": reason,
                "contrasts": [contrast._asdict() for contrast in contrasts],
                "p_adjusted": p_adjusted,
                "p_opposite": p_opposite,
                "before_answers": hypothesis.name in registration.before_answers,
            }
        )
    return answers


def why_not_testable(hypothesis: Hypothesis, study: Study) -> str:
    """Return in words why a run says nothing about a hypothesis; "" where it may."""
    present = {row["arm"] for row in study.rows}
    if absent := [arm for arm in (hypothesis.arm, *hypothesis.against) if arm not in present]:
        return f"needs {', '.join(absent)}, not in this run"
    low, high = hypothesis.parameters
    if (low, high) != Hypothesis._field_defaults["parameters"] and not low <= (study.parameters or 0) <= high:
        size = f"{study.parameters / 1e6:,.0f} M parameters" if study.parameters else "unknown size"
        return f"it speaks of models of {low / 1e6:,.0f} to {high / 1e6:,.0f} M parameters; this one has {size}"
    for leaf, value in hypothesis.setting.items():
        now = study.config.get(leaf)
        if (list(now) if isinstance(now, (list, tuple)) else now) != value:
            return f"it speaks of {leaf} = {value}; this run has {now}"
    return ""


def contrasts_of(hypothesis: Hypothesis, study: Study, registration: Registration) -> list[Contrast]:
    """Return the arm against each of the others at the registered seeds, without those that share no values with it."""
    contrasts = (contrast_of(hypothesis, other, study, registration) for other in hypothesis.against)
    return [contrast for contrast in contrasts if contrast is not None]


def contrast_of(hypothesis: Hypothesis, against: str, study: Study, registration: Registration) -> Contrast | None:
    """Return the arm of a hypothesis against one other; None without values of both."""
    metric, level, power = hypothesis.metric, registration.level, registration.power
    sign = -1.0 if hypothesis.rule in ("less", "not_greater") else 1.0
    if metric in RATES:
        return rate_contrast(hypothesis, against, study, registration)
    if metric in BY_QUESTION:
        sides = (study.scores.get(metric, {}).get(arm, {}) for arm in (hypothesis.arm, against))
        pairs = pair_scores(*({seed: side[seed] for seed in hypothesis.seeds if seed in side} for side in sides))
        differences = None if pairs is None else pairs.differences
    else:
        sides = [seed_values(study.rows, arm, metric, hypothesis.seeds) for arm in (hypothesis.arm, against)]
        common = [seed for seed in hypothesis.seeds if seed in sides[0] and seed in sides[1]]
        differences = np.array([[sides[0][seed] - sides[1][seed] for seed in common]]) if common else None
    effect = None if differences is None else estimate(sign * differences)
    if effect is None:
        return None
    margin = hypothesis.margin
    if hypothesis.rule == "equivalent":
        p, opposite = p_within(effect, margin), p_outside(effect, margin)
    else:
        bound = margin if hypothesis.rule in ("greater", "less") else -margin
        p, opposite = p_above(effect, bound), p_below(effect, bound)
    by_question = metric in BY_QUESTION
    several = effect.seeds > 1
    return Contrast(
        against,
        difference=sign * effect.mean,
        interval=interval_of(effect._replace(mean=sign * effect.mean), 1 - 2 * level),
        interval_seeds=cluster_bootstrap(differences, 1 - 2 * level) if several else None,
        p=p,
        p_opposite=opposite,
        detectable=detectable(effect, level, power),
        seeds=effect.seeds if by_question else effect.questions,
        questions=effect.questions if by_question else None,
    )


def rate_contrast(hypothesis: Hypothesis, against: str, study: Study, registration: Registration) -> Contrast | None:
    """Return how much more often than in another arm something happened, by the exact test of Boschloo."""
    first, second = (
        list(seed_values(study.rows, arm, hypothesis.metric, hypothesis.seeds).values())
        for arm in (hypothesis.arm, against)
    )
    if not first or not second:
        return None
    rates = Rates(int(sum(first)), len(first), int(sum(second)), len(second))
    swapped = Rates(*rates[2:], *rates[:2])
    claimed, opposite = (rates, swapped) if hypothesis.rule == "greater" else (swapped, rates)
    return Contrast(
        against,
        difference=float(np.mean(first) - np.mean(second)),
        interval=None,
        interval_seeds=None,
        p=p_more_often(claimed),
        p_opposite=p_more_often(opposite),
        detectable=detectable_rate(claimed, registration.level, registration.power),
        seeds=min(len(first), len(second)),
        questions=None,
    )


def seed_values(rows: Sequence[Row], arm: str, metric: str, seeds: Sequence[int]) -> dict[int, float]:
    """Return {seed: value} of a metric of which a results row has one; `lost` is collapsed or harmed."""
    values = {}
    for row in rows:
        if row["arm"] == arm and row["seed"] in seeds:
            value = row.get(metric)
            if metric == LOST and row.get("collapsed") is not None:
                value = bool(row["collapsed"]) or is_harmed(row)
            if isinstance(value, (bool, int, float)):
                values[row["seed"]] = float(value)
    return values


def why_not_powered(hypothesis: Hypothesis, study: Study, contrasts: Sequence[Contrast]) -> str:
    """Return in words what a run lacks of the registered budget; "" where it lacks nothing."""
    arms = (hypothesis.arm, *hypothesis.against)
    seeds = {arm: {row["seed"] for row in study.rows if row["arm"] == arm} for arm in arms}
    if missing := sorted(set(hypothesis.seeds) - set.intersection(*seeds.values())):
        return f"registered seeds that are not in this run: {', '.join(map(str, missing))}"
    questions = [contrast.questions for contrast in contrasts if contrast.questions is not None]
    if questions and min(questions) < hypothesis.questions:
        return f"{min(questions)} questions, and {hypothesis.questions} were registered"
    sampled = [row["completions"] for row in study.rows if row["arm"] in arms and row.get("completions") is not None]
    if hypothesis.completions and sampled and min(sampled) < hypothesis.completions:
        return f"a reward stage sampled {min(sampled):,.0f} completions, and {hypothesis.completions:,} were registered"
    if weak := [arm for arm in arms if arm in study.unpowered]:
        return f"{' and '.join(weak)} has the verdict not powered"
    return ""


def decide(
    hypothesis: Hypothesis,
    contrasts: Sequence[Contrast],
    adjusted: tuple[float, float],
    registration: Registration,
) -> tuple[str, str]:
    """Return the answer and its reason in words, of a hypothesis that was tested.

    Args:
      adjusted: p of the rule and p of its opposite, after the correction.
    """
    reason = "; ".join(describe(hypothesis, contrast, registration.level) for contrast in contrasts)
    support, opposite = adjusted
    if support < registration.level:
        return SUPPORTED, reason
    if opposite < registration.level:
        return REFUTED, reason
    sizes = [contrast.detectable for contrast in contrasts]
    if None in sizes:
        return NOT_POWERED, f"{reason}. So few seeds cannot show any difference"
    if max(sizes) > hypothesis.detect:
        needed = amount(hypothesis.metric, hypothesis.detect)
        return NOT_POWERED, f"{reason}. Detectable {amount(hypothesis.metric, max(sizes))}, and {needed} was registered"
    return UNDECIDED, reason


def describe(hypothesis: Hypothesis, contrast: Contrast, level: float) -> str:
    """Return one contrast in words, with its numbers."""
    metric = hypothesis.metric
    text = f"{hypothesis.arm} minus {contrast.against} {amount(metric, contrast.difference, '+')}"
    if contrast.interval:
        low, high = (amount(metric, end, "+") for end in contrast.interval)
        text += f", {100 * (1 - 2 * level):.0f} % interval {low} to {high}"
    counts = [f"{contrast.questions} questions"] if contrast.questions is not None else []
    counts.append(f"{contrast.seeds} seed{'' if contrast.seeds == 1 else 's'}")
    return f"{text} ({', '.join(counts)}), p {contrast.p:.3g}"


def amount(metric: str, value: float, sign: str = "") -> str:
    """Return a difference of a metric as text: shares in points."""
    if metric in RATES or find_metric(metric).unit == "share":
        return f"{100 * value:{sign}.1f} points"
    return f"{value:{sign}.3g}"
