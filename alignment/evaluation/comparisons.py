"""Comparing arms: paired tests on the same questions, the spread over seeds, and rewards that rose without accuracy."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Collection, Mapping, Sequence

from alignment.evaluation.effects import Scores, pair_scores
from alignment.evaluation.stability import is_harmed
from alignment.evaluation.statistics import (
    benjamini_hochberg,
    bootstrap,
    cluster_bootstrap,
    detectable_of,
    holm,
    mcnemar,
    over_seeds,
    sign_flip,
)

Row = Mapping
Outcomes = Mapping[str, Mapping[int, Mapping[str, bool]]]  # arm -> seed -> record id -> answered right

MIN_QUESTIONS = 100  # below it, no claim is made whatever p says
ALPHA = 0.05
SUMMARISED = ("accuracy", "auditability", "strict_rate", "reward_drawdown")
CLEAR = 2.0  # standard errors beyond which a reward has risen


def compare_pairs(
    outcomes: Outcomes, unpowered: Collection[str] = (), withheld: Mapping[tuple[str, str], str] | None = None
) -> list[dict]:
    """Compare every pair of arms on the questions both answered, over all seeds and seed by seed.

    Args:
      outcomes: every arm's answers; unpowered: arms about which nothing is claimed (`verdicts.unpowered`).
      withheld: (arm, decoding) -> why it is not claimed to be more accurate (`control_arms.withheld_claims`).

    Returns:
      One dict a pair and seed: `first`, `second`, `seed` (None for all of two or more seeds together), `n`,
      `first_only`, `second_only` (of one seed), `difference` (accuracy of the first minus the second) with its paired
      bootstrap `ci95` over questions and `ci95_seeds` over questions and seeds, `p` (exact McNemar; over all seeds the
      sign-flip test), `p_holm` and `p_bh` (adjusted for the rows over all seeds, or for those of single seeds),
      `detectable` (the difference that would be detected with power 0.8) and `reading`, which claims a difference only
      for at least `MIN_QUESTIONS` questions and arms that were powered.
    """
    pairs = []
    for first, second in itertools.combinations(outcomes, 2):
        seeds = sorted(set(outcomes[first]) & set(outcomes[second]))
        for seed in [*([None] if len(seeds) > 1 else []), *seeds]:
            chosen = seeds if seed is None else [seed]
            pair = _paired(*({other: outcomes[arm][other] for other in chosen} for arm in (first, second)))
            if pair is not None:
                pairs.append({"first": first, "second": second, "seed": seed, **pair})
    for overall in (True, False):
        family = [row for row in pairs if (row["seed"] is None) is overall]
        p_values = [row["p"] for row in family]
        for row, strict, lenient in zip(family, holm(p_values), benjamini_hochberg(p_values), strict=True):
            row |= {"p_holm": strict, "p_bh": lenient}
            row["reading"] = _reading(row, unpowered, withheld or {})
    return pairs


def _reading(row: Row, unpowered: Collection[str], withheld: Mapping[tuple[str, str], str]) -> str:
    """What a comparison claims, in words."""
    if row["n"] < MIN_QUESTIONS:
        return f"no claim: {row['n']} questions are too few"
    if weak := [arm for arm in (row["first"], row["second"]) if arm in unpowered]:
        return f"no claim: {' and '.join(weak)} not powered"
    if row["p_holm"] >= ALPHA:
        return f"no difference shown; {100 * row['detectable']:.1f} points would be"
    better = row["first"] if row["difference"] > 0 else row["second"]
    if reason := withheld.get((better, "greedy")):
        return f"no claim for {better}: {reason}"
    return f"{better} more accurate"


def unearned_gains(rows: Sequence[Row], outcomes: Outcomes, before: Mapping[str, str | None]) -> list[dict]:
    """Find rewards that rose while accuracy fell, because training rewarded something else than right answers.

    Args:
      rows: as in `report.Report`; `reward_change` and its error are read.
      outcomes: every arm's answers.
      before: arm -> the arm that answers as its reward stage began; None where there is none.

    Returns:
      One dict an arm and seed that can be judged: `arm`, `before`, `seed`, `reward_change`, `reward_change_se`,
      `difference` (accuracy of the arm minus that before it), `ci95`, `n`, `p` and `p_holm` as in `compare_pairs`,
      adjusted for all rows of this list, and `unearned`: the change is above 2 errors, the difference below 0 and its
      adjusted p under 0.05. The definition is a reconstruction.
    """
    gains = []
    for row in rows:
        arm, seed, earlier = row["arm"], row["seed"], before.get(row["arm"])
        answers = [outcomes.get(name, {}).get(seed) for name in (arm, earlier)]
        if None not in (row.get("reward_change_se"), *answers) and (pair := _paired(*({0: each} for each in answers))):
            change = {name: row[name] for name in ("reward_change", "reward_change_se")}
            gains.append({"arm": arm, "before": earlier, "seed": seed, **change, **pair})
    for gain, adjusted in zip(gains, holm([gain["p"] for gain in gains]), strict=True):
        gain["p_holm"] = adjusted
        rose = gain["reward_change"] > CLEAR * gain["reward_change_se"]
        fell = gain["difference"] < 0 and adjusted < ALPHA and gain["n"] >= MIN_QUESTIONS
        gain["unearned"] = rose and fell
    return gains


def _paired(first: Scores, second: Scores) -> dict | None:
    """Compare two arms over their common seeds: one seed by McNemar's test, several by the sign-flip test."""
    pairs = pair_scores(first, second)
    if pairs is None:
        return None
    differences = pairs.differences
    by_question, several = differences.mean(axis=0), len(differences) > 1
    if several:
        test = {"n": len(by_question), "first_only": None, "second_only": None, "p": sign_flip(by_question)}
    else:
        test = mcnemar(*(side[0].tolist() for side in pairs))
    return test | {
        "difference": float(by_question.mean()),
        "ci95": bootstrap(by_question),
        "ci95_seeds": cluster_bootstrap(differences) if several else None,
        "detectable": detectable_of(by_question),
    }


def seed_summary(rows: Sequence[Row], unpowered: Collection[str] = ()) -> list[dict]:
    """Summarise each arm over its seeds; nothing is claimed about the stability of arms that were not powered.

    Returns:
      One dict an arm: `arm`, `seeds`, `accuracy`, `auditability`, `strict_rate` and `reward_drawdown` as
      `statistics.over_seeds` gives them (of the seeds that have a value), `judged` (seeds with a reward
      stage), `collapsed` and `never_learned` (how many of those; None without GRPO), `harmed` (how many ended
      worse than they began without collapsing) and `stability` = 1 - (collapsed + harmed) / judged (None with fewer
      than two).
    """
    summaries = [_arm_summary(arm, arm_rows) for arm, arm_rows in _by_arm(rows).items()]
    return [summary | {"stability": None} if summary["arm"] in unpowered else summary for summary in summaries]


def _arm_summary(arm: str, rows: Sequence[Row]) -> dict:
    judged = [row for row in rows if row.get("collapsed") is not None]
    collapsed = sum(row["collapsed"] for row in judged) if judged else None
    harmed = sum(is_harmed(row) and not row["collapsed"] for row in judged) if judged else None
    return {
        "arm": arm,
        "seeds": len(rows),
        **{name: over_seeds([row[name] for row in rows if row.get(name) is not None]) for name in SUMMARISED},
        "judged": len(judged),
        "collapsed": collapsed,
        "never_learned": sum(bool(row.get("never_learned")) for row in judged) if judged else None,
        "harmed": harmed,
        "stability": 1 - (collapsed + harmed) / len(judged) if len(judged) > 1 else None,
    }


def plain_names(labels: Sequence[str]) -> dict[str, str]:
    """Return {label: name of its arm without the variant}, where it is the only variant; otherwise its label."""
    names = {label: label.partition("@")[0] for label in labels}
    variants = collections.Counter(names.values())
    return {label: name if variants[name] == 1 else label for label, name in names.items()}


def _by_arm(rows: Sequence[Row]) -> dict[str, list[Row]]:
    arms: dict[str, list[Row]] = {}
    for row in rows:
        arms.setdefault(row["arm"], []).append(row)
    return arms
