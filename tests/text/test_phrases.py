"""Many phrases at once, and whether one is denied."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.text.phrases import Phrases, denied
from alignment.text.words import tokens

DRUGS = Phrases.of({"penicillin": "class", "Penicillin V": "drug", "beta-blocker": "beta"})


def test_the_longest_phrase_wins_and_none_lies_inside_another():
    words = tokens("Penicillin V, a penicillin; no beta blocker.")
    assert list(DRUGS.find(words)) == [(0, 2, "drug"), (3, 4, "class"), (5, 7, "beta")]


@given(st.lists(st.sampled_from(["a", "b"])), st.lists(st.lists(st.sampled_from(["a", "b"]), min_size=1), max_size=4))
def test_what_is_found_stands_there_and_does_not_overlap(words, phrases):
    end = 0
    for start, stop, name in Phrases((phrase, tuple(phrase)) for phrase in phrases).find(words):
        assert start >= end and tuple(words[start:stop]) == name
        end = stop


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("He takes penicillin", False),
        ("He does not take penicillin", True),
        ("Avoid any penicillin", True),
        ("penicillin is contraindicated here", True),
        ("It is not a matter of taste whether he takes penicillin", False),  # too far away
    ],
)
def test_denied(sentence, expected):
    words = tokens(sentence)
    ((start, end, _),) = DRUGS.find(words)
    assert denied(words, start, end) == expected
