"""Accuracy of several sampled answers a question: their mean, pass@k and the vote of the majority.

Reinforcement learning works on the distribution that it samples from, which greedy decoding does not show: an arm may
sample the right answer far more often and decode the same one greedily, or the reverse.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from alignment.errors import UserError
from alignment.evaluation.accuracy import is_correct
from alignment.evaluation.statistics import bootstrap
from alignment.metric_schema import METRICS
from alignment.record import Record
from alignment.text.parser import Response

KEYS = tuple(METRICS["sampled"])


def summarise_samples(samples: Sequence[Sequence[Response]], records: Sequence[Record]) -> dict[str, Any]:
    """Score k sampled responses to each of N records, under the names in `KEYS`; all None without samples.

    Intervals are percentile bootstrap 95 % intervals over questions: the k samples of a question are not independent
    evidence of how the arm answers other questions.

    Args:
      samples: [N][k] responses; empty where nothing was sampled.
      records: [N].

    Raises:
      UserError: not one list of responses a record.
    """
    if not samples:
        return dict.fromkeys(KEYS)
    if len(samples) != len(records):
        raise UserError(f"samples of {len(samples)} records for {len(records)}; remove the stale samples")
    k = len(samples[0])
    right = [sum(is_correct(response, record) for response in group) for group, record in _pairs(samples, records)]
    by_question = {
        "sampled_accuracy": [count / k for count in right],
        "pass_at_k": [pass_at_k(k, count, k) for count in right],
        "majority_at_k": [majority(group, record) for group, record in _pairs(samples, records)],
        "sampled_strict_rate": [float(np.mean([response.strict for response in group])) for group in samples],
    }
    intervals = {f"{name}_ci95": bootstrap(values) for name, values in by_question.items()}
    means = {name: float(np.mean(values)) for name, values in by_question.items()}
    valid = float(np.mean([response.letter is not None for group in samples for response in group]))
    guesser = float(np.mean([1 - (1 - 1 / len(record.options)) ** k for record in records]))
    return {"samples": k, **means, **intervals, "sampled_valid_rate": valid, "pass_at_k_chance": guesser}


def sampled_outcomes(samples: Sequence[Sequence[Response]], records: Sequence[Record]) -> dict[str, float]:
    """Return {record id: share of its samples that are right}, the input of a paired comparison of two arms."""
    return {
        record.id: sum(is_correct(response, record) for response in group) / len(group)
        for group, record in _pairs(samples, records)
    }


def pass_at_k(n: int, right: int, k: int) -> float:
    """Return the unbiased estimate 1 - C(n - c, k) / C(n, k) of the chance that one of k samples is right.

    Chen et al. 2021 (2107.03374), equation 1.

    Args:
      n: samples of the question; right: how many of them are right, c; k: samples that the estimate is about.

    Raises:
      ValueError: not 0 <= c <= n or not 1 <= k <= n.
    """
    if not (0 <= right <= n and 1 <= k <= n):
        raise ValueError(f"pass@{k} of {right} right among {n} samples")
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)


def majority(group: Sequence[Response], record: Record) -> float:
    """Return whether the most frequent letter among the responses is right (self-consistency, 2203.11171).

    A tie is decided by lot, so the value is the chance of the right letter: 0.5 where it is one of two most frequent
    ones. Responses without a letter have no vote; without any vote the value is 0.
    """
    votes = Counter(response.letter for response in group if response.letter is not None)
    most = [letter for letter, count in votes.items() if count == max(votes.values())]
    return (record.gold in most) / len(most) if most else 0.0


def _pairs(samples: Sequence[Sequence[Response]], records: Sequence[Record]):
    return zip(samples, records, strict=True)
