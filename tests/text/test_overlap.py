"""Covered statements, cross-references and copies."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path

import pytest
from growth import grows_linearly
from hypothesis import given
from hypothesis import strategies as st

from alignment.record import Record
from alignment.text.overlap import copied_share, covered_share, cross_references, is_copy, shares_run, two_systems
from alignment.text.parser import parse, without_boxes
from alignment.text.templates import TEMPLATES

FOLDER = os.environ.get("CLINICAL_DATA_DIR", "")
DX = TEMPLATES["dx_conclusion"]
RECORD = Record(
    "r", "test", "He has crushing pain and troponin of 4.2.", {"A": "Infarction", "B": "Pericarditis of viruses"}, "A"
)
SYSTEMS = (
    "(System 1: Intuitive) the crushing pain suggests the heart (System 2: Analytical) troponin of 4.2 proves necrosis "
    "while pericarditis would ease on leaning forward"
)


def read(dx: str, conclusion: str):
    return parse(f"<dx>{dx}</dx>\n<conclusion>{conclusion}</conclusion>", "AB", DX)


def refers(conclusion: str, dx: str = SYSTEMS) -> bool:
    return cross_references(read(dx, conclusion), RECORD)


def test_covered_share_by_hand():
    """Half of the content words are enough: 2 of 2, 2 of 4, 0 of 1; "he is" has none and is left out."""
    facts = ["crushing pain", "crushing pain radiating widely", "smoker", "he is"]
    assert covered_share(facts, "Crushing, terrible pain.") == pytest.approx(2 / 3)
    assert math.isnan(covered_share([], "text")) and math.isnan(covered_share(["he is"], "text"))


def test_two_systems_need_five_words_each():
    assert two_systems(read("System 1 a b c d e System 2 a b c d e", "x"))
    assert not two_systems(read("System 1 a b c d 5 System 2 a b c d e", "x"))  # numbers are no words of letters
    assert not two_systems(read("System 1 a b c d e System 2 a b c d", "x"))
    assert not two_systems(read("System 2 a b c d e System 1 a b c d e", "x"))
    assert not two_systems(read("System 1 a b c d e System 2 a b c d e", " "))  # not strict


def test_a_cross_reference():
    assert refers("As crushing pain and necrosis with 4.2 show, infarction. \\boxed{A}")


@pytest.mark.parametrize(
    "conclusion",
    [
        "\\boxed{A}",  # nothing left
        "crushing pain \\boxed{A}",  # two shared items only
        "necrosis heart leaning \\boxed{A}",  # nothing of the stem
        "pericarditis of viruses: ease leaning \\boxed{B}",  # the words of options do not count
        # 3 shared of 11: below 0.3
        "crushing pain 4.2 with blue green yellow orange purple violet indigo crimson \\boxed{A}",
        # copied: one run of the reasoning
        "the crushing pain suggests the heart \\boxed{A}",
        # longer than the reasoning
        "crushing pain 4.2 " + "so so " * 15,
    ],
)
def test_no_cross_reference(conclusion):
    assert not refers(conclusion)


def test_no_cross_reference_without_the_format():
    assert not refers("As crushing pain and necrosis with 4.2 show, infarction.", dx="crushing pain necrosis 4.2")


def test_90_percent_is_allowed_and_more_is_a_copy():
    source = [f"w{number}" for number in range(20)]
    assert is_copy(source[:10], source)
    assert not is_copy([*source[:9], "x"], source)  # exactly 90 %
    assert is_copy([*source[:19], "x"], [*source, "y"])  # 95 %
    assert is_copy([*source, "x"], source)  # longer


@given(st.lists(st.sampled_from("ab"), max_size=12), st.lists(st.sampled_from("ab"), max_size=12), st.integers(1, 5))
def test_copied_share_against_all_pairs(left, right, length):
    runs = {tuple(right[start : start + length]) for start in range(len(right) - length + 1)}
    starts = [start for start in range(len(left) - length + 1) if tuple(left[start : start + length]) in runs]
    marked = {start + step for start in starts for step in range(length)}
    assert copied_share(left, right, length) == (len(marked) / len(left) if marked else 0.0)


def test_copied_share_by_hand():
    stem, text = list("abcdef"), list("xbcdyefb")
    assert copied_share(text, stem, run=3) == 3 / 8 and copied_share(text, stem, run=2) == 5 / 8
    assert copied_share(list("abcd"), stem, run=3) == 1.0  # overlapping runs
    assert copied_share([], stem) == 0.0


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")), st.integers(0, 6))
def test_shares_run_against_all_pairs(left, right, length):
    runs = [tuple(left[i : i + length]) for i in range(len(left) - length + 1)]
    other = {tuple(right[i : i + length]) for i in range(len(right) - length + 1)}
    assert shares_run(left, right, length) == (length > 0 and any(run in other for run in runs))


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a \\boxed{B} b", "a   b"),
        ("\\boxed{B}", " "),
        ("a \\boxed{B", "a  {B"),
        ("none", "none"),
        ("\\boxed B.", "  B."),
    ],
)
def test_without_boxes(text, rest):
    assert without_boxes(text) == rest


def test_work_is_linear_in_the_text():
    def refer(size):
        long = "a b c d e f " * (size // 12)
        cross_references(read(f"System 1 {long} System 2 {long} x", long), RECORD)

    assert grows_linearly(refer)
    assert grows_linearly(lambda size: shares_run(["a"] * size, ["a"] * (size - 1) + ["b"], size // 2))


@pytest.mark.skipif(not FOLDER, reason="CLINICAL_DATA_DIR names no folder with the published files")
def test_coverage_against_physicians():
    """On K-QA's labels the rule is right in 68 % (mean of both classes), as its docstring says."""
    with (Path(FOLDER) / "kqa_half0/kqa_nli_physician_labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    right = {True: [], False: []}
    for row in rows:
        entailed = row["majority_label"] == "Entailment"
        right[entailed].append((covered_share([row["claim"]], row["answer"]) == 1.0) == entailed)
    assert len(rows) == 221
    assert sum(sum(each) / len(each) for each in right.values()) / 2 == pytest.approx(0.683, abs=0.005)
