"""Scores of lettered questions, calculations, dates and must-have statements, and of option likelihoods, by hand."""

from __future__ import annotations

import dataclasses

import pytest
from evaluation.vignette import mumble, record, respond

from alignment.evaluation.benchmark_scores import answer_score, is_near_tie, score_answers, score_options
from alignment.evaluation.option_likelihood import Score
from alignment.record import Record
from alignment.text.parser import parse
from alignment.text.templates import get_template

BMI = Record("c1", "medcalc", "Which BMI?", answer="24.2", limits=(23.0, 25.4))
DATE = Record("c2", "medcalc", "When is she due?", answer="07/01/2024")
KQA = Record(
    "k1",
    "kqa",
    "Can I take it?",
    answer="Yes.",
    must_have=("Ibuprofen irritates the stomach lining", "Take it with food"),
)


def answered(text: str):
    return parse(f"<think>I reckon.</think><answer>{text}</answer>", {}, get_template("think_answer"))


@pytest.mark.parametrize(
    "question, text, score",
    [
        (BMI, "The BMI is 24.2", 1.0),
        (BMI, "\\boxed{25.5}", 0.0),
        (BMI, "no number", 0.0),
        (DATE, "\\boxed{07/01/2024}", 1.0),
        (DATE, "It is 07/01/2024.", 1.0),
        (DATE, "It is 07/02/2024.", 0.0),
        (KQA, "Take it with food, please.", 0.5),
    ],
)
def test_an_answer_without_options_is_scored_by_its_record(question, text, score):
    assert answer_score(answered(text), question) == score


def test_rows_of_numbers_and_of_statements():
    numbers = score_answers([[answered("24"), answered("1")], [answered("1"), answered("1")]], [BMI, BMI])
    assert (numbers["accuracy"], numbers["pass_at_k"], numbers["samples"], numbers["n"]) == (0.25, 0.5, 2, 2)
    row = score_answers([[answered("Take it with food")]], [KQA])
    assert row["must_have_recall"] == 0.5 and row["strict_rate"] == 1.0 and "accuracy" not in row


def test_lettered_questions_have_the_scores_of_a_run():
    row = score_answers([[respond()], [mumble()]], [record("a"), record("b")])
    assert (row["accuracy"], row["valid_rate"], row["accuracy_given_valid"]) == (0.5, 0.5, 1.0)
    assert "auditability" in row
    sampled = score_answers([[respond(), mumble()]], [record()])
    assert (sampled["sampled_accuracy"], sampled["pass_at_k"], sampled["n"]) == (0.5, 1.0, 1)


def test_option_likelihoods_by_sum_and_by_token_with_a_question_that_was_not_posed():
    records = [record("a"), record("b"), record("c"), dataclasses.replace(record("d"), gold="A")]
    long = {
        "A": Score(-9.0, 9, False),
        "B": Score(-4.0, 2, False),
        "C": Score(-8.0, 2, False),
        "D": Score(-8.0, 2, False),
    }
    tie = {letter: Score(-1.0, 1, False) for letter in "ABCD"}
    row = score_options([long, tie, None, long], records)
    assert (row["likelihood_accuracy"], row["likelihood_accuracy_per_token"]) == (
        0.25,
        0.25,
    )  # B of the first, A of the last
    assert (row["posed"], row["n"], row["near_ties"], row["chance"]) == (3, 4, 1, 0.25)
    assert row["ece"] > row["ece_per_token"] > 0 and row["reliability"]


def test_near_ties():
    assert is_near_tie({"A": -1.0, "B": -1.0015, "C": -9.0}) and not is_near_tie({"A": -1.0, "B": -1.003})
