from __future__ import annotations

import dataclasses

import pytest

from alignment.data.ids import content_id, fingerprint, normalised_question, question_rank
from alignment.record import Record

BASE = Record("1", "s", "Fever, 39.5 °C?", {"A": "x", "B": "y"}, "A", meta={"k": 1, "l": 2})


@pytest.mark.parametrize("written", ["Fever, 39.5 °C?", " fever 39.5 °c", "FEVER -- 39.5\n°C ?!", "Fever, 39.5 °C?"])
def test_spelling_case_and_punctuation_do_not_make_another_question(written):
    assert normalised_question(dataclasses.replace(BASE, question=written)) == "fever 39 5 c"


def test_the_context_belongs_to_the_question():
    one, two = (dataclasses.replace(BASE, context=(text,)) for text in ("An abstract.", "Another abstract."))
    assert normalised_question(one) != normalised_question(two)


def test_hashes_are_fixed_numbers():
    # SHA-256 of "0\nfever" and of "q\nx\ny", from the sha256sum tool: they must not change between versions.
    assert question_rank("fever", 0) == "d8133c280e7b72cbb98f509b28fbee28d2fea75433895b8ca75cfe3e3efdf7c6"
    assert content_id("s", "q", {"A": "x", "B": "y"}) == "s-92b972f5c944e4ed"


@pytest.mark.parametrize(
    "change",
    [
        {"question": "z"},
        {"gold": "B"},
        {"options": {"B": "y", "A": "x"}},
        {"cot": "z"},
        {"facts": ("z",)},
        {"meta": {}},
    ],
)
def test_every_field_moves_the_fingerprint(change):
    assert fingerprint([dataclasses.replace(BASE, **change)]) != fingerprint([BASE])


def test_the_fingerprint_depends_on_order_and_not_on_dictionary_order():
    other = dataclasses.replace(BASE, id="2")
    assert fingerprint([BASE, other]) != fingerprint([other, BASE])
    assert fingerprint([dataclasses.replace(BASE, meta={"l": 2, "k": 1})]) == fingerprint([BASE])
