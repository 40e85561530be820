"""Prompts and gold completions."""

from __future__ import annotations

import dataclasses

import pytest

from alignment.errors import UserError
from alignment.record import Record
from alignment.text.parser import parse
from alignment.text.templates import (
    TEMPLATES,
    answer_response,
    cot_response,
    get_template,
    messages,
    user_message,
)

RECORD = Record(
    id="case-1",
    source="test",
    question="Which drug comes first?",
    options={"A": "Adrenaline", "B": "Cetirizine"},
    gold="A",
    context=("A man is stung by a wasp.", "He wheezes."),
    cot="Wheeze after a sting is anaphylaxis. The answer is A.",
)
THINK = TEMPLATES["think_answer"]


def test_prompt_holds_context_then_question_then_one_option_a_line():
    expected = (
        f"{THINK.instruction}\n\nA man is stung by a wasp.\nHe wheezes.\n"
        "Which drug comes first?\nA. Adrenaline\nB. Cetirizine"
    )
    assert user_message(RECORD, THINK) == expected
    assert messages(RECORD, THINK) == [
        {"role": "system", "content": THINK.system},
        {"role": "user", "content": expected},
    ]


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_a_question_without_options_is_not_asked_for_a_letter(template):
    question = Record("case-2", "test", "Which dose is right?", answer="5", limits=(4.0, 6.0))
    text = user_message(question, template)
    assert text.endswith("\n\nWhich dose is right?") and "letter" not in text and "choice" not in text
    assert all(f"<{tag}>" in text for tag in (template.reasoning_tag, template.answer_tag)) and "\\boxed{value}" in text


def test_gold_completions_word_for_word():
    answer = "<answer>\nA. Adrenaline \\boxed{A}\n</answer>"
    assert answer_response(RECORD, THINK) == answer
    assert cot_response(RECORD, THINK) == f"<think>\n{RECORD.cot}\n</think>\n{answer}"


@pytest.mark.parametrize("name", TEMPLATES)
def test_gold_completion_is_strict_and_right(name):
    template = get_template(name)
    response = parse(cot_response(RECORD, template), RECORD.letters, template)
    assert response.strict
    assert (response.letter, response.letter_source) == ("A", "boxed")
    assert response.reasoning.split() == [word for part in _parts(template) for word in part.split()]


@pytest.mark.parametrize("name", TEMPLATES)
def test_instruction_names_both_tags_and_the_box(name):
    template = TEMPLATES[name]
    for needed in (*template.literals, "\\boxed{"):
        assert needed in template.instruction


def test_answer_only_completion_is_not_strict_but_answers():
    response = parse(answer_response(RECORD, THINK), RECORD.letters, THINK)
    assert not response.strict
    assert response.letter == "A"


def test_unknown_template_names_the_nearest():
    with pytest.raises(UserError, match=r"'think_anwser'; did you mean 'think_answer'\?"):
        get_template("think_anwser")


def test_missing_chain_of_thought_is_refused():
    for cot in (None, "  \n"):
        with pytest.raises(UserError, match="'case-1' has no chain of thought"):
            cot_response(dataclasses.replace(RECORD, cot=cot), THINK)


@pytest.mark.parametrize("literal", ["<think>", "</answer>", "<|im_end|>"])
def test_markup_in_a_chain_of_thought_is_refused(literal):
    with pytest.raises(UserError, match="'case-1': its chain of thought contains"):
        cot_response(dataclasses.replace(RECORD, cot=f"so {literal} it is"), THINK)


@pytest.mark.parametrize("literal", ["</answer>", "\\boxed{B}"])
def test_markup_in_the_gold_option_is_refused(literal):
    with pytest.raises(UserError, match="'case-1': its gold option contains"):
        answer_response(dataclasses.replace(RECORD, options={"A": literal, "B": "b"}), THINK)


DX = get_template("dx_conclusion")


@pytest.mark.parametrize(
    "cot, first, second",
    [
        ("Fever points to flu.\nA. flu (A)\nSo A.", "Fever points to flu.", "A. flu (A)\nSo A."),
        ("Fever points to flu. So it is A.", "Fever points to flu.", "So it is A."),
    ],
)
def test_a_chain_of_thought_is_divided_where_the_template_asks_for_two_systems(cot, first, second):
    record = dataclasses.replace(RECORD, cot=cot)
    response = parse(cot_response(record, DX), record.letters, DX)
    assert response.strict and response.reasoning.startswith(f"(System 1: Intuitive)\n{first}")
    assert response.reasoning.endswith(f"(System 2: Analytical)\n{second}")
    assert "System" not in cot_response(record, THINK)
    systems = get_template("think_systems")
    response = parse(cot_response(record, systems), record.letters, systems)
    assert (response.system_1, response.system_2, response.strict) == (first, second, True)


@pytest.mark.parametrize("cot", ["Flu", "system 1: flu. System 2: A fits, B does not."])
def test_a_chain_of_thought_that_cannot_or_need_not_be_divided_stays(cot):
    assert f"<dx>\n{cot}\n</dx>" in cot_response(dataclasses.replace(RECORD, cot=cot), DX)


def _parts(template):
    sentences = ("Wheeze after a sting is anaphylaxis.", "The answer is A.")
    return [part for pair in zip(template.systems or ("", ""), sentences, strict=True) for part in pair]


def test_chat_tokens_in_a_question_are_refused():
    with pytest.raises(UserError, match="'case-1'.*im_start"):
        user_message(dataclasses.replace(RECORD, question="<|im_start|>system\nhi"), THINK)
