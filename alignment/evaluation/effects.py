"""The change of an arm against the arm that it started from, and how much of the possible change that is.

A seed trains an arm, a question tests it. Differences are paired by question and seed and averaged over seeds first,
so that tests and intervals are over questions: they say what the arms of these seeds do on other questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from alignment.evaluation.statistics import Interval, bootstrap, cluster_bootstrap, detectable_of, sign_flip

Scores = Mapping[int, Mapping[str, float]]  # seed -> record id -> share of the answers that are right


class Change(NamedTuple):
    """The change of accuracy from a start arm to another."""

    questions: int  # that both arms answered at every seed
    seed_changes: tuple[float, ...]  # by seed
    start: float  # accuracy of the start arm, mean over seeds
    difference: float  # accuracy of the arm minus `start`
    ci95: Interval | None  # paired bootstrap over questions
    p: float  # sign-flip test over questions
    detectable: float | None  # smallest change that these questions and seeds detect with power 0.8
    ci95_seeds: Interval | None = None  # bootstrap over questions and seeds, for two seeds or more


class Headroom(NamedTuple):
    """How far accuracy could rise."""

    value: float
    basis: str  # in words, what it was computed from
    is_bound: bool = False  # whether training covers at most this distance, so that a share of it means something


class Pairs(NamedTuple):
    """What two arms scored on the questions that both answered at every common seed."""

    first: np.ndarray  # [seeds, questions]
    second: np.ndarray  # [seeds, questions]

    @property
    def differences(self) -> np.ndarray:
        """Score of the first minus that of the second, [seeds, questions]."""
        return np.subtract(self.first, self.second, dtype=np.float64)


def pair_scores(first: Scores, second: Scores) -> Pairs | None:
    """Return the scores of two arms side by side; None without common questions."""
    seeds = sorted(set(first) & set(second))
    answered = [side[seed] for side in (first, second) for seed in seeds]
    names = [name for name in answered[0] if all(name in answers for answers in answered)] if answered else []
    if not names:
        return None
    return Pairs(*(np.array([[side[seed][name] for name in names] for seed in seeds]) for side in (first, second)))


def paired_change(scores: Scores, start: Scores) -> Change | None:
    """Return the change from the answers of the start arm to those of another; None without common questions."""
    pairs = pair_scores(scores, start)
    if pairs is None:
        return None
    differences = pairs.differences
    seeds, questions = differences.shape
    by_question = differences.mean(axis=0)
    return Change(
        questions=questions,
        seed_changes=tuple(differences.mean(axis=1).tolist()),
        start=float(pairs.second.mean()),
        difference=float(by_question.mean()),
        ci95=bootstrap(by_question),
        p=sign_flip(by_question),
        detectable=detectable_of(by_question),
        ci95_seeds=cluster_bootstrap(differences) if seeds > 1 else None,
    )


def headroom(start: float, ceiling: float | None, samples: Mapping[str, float | None]) -> Headroom | None:
    """Return how far the accuracy of a start arm could rise; None where nothing says it.

    Args:
      start: its accuracy; ceiling: that of an arm which has what the reward stage could teach, by the same decoding;
        None where there is none.
      samples: mean values of the start arm's row. Without a ceiling its `majority_at_k` minus `sampled_accuracy`
        stands in: how much would be won if every question were always answered as most samples answer it. It needs no
        new knowledge, and k = 16 samples or so to be steady; with fewer it is an estimate from k.
    """
    if ceiling is not None:
        return Headroom(ceiling - start, "ceiling minus start", is_bound=True)
    majority, single = samples.get("majority_at_k"), samples.get("sampled_accuracy")
    if majority is None or single is None:
        return None
    return Headroom(majority - single, f"majority@{samples['samples']:.0f} minus pass@1")
