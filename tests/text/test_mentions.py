"""Which options a text names, and which one it asserts."""

from __future__ import annotations

import json

import pytest
from growth import grows_linearly
from hypothesis import given
from hypothesis import strategies as st

from alignment.record import Record
from alignment.text.mentions import asserted_letter, find_mentions

OPTIONS = {"A": "Aspirin", "B": "Hepatitis A virus", "C": "Hepatitis", "D": "Vitamin C"}
RECORD = Record("r", "test", "Which?", OPTIONS, "A")
YES_NO = Record("p", "test", "Does it?", {"A": "yes", "B": "no", "C": "maybe"}, "A")


def named(text: str, record: Record = RECORD) -> str:
    return "".join(mention.letter for mention in find_mentions(text, record))


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("Option B fits.", "B"),
        ("Options A, B and D fail, choice C fits.", "ABDC"),
        ("The answer is therefore (C).", "C"),
        ("answer: B", "B"),
        ("\\boxed{D}", "D"),
        ("It is this one (B), not that one (C).", "BC"),
        ("A. No.\nB) No.\n  C: yes", "ABC"),
        ("aspirin, then ASPIRIN", "AA"),
        ("Hepatitis A virus is no mere hepatitis.", "BC"),  # the longer option wins where both would start
        ("He takes vitamin  C\ndaily", "D"),
        ("Vitamin\nC", ""),  # a name is not broken by a line
        ("A 45-year-old man in group B with B symptoms.", ""),
        ("Aspirins and prehepatitis", ""),
        ("Option E", ""),
        ("", ""),
    ],
)
def test_mentions(text, letters):
    assert named(text) == letters


def test_options_shorter_than_a_word_need_to_be_spoken_of():
    assert named("There is no evidence, yes.", YES_NO) == ""
    assert named("So the answer is no.", YES_NO) == "B"
    assert named("Maybe.", YES_NO) == "C"


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("Aspirin thins. Vitamin C does not.", "D"),
        ("The answer is A, since hepatitis is excluded.", "A"),
        ("Conclusion: (B). Eliminated: (A), (C), (D).", "B"),
        ("Option A fits. Option B is excluded.", "A"),
        ("Option A fits, B and D are wrong.", "A"),
        ("Her blood group is B.", None),
        ("The answer is A. Hepatitis is excluded.", "A"),
        ("Option C is tempting. The answer is A, not C.", "A"),
        ("I choose option A rather than option B.", "A"),
        ("Aspirin instead of vitamin C", "A"),
        ("Not aspirin.", None),
        ("No option is named here.", None),
        ("All fit but option B. So the answer is B.", "B"),
    ],
)
def test_asserted_letter(text, letter):
    assert asserted_letter(text, RECORD) == letter


@given(st.text(), st.lists(st.text(), min_size=2, max_size=4))
def test_any_text_and_options_are_read(text, options):
    record = Record("r", "test", "q", dict(zip("ABCD", options, strict=False)), "A")
    assert asserted_letter(text, record) in (None, *record.letters)


@pytest.mark.parametrize("unit", ["option ", "A ", "(", "(A)", "Hepatitis A ", "answer ", "not ", "\n", "A.\n"])
def test_reading_is_linear_in_the_text(unit):
    assert grows_linearly(lambda size: asserted_letter(unit * (size // len(unit)), RECORD), size=3000)


@pytest.mark.ci
def test_agreement_with_published_answers(clinical_data):
    """Three in four published traces that name an option assert the one their model chose; see `asserted_letter`."""
    folder = clinical_data / "medmcqa_dev_halfA"
    questions = {row["id"]: row for row in read_jsonl(folder / "medmcqa_dev_halfA.jsonl")}
    traces = [row for row in read_jsonl(folder / "medmcqa_dev_halfA_llm_cot.jsonl") if row["pred"] in "ABCD"]
    pairs = [(asserted_letter(row["cot"], as_record(questions[row["id"]])), row["pred"]) for row in traces]
    pairs = [(letter, chosen) for letter, chosen in pairs if letter]
    assert len(pairs) > 3300
    assert sum(letter == chosen for letter, chosen in pairs) / len(pairs) > 0.74


def as_record(row: dict) -> Record:
    options = dict(zip("ABCD", (row["opa"], row["opb"], row["opc"], row["opd"]), strict=True))
    return Record(row["id"], "medmcqa", row["question"], options, "ABCD"[row["cop"] - 1])


def read_jsonl(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
