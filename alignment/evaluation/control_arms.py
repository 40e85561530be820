"""Whether an arm does better than its controls, and what is withheld where it does not.

A control has what an arm's gain may not come from: a reward that says nothing, pays for wrong answers or for form
alone, chains of thought of other records, or an adapter that does nothing (`arms.controls_of`). A control *does as
well* by a decoding unless the arm is shown to be more accurate than it on the same questions and seeds: one-sided, over
questions and seeds (`margins`), p below `LEVEL`. The arm must beat every control that is in the run.

Where one does as well, the report withholds that the arm learned or is more accurate than another arm, and the support
of a registered hypothesis that says so; it goes on saying what was harmed. The rule is a reconstruction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignment.evaluation.effects import Scores, pair_scores
from alignment.evaluation.margins import estimate, interval_of, p_above

Controls = Mapping[str, Mapping[str, str]]  # arm -> name of a control -> its arm

LEVEL = 0.05
WITHHELD = "withheld"


def judge_controls(scores: Mapping[str, Mapping[str, Scores]], controls: Controls) -> list[dict[str, Any]]:
    """Compare every arm with each of its controls in the run.

    Args:
      scores: {"greedy" | "sampled": arm -> seed -> record id -> share of right answers}; controls: of the arms.

    Returns:
      One dict an arm, control and decoding: `arm`, `control`, `control_arm`, `decoding`, `questions`, `seeds`,
      `difference` (accuracy of the arm minus that of the control) with its two-sided `interval` of level
      1 - 2 `LEVEL`, one-sided `p`, and `as_good`: the control does as well.
    """
    judged = []
    for arm, named in controls.items():
        for control, label in named.items():
            for decoding, by_arm in scores.items():
                pairs = pair_scores(by_arm.get(arm, {}), by_arm.get(label, {}))
                effect = None if pairs is None else estimate(pairs.differences)
                if effect is None:
                    continue
                p = p_above(effect)
                judged.append(
                    {
                        "arm": arm,
                        "control": control,
                        "control_arm": label,
                        "decoding": decoding,
                        "questions": effect.questions,
                        "seeds": effect.seeds,
                        "difference": effect.mean,
                        "interval": interval_of(effect, 1 - 2 * LEVEL),
                        "p": p,
                        "as_good": p >= LEVEL,
                    }
                )
    return judged


def withheld_claims(judged: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """Return {(arm, decoding): why no gain is claimed of it, in words}, of the rows of `judge_controls`."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in judged:
        if row["as_good"]:
            low, high = (100 * end for end in row["interval"])
            shown = f"{row['control']} does as well ({100 * row['difference']:+.1f} points, {low:+.1f} to {high:+.1f})"
            reasons.setdefault((row["arm"], row["decoding"]), []).append(shown)
    return {key: f"its control {' and '.join(parts)}" for key, parts in reasons.items()}


def withhold(
    verdicts: Sequence[Mapping[str, Any]], withheld: Mapping[tuple[str, str], str], claim: str
) -> list[dict[str, Any]]:
    """Return verdicts in which the `claim` of an arm is replaced by `WITHHELD` where a control does as well."""
    result = []
    for verdict in verdicts:
        reason = withheld.get((verdict["arm"], verdict["decoding"]))
        changed = {"verdict": WITHHELD, "reason": f"{verdict['reason']}; {reason}"}
        result.append({**verdict, **(changed if reason and verdict["verdict"] == claim else {})})
    return result
