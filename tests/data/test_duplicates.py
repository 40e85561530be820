from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.data.duplicates import exact_duplicates, near_duplicates
from alignment.data.vignettes import generate
from alignment.record import Record

VOCABULARY = [f"word{number}" for number in range(4000)]


def record(number, words=60, **fields):
    rng = random.Random(number)
    variants = {
        "question": " ".join(rng.choices(VOCABULARY, k=words)),
        "options": {"A": f"x{number}", "B": "y"},
        "gold": "A",
    }
    return Record(f"r{number}", "made", **variants | fields)


def with_changes(original, places, **fields):
    words = original.question.split()
    for position in places:
        words[position] = f"changed{position}"
    return dataclasses.replace(original, id=original.id + "'", question=" ".join(words), **fields)


def jaccard(left, right):
    """By hand: sets of five words of question and options."""
    sets = []
    for item in (left, right):
        words = [*item.question.split(), *" ".join(sorted(item.options.values())).split()]
        sets.append({tuple(words[i : i + 5]) for i in range(len(words) - 4)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_what_is_planted_is_found_and_nothing_else():
    records = [record(number) for number in range(300)]
    copies = [
        dataclasses.replace(records[n], id=f"copy{n}", question=records[n].question.upper() + "?!") for n in (3, 70)
    ]
    near = [with_changes(records[n], [30]) for n in (5, 200)]
    other = [with_changes(records[n], range(0, 60, 6)) for n in (9, 80)]  # too different
    everything = [*records, *copies, *near, *other]
    assert {i: t.first for i, t in exact_duplicates(everything).items()} == {300: 3, 301: 70}
    twins = near_duplicates(everything, 0.8)
    assert {i: t.first for i, t in twins.items()} == {300: 3, 301: 70, 302: 5, 303: 200}
    assert twins[302].similarity == pytest.approx(jaccard(everything[302], everything[5])) and twins[302].same_gold


@settings(max_examples=25)
@given(st.lists(st.integers(0, 59), max_size=4, unique=True), st.sampled_from([0.5, 0.7, 0.8, 0.9]))
def test_a_pair_is_near_exactly_from_the_threshold_on(places, threshold):
    first = record(1)
    second = with_changes(first, places)
    assert bool(near_duplicates([first, second], threshold)) == (jaccard(first, second) >= threshold)


def test_of_several_copies_the_first_stays():
    records = [dataclasses.replace(record(1), id=str(n)) for n in range(4)]
    assert {t.first for t in exact_duplicates(records).values()} == {0}
    assert {t.first for t in near_duplicates(records, 0.8).values()} == {0}


def test_letters_and_order_of_options_do_not_matter_but_their_texts_do():
    first = record(1, options={"A": "Iron", "B": "Zinc"})
    shuffled = dataclasses.replace(first, id="s", options={"A": "zinc.", "B": "iron"}, gold="B")
    other = dataclasses.replace(first, id="o", options={"A": "Iron", "B": "Copper"})
    twins = exact_duplicates([first, shuffled, other])
    assert twins.keys() == {1} and twins[1].same_gold
    assert not exact_duplicates([first, shuffled, dataclasses.replace(shuffled, gold="A")])[2].same_gold


def test_a_changed_finding_with_another_answer_is_another_question():
    first = record(1)
    second = with_changes(first, [30], gold="B")
    third = with_changes(first, [30, 31], gold="B")  # near to both: gone on account of the one with its answer
    twins = near_duplicates([first, second, third], 0.7)
    assert not twins[1].same_gold and twins[2].same_gold and twins[2].first == 1


def test_short_texts_are_compared_whole():
    texts = ("Gout?", "Gout!", "Asthma?")
    short = [Record(str(n), "made", text, {"A": "yes", "B": "no"}, "A") for n, text in enumerate(texts)]
    assert near_duplicates(short, 0.8).keys() == {1}


def test_vignettes_are_compared_by_stem_alone():
    records = generate(300, 0, "train")
    again = dataclasses.replace(records[7], id="again", options=dict(zip("ABCD", "wxyz", strict=True)))
    assert exact_duplicates([*records, again]).keys() == {300}
    assert near_duplicates([*records, again], 0.5) == {}
