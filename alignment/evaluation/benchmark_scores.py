"""Scores of a policy on a benchmark by a protocol: one row of evaluation.json, from the items alone.

Questions that could not be posed (a prompt over the limit, markup inside) count as wrong, so that every score is over
the whole benchmark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from alignment.evaluation.accuracy import is_correct, summarise
from alignment.evaluation.auditability import audit
from alignment.evaluation.calibration import calibration, option_probabilities
from alignment.evaluation.option_likelihood import Score, is_likeliest, likeliest
from alignment.evaluation.sampled import pass_at_k, summarise_samples
from alignment.evaluation.statistics import bootstrap, wilson
from alignment.metric_schema import METRICS
from alignment.record import Record
from alignment.text.numbers import is_within_limits
from alignment.text.overlap import covered_share
from alignment.text.parser import Response

KEYS = tuple(METRICS["likelihood"])
NEAR = 2e-3  # nats: two options this close may change places with the order of sums


def answer_score(response: Response, record: Record) -> float:
    """Return how right an answer is, in [0, 1].

    Lettered questions: 1 for the gold letter. Numbers (MedCalc-Bench): 1 within the limits. Must-have statements
    (K-QA): the share of them that the answer covers. Any other text: 1 where the answer's last words are the gold ones.
    """
    if record.options:
        return float(is_correct(response, record))
    if record.limits is not None:
        return float(is_within_limits(response, record.limits))
    answer = response.text if response.answer is None else response.answer
    if record.must_have:
        return covered_share(record.must_have, answer)
    stated = response.boxes[0] if len(response.boxes) == 1 else answer
    return float(_plain(stated).endswith(_plain(record.answer)))


def _plain(text: str) -> str:
    return " ".join(text.casefold().strip(" .").split())


def score_answers(samples: Sequence[Sequence[Response]], records: Sequence[Record]) -> dict[str, Any]:
    """Score k responses to each of N records.

    Returns:
      Lettered questions and k = 1: what `summarise` and `audit` return. Lettered questions and k samples: what
      `summarise_samples` returns, and `n`. Other questions: `accuracy` (numbers and texts) or `must_have_recall`
      (K-QA), the mean of `answer_score` over questions and samples, its bootstrap interval, `pass_at_k` for numbers
      and k samples, `strict_rate` and `n`.
    """
    if all(record.options for record in records):
        if len(samples[0]) > 1:
            return summarise_samples(samples, records) | {"n": len(records)}
        responses = [single for (single,) in samples]
        return summarise(responses, records) | audit(responses, records)
    pairs = [(group, record) for group, record in zip(samples, records, strict=True)]
    scores = [[answer_score(response, record) for response in group] for group, record in pairs]
    means = [float(np.mean(row)) for row in scores]
    name = "must_have_recall" if any(record.must_have for record in records) else "accuracy"
    row: dict[str, Any] = {name: float(np.mean(means)), f"{name}_ci95": bootstrap(means), "n": len(records)}
    row["strict_rate"] = float(np.mean([response.strict for group in samples for response in group]))
    if (k := len(samples[0])) > 1:
        row["samples"] = k
        if name == "accuracy":
            row["pass_at_k"] = float(np.mean([pass_at_k(k, int(sum(each)), k) for each in scores]))
    return row


def score_options(rows: Sequence[Mapping[str, Score] | None], records: Sequence[Record]) -> dict[str, Any]:
    """Score the option likelihoods of N records; None stands for a question that could not be posed.

    Returns:
      `likelihood_accuracy` (highest sum of log-probabilities; a tie is wrong) and `likelihood_accuracy_per_token`
      (highest mean), each with a Wilson interval; `near_ties`, questions whose two best sums are within `NEAR`;
      `ece`, `brier`, `nll` and `reliability` of the softmax of the sums, and `ece_per_token`, `brier_per_token` and
      `nll_per_token` of that of the means, over the posed questions; `chance` and `n`.
    """
    posed = [(row, record) for row, record in zip(rows, records, strict=True) if row is not None]
    sums = [{letter: score.log_prob for letter, score in row.items()} for row, _ in posed]
    means = [{letter: score.per_token for letter, score in row.items()} for row, _ in posed]
    answered, n = [record for _, record in posed], len(records)
    result: dict[str, Any] = {"n": n, "posed": len(posed)}
    for suffix, scores in (("", sums), ("_per_token", means)):
        right = sum(map(is_likeliest, scores, answered))
        result[f"likelihood_accuracy{suffix}"] = right / n
        result[f"likelihood_accuracy{suffix}_ci95"] = wilson(right, n)
        if answered:
            measured = calibration([option_probabilities(row) for row in scores], answered)
            if suffix:
                del measured["reliability"]
            result |= {f"{name}{suffix}": value for name, value in measured.items()}
    result["near_ties"] = sum(is_near_tie(row) for row in sums)
    result["chance"] = sum(1 / len(record.options) for record in records) / n
    return result


def summarise_options(rows: Sequence[Mapping[str, Score]], records: Sequence[Record]) -> dict[str, Any]:
    """Return `score_options` under the names in `KEYS`, for a row of results.json; all None without scores."""
    scores = score_options(rows, records) if rows else {}
    return {name: scores.get(name) for name in KEYS}


def is_near_tie(scores: Mapping[str, float]) -> bool:
    """Whether the two best scores are at most `NEAR` apart."""
    first, second, *_ = sorted(scores.values(), reverse=True)
    return first - second <= NEAR


def option_item(scores: Mapping[str, Score], record: Record) -> dict[str, Any]:
    """Return what items.jsonl shows of a question's option likelihoods."""
    sums = {letter: score.log_prob for letter, score in scores.items()}
    means = {letter: score.per_token for letter, score in scores.items()}
    return {
        "prediction": likeliest(sums),
        "prediction_per_token": likeliest(means),
        "correct": is_likeliest(sums, record),
        "near_tie": is_near_tie(sums),
        "log_probs": sums,
        "tokens": {letter: score.tokens for letter, score in scores.items()},
        "probabilities": option_probabilities(sums),
    }


def answer_item(responses: Sequence[Response], record: Record) -> dict[str, Any]:
    """Return what items.jsonl shows of the answers to a question."""
    return {
        "score": float(np.mean([answer_score(response, record) for response in responses])),
        "answers": [
            {
                "letter": response.letter,
                "lenient": response.lenient,
                "strict": response.strict,
                "truncated": response.truncated,
                "text": response.text,
            }
            for response in responses
        ],
    }
