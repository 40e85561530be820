"""Calibration of option likelihoods: whether a probability of 0.7 is right seven times in ten.

The probabilities of a question's options are the softmax of their scores. A model that writes no probabilities is
calibrated or not in what it finds likely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.special

from alignment.errors import UserError
from alignment.record import Record

BINS = 10  # of equal width


def option_probabilities(scores: Mapping[str, float]) -> dict[str, float]:
    """Return the softmax of one question's scores, by letter."""
    return dict(zip(scores, scipy.special.softmax(list(scores.values())).tolist(), strict=True))


def calibration(rows: Sequence[Mapping[str, float]], records: Sequence[Record], bins: int = BINS) -> dict[str, Any]:
    """Measure the calibration of probabilities {letter: p} of N questions.

    Returns:
      `ece`, the expected calibration error sum_b n_b / N |accuracy_b - confidence_b| over bins of equal width of the
      largest probability (Guo et al. 2017, 1706.04599, equation 3); `brier`, the mean over questions of the sum over
      options of (p - [gold])^2 (Brier 1950), from 0 to 2; `nll`, the mean of -log p of the gold option;
      `reliability`, a dict a bin that holds questions: `confidence`, `accuracy` and `n`.

    Raises:
      UserError: no questions.
    """
    if not records:
        raise UserError("nothing to evaluate: there are no records")
    confidence = np.array([max(row.values()) for row in rows])
    right = np.array([max(row, key=row.__getitem__) == record.gold for row, record in zip(rows, records, strict=True)])
    brier = [
        sum((p - (letter == record.gold)) ** 2 for letter, p in row.items())
        for row, record in zip(rows, records, strict=True)
    ]
    gold = np.array([row[record.gold] for row, record in zip(rows, records, strict=True)])
    members = np.minimum((confidence * bins).astype(int), bins - 1)  # a probability of 1 is in the last bin
    reliability = [
        {
            "confidence": float(confidence[members == number].mean()),
            "accuracy": float(right[members == number].mean()),
            "n": int((members == number).sum()),
        }
        for number in np.unique(members)
    ]
    return {
        "ece": sum(each["n"] * abs(each["accuracy"] - each["confidence"]) for each in reliability) / len(records),
        "brier": float(np.mean(brier)),
        "nll": float(-np.log(np.maximum(gold, np.finfo(np.float64).tiny)).mean()),
        "reliability": reliability,
    }
