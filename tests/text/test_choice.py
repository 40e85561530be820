r"""The one reader of answers: what it reads in every dress, and what it never takes for an answer."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from growth import grows_linearly
from hypothesis import given
from hypothesis import strategies as st
from text.planted import AFFIRMED, ARTICLES, GRADED, PLANTED, exchanged

from alignment.record import Record
from alignment.rewards.registry import ScoreBatch
from alignment.rewards.score import score_channel
from alignment.text.choice import read_choice
from alignment.text.option_letters import denied_starts
from alignment.text.parser import parse
from alignment.text.templates import TEMPLATES

FOLDER = os.environ.get("CLINICAL_DATA_DIR", "")
TRACES = "medmcqa_dev_halfA/medmcqa_dev_halfA_llm_cot.jsonl"
THINK = TEMPLATES["think_answer"]
DRESSES = ("{}", "**{}**", "({})", "$\\text{{}}$", "\u200b{}", "`{}`", "<b>{}</b>")
ORDERS = ("ABCD", "BADC", "CDAB", "DCBA")


def letter(text: str, options="ABCD") -> str | None:
    choice = read_choice(text, options)
    return choice.letter if choice else None


# --- the cases of the report ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("It is B, not option A", "B"),
        ("Conclusion: (B). Eliminated: (A), (C), (D).", "B"),
        ("His blood group is B.", None),
        ("\\boxed{\\text{B}}", "B"),
        ("**B**", "B"),
        ("\\boxed{B} and so \\boxed{B}", "B"),
        ("The answer is B. No, the answer is C.", None),  # two choices, whatever the last is
        ("Is the answer B? No. The answer is D.", "D"),
        ("the answer is A \\boxed{B} or C", None),
        ("A. Impulse conduction is slower, so not B.", None),
        ("The answer is A. Impulse conduction is slower.", "A"),
        ("vitamin C is the answer to scurvy, group B is the best option", None),
    ],
)
def test_cases(text, read):
    assert letter(text) == read


# --- recall -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", AFFIRMED)
def test_an_affirmed_option_is_read_in_every_dress(text):
    assert letter(text) == "B"
    other = exchanged(text, "CDAB")  # which is the same where the letter is in a width of its own
    assert letter(other) == ("B" if other == text else "D")


@pytest.mark.parametrize(
    "dress", [*DRESSES, "[{}]", "_{}_", "\\mathbf{{}}", "\\({}\\)", "\\boxed{\\text{{}}}", "{}\ufeff"]
)
def test_a_dressed_letter_alone_is_an_answer(dress):
    assert letter(dress.replace("{}", "C")) == letter(f"Answer: {dress.replace('{}', 'C')}.") == "C"


OPTIONS = {
    "A": "Not before surgery", "B": "Both A and C", "C": "Vitamin C", "D": "None of the above", "E": "5 % dextrose",
}  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(
    "form", ["{}. {}", "{}) {}", "({}) {}", "{}: {}", "**{}. {}**", "The answer is {}. {}", "{} - {}"]
)
def test_the_words_of_an_option_behind_its_letter_are_part_of_its_name(option, form):
    assert letter(form.format(option, OPTIONS[option]), OPTIONS) == option
    assert letter(form.format(option, OPTIONS[option].lower()), OPTIONS) == option


# --- precision --------------------------------------------------------------------------------------------------------


def test_nothing_planted_is_read_in_any_dress_and_with_any_letters():
    """Tens of thousands of texts that reject, hedge, compare, ask about or merely mention an option."""
    texts = [(exchanged(text, order, dress), order[0]) for text in PLANTED for order in ORDERS for dress in DRESSES[:3]]
    texts += [(text, "A") for text in ARTICLES]
    assert len(texts) > 10_000
    assert [text for text, rejected in texts if letter(text) == rejected] == []


def test_texts_are_read_as_a_careful_reader_grades_them():
    """Texts as small medical models write them: lists of verdicts, JSON, tags, terms, other languages, corrections."""
    assert len(GRADED) > 1000
    assert [(read, text) for read, text in GRADED if letter(text) != read] == []


GENERA = {"A": "Clostridium difficile", "B": "Bacillus cereus", "C": "E. coli", "D": "None of the above"}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("B. Bacillus cereus", "B"),
        ("C. E. coli", "C"),
        ("D: None of the above.", "D"),
        ("B: Bacillus cereus.", "B"),
        ("A. Clostridium difficile ✗\nB. Bacillus cereus ✓\nC. E. coli ✗", "B"),
        ("| B. Bacillus cereus | right |\n| C. E. coli | wrong |", "B"),
        ("B. cereus", None),
        ("The answer is C. difficile.", None),
        ("Not B. Bacillus cereus", None),
        ("The answer is not Bacillus cereus (B).", None),
    ],
)
def test_a_genus_that_is_cut_to_a_letter_is_no_option(text, read):
    assert letter(text, GENERA) == read


BEFORE = st.sampled_from(
    ["", "The pain is crushing. ", "Troponin is raised, so ", "Given the age, ", "Summary: ", "As seen, "]
)
BEHIND = st.sampled_from(
    ["", " The troponin is raised.", " Aspirin helps.", "\nThis fits the case.", " (See the ECG.)"]
)


@given(BEFORE, st.sampled_from(PLANTED), BEHIND, st.sampled_from(DRESSES), st.sampled_from(ORDERS))
def test_nothing_planted_is_ever_paid(before, text, behind, dress, order):
    answer = before + exchanged(text, order, dress) + behind
    record = Record("r", "test", "Which?", dict.fromkeys("ABCD", "x"), order[0])
    response = parse(f"<think>why</think><answer>{answer}</answer>", "ABCD", THINK)
    batch = ScoreBatch([response], [record], [[1, 2, 3]])
    for channel in ("accuracy", "gated_accuracy", "penalised_accuracy"):
        np.testing.assert_array_equal(score_channel(batch, channel), [0.0])


@given(
    st.sampled_from(PLANTED), st.sampled_from(["B", "(B)", "\\boxed{B}", "The answer is B.", "Option B"]), st.booleans()
)
def test_beside_an_affirmed_option_nothing_planted_is_read(text, affirmed, first):
    assert letter(f"{affirmed}\n{text}" if first else f"{text}\n{affirmed}") != "A"


def test_what_is_said_behind_the_answer_block_can_take_the_answer_back():
    block = "<think>why</think><answer>\\boxed{A}</answer>"
    assert parse(f"{block} This fits.", "ABCD", THINK).letter == "A"
    for behind in ("Wait, the answer is B.", "No.", "That is wrong.", "\\boxed{B}", "It is not A."):
        response = parse(f"{block} {behind}", "ABCD", THINK)
        assert response.letter is None and not response.strict


def test_an_answer_block_inside_the_reasoning_is_none():
    text = "<think>One could write <answer>\\boxed{A}</answer> and be wrong.</think>"
    assert parse(text, "ABCD", THINK).letter is None


def test_the_lenient_reading_looks_everywhere_and_must_be_unambiguous():
    for text, lenient in (
        ("The answer is D.", "D"),
        ("<think>so the answer is D</think>", "D"),
        ("<think>the answer is C</think> the answer is D", None),
        ("<think>the answer is C</think><answer>D</answer>", "D"),  # never another than the letter
        ("<think>not D</think>", None),
        ("<answer>B</answer><answer>B</answer>", "B"),
    ):
        response = parse(text, "ABCD", THINK)
        assert (response.lenient, response.letter) == (lenient, "D" if "<answer>D" in text else None)


def test_rejected_letters_and_where_they_stand():
    text = "B, not (A). C and D are excluded."
    assert {text[start] for start in denied_starts(text, "ABCD")} == {"A", "C", "D"}


# --- any text ---------------------------------------------------------------------------------------------------------

PIECES = [
    "answer",
    "option",
    "is",
    "the",
    "best",
    "not",
    "or",
    "B",
    "A",
    ":",
    ".",
    "\n",
    "C",
    "\\boxed{",
    "}",
    "~~",
    "**",
    '"',
]


@given(st.lists(st.sampled_from(PIECES)).map(" ".join) | st.text())
def test_what_is_read_is_an_option_that_stands_there(text):
    choice = read_choice(text, "ABC")
    if choice:
        assert choice.letter in "ABC"
        assert text[choice.start] == choice.letter or not text.isascii()


def test_text_whose_lower_case_is_longer():
    assert letter("İİİ the answer is B.") == "B"


def test_braces_nested_without_end_are_read():
    assert letter("\\boxed{" * 5000 + "B" + "}" * 5000) == "B"
    assert letter("\\text{" * 5000 + "B" + "}" * 5000) == "B"


UNITS = [
    "answer ", "the answer is ", "answer is A, B ", "answer is B, ", "A is the best ", "((", "answer is A or ",
    "not A ", "\\boxed{B} ", "\\boxed{", "\\cancel{", "~~A", '"', "B. x ", "(A), ", "\u200b", "a\u200b", "<s>", "if B ",
    "I choose ",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_reading_is_linear_in_the_text(unit):
    assert grows_linearly(lambda size: read_choice(unit * (size // len(unit)), "ABCD"), size=4000)


@pytest.mark.ci
@pytest.mark.parametrize("unit", UNITS)
def test_100_kb_are_read_in_linear_time(unit):
    assert grows_linearly(lambda size: read_choice(unit * (size // len(unit)), "ABCD"), size=100_000)


@pytest.mark.ci
@pytest.mark.skipif(not FOLDER, reason="CLINICAL_DATA_DIR names no folder with the published files")
def test_published_answers():
    """An answer that says which option it means was scored by that option; elsewhere there is no verdict."""
    rows = [json.loads(line) for line in (Path(FOLDER) / TRACES).read_text().splitlines()]
    responses = [parse(row["cot"], "ABCD", THINK) for row in rows]
    pairs = [(response.verdict, row["pred"]) for response, row in zip(responses, rows, strict=True) if response.verdict]
    coverage, agreement = len(pairs) / len(rows), sum(read == scored for read, scored in pairs) / len(pairs)
    print(f"affirmed in {coverage:.1%} of {len(rows)} answers; agreement {agreement:.2%}")
    assert coverage == pytest.approx(0.23, abs=0.015)
    assert agreement >= 0.99
