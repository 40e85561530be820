from __future__ import annotations

import dataclasses

import pytest
from growth import grows_linearly
from hypothesis import given
from hypothesis import strategies as st
from loopback import MODEL, good
from tiny import records

from alignment.config import default_data_set
from alignment.errors import UserError
from alignment.text.parser import parse
from alignment.text.templates import cot_response, get_template
from alignment.traces.filters import ACCEPTED, REASONS, make_judge, same_model
from alignment.traces.journal import Answer

RECORD = records(1)[0]  # gold A, influenza, "Patient 0 has fever. Which condition is it?"
TEMPLATE = get_template("think_answer")
COT = good(RECORD).split("<think>\n")[1].split("\n</think>")[0]


def judge(text: str, finish: str = "stop", model: str = MODEL, record=RECORD, **filters):
    settings = default_data_set().traces.filters
    settings.update(filters)
    return make_judge(settings, TEMPLATE, MODEL)(Answer(record.id, 0, MODEL, "p", text, finish, model), record)


def with_cot(cot: str) -> str:
    return good(RECORD, reasoning=cot)


@pytest.mark.parametrize(
    "text, options, reason",
    [
        (good(RECORD), {}, ACCEPTED),
        (good(RECORD).removeprefix("<think>\n"), {}, ACCEPTED),  # the teacher's own template had opened the block
        (good(RECORD).removeprefix("<think>"), {}, ACCEPTED),
        (good(RECORD) + "<|im_end|>and more", {}, ACCEPTED),  # what follows the end token was never said
        (good(RECORD), {"finish": "refused"}, "refused"),
        (good(RECORD), {"model": "something-else"}, "other model"),
        ("", {}, "empty"),
        (" \n<|im_end|>", {}, "empty"),
        (good(RECORD), {"finish": "length"}, "truncated"),
        (good(RECORD)[:60], {"finish": "length"}, "truncated"),
        (good(RECORD)[:60], {}, "unparsed"),  # it says "stop" and is cut
        ("I will not answer that.", {}, "unparsed"),
        (good(RECORD).replace("boxed{A}", "boxed{E}"), {}, "unparsed"),  # a letter outside the options
        (good(RECORD).replace("boxed{A}", "boxed{A} \\boxed{B}"), {}, "unparsed"),
        (good(RECORD, "B"), {}, "wrong answer"),
        ("The answer is B.", {}, "wrong answer"),
        ("The answer is A.", {}, "not strict"),
        ("Sure! " + good(RECORD), {}, "not strict"),
        (COT + good(RECORD).removeprefix("<think>"), {"finish": "length"}, "truncated"),
        (good(RECORD).replace("<think>", "").replace("</think>", ""), {}, "not strict"),  # no block at all
        (good(RECORD).replace("<think>", "").replace("</think>", "</think></think>"), {}, "not strict"),
        (good(RECORD).replace("</answer>", ""), {}, "not strict"),  # cut, though the answer can be read
        (with_cot(f"<div>{COT}</div>"), {}, "markup"),
        (with_cot(f"{COT} <script>alert(1)</script>"), {}, "markup"),
        (with_cot(f"{COT} <br/>"), {}, "markup"),
        (with_cot(f"{COT} <a href='x'>y</a>"), {}, "markup"),
        (with_cot(f"{COT} <|im_start|>user"), {}, "markup"),
        (with_cot(f"{COT} It holds for p < 0.05, <90 mmHg and x<y as well as for z>4."), {}, ACCEPTED),
        (with_cot("Patient 0 has fever."), {}, "too short"),
        (with_cot(f"{COT} " * 40), {}, "too long"),
        (with_cot(f"{COT} 患者有严重的胸痛，因此最可能的答案是心肌梗死。"), {}, "language"),
        (with_cot("El paciente 0 tiene fiebre alta con dolor muscular intenso, por lo tanto la respuesta mas probable "
                  "es influenza y no asma ni gota, dado que ninguna de ellas produce fiebre."), {}, "language"),
        (with_cot("This is the sort of thing that the others would not have, and which they could only have been asked "
                  "about if it were the one that they had been told of."), {}, "ungrounded"),
    ],
)  # fmt: skip
def test_the_first_check_that_fails_is_the_reason(text, options, reason):
    assert judge(text, **options).reason == reason


def test_every_reason_is_tested_above_and_they_come_in_order():
    (mark,) = test_the_first_check_that_fails_is_the_reason.pytestmark
    seen = [reason for _, _, reason in mark.args[1] if reason != ACCEPTED]
    assert tuple(dict.fromkeys(seen)) == REASONS


def test_an_accepted_answer_has_the_reasoning_as_its_chain_of_thought():
    verdict = judge(good(RECORD))
    assert verdict.accepted and verdict.cot == COT and verdict.response.verdict == "A"
    assert not judge(good(RECORD, "B")).accepted
    inside = judge(good(RECORD).removeprefix("<think>\n"))
    assert inside.accepted and inside.cot == COT


def test_an_answer_that_names_an_option_only_to_reject_it_is_no_trace():
    for answer in ("It is B, not option A", "Eliminated: (A)", "A or possibly B", "A \\boxed{B}"):
        text = good(RECORD).split("<answer>")[0] + f"<answer>\n{answer}\n</answer>"
        assert judge(text).reason in ("unparsed", "wrong answer")


@pytest.mark.parametrize(
    "limit, reason",
    [
        ({"min_words": len(COT.split())}, ACCEPTED),
        ({"min_words": len(COT.split()) + 1}, "too short"),
        ({"max_words": len(COT.split())}, ACCEPTED),
        ({"max_words": len(COT.split()) - 1}, "too long"),
        ({"grounding": 0.5}, ACCEPTED),  # one of its two sentences takes up the stem
        ({"grounding": 0.51}, "ungrounded"),
        ({"effective": 1.0}, ACCEPTED),  # every character is plain
    ],
)
def test_every_limit_is_a_setting(limit, reason):
    assert judge(good(RECORD), **limit).reason == reason


def test_limits_in_the_wrong_order_are_named():
    with pytest.raises(UserError, match="--config.traces.filters.min_words=9 and .max_words=8"):
        judge(good(RECORD), min_words=9, max_words=8)


@pytest.mark.parametrize(
    "requested, named, same",
    [
        ("gpt-4o", "gpt-4o", True),
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("openai/gpt-4o", "gpt-4o", True),
        ("Qwen/Qwen2.5-7B-Instruct", "qwen2.5-7b-instruct", True),
        ("gpt-4o", "", True),
        ("gpt-4o", "gpt-3.5-turbo", False),
        ("qwen2.5-7b", "llama-3-8b", False),
    ],
)
def test_which_names_are_the_same_model(requested, named, same):
    assert same_model(requested, named) is same


PIECES = st.lists(
    st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "\\boxed{A}", COT, "\n", "A", "<b>", "é"])
)


@given(PIECES.map("".join) | st.text())
def test_whatever_is_accepted_trains(text):
    verdict = judge(text)
    assert verdict.reason in (ACCEPTED, *REASONS)
    if verdict.accepted:
        made = cot_response(dataclasses.replace(RECORD, cot=verdict.cot), TEMPLATE)
        assert parse(made, RECORD.letters, TEMPLATE).strict


@pytest.mark.parametrize("piece", ["<a", "<", "<a>", "<a b=", "\\boxed{", "a "])
def test_judging_takes_time_linear_in_the_text(piece):
    assert grows_linearly(lambda size: judge(with_cot(piece * size)))
