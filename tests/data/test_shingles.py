from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alignment.data.shingles import BASE, character_runs, normalised_words, rolling, word_runs

WORDS = st.lists(st.lists(st.sampled_from(["a", "b", "fever", "é", "12"]), max_size=9), max_size=5)
TEXTS = st.lists(st.text("ab é𝛼", max_size=12), max_size=5)
SIZES = st.integers(1, 6)


def by_hand(texts, size):
    """(text, place, run) of every run, in order."""
    return [(n, at, tuple(text[at : at + size])) for n, text in enumerate(texts) for at in range(len(text) - size + 1)]


def same_runs(runs, wanted):
    assert list(zip(runs.owners, runs.starts, strict=True)) == [(n, at) for n, at, _ in wanted]
    pairs = list(zip(runs.hashes.tolist(), [run for _, _, run in wanted], strict=True))
    assert len({pair[0] for pair in pairs}) == len({pair[1] for pair in pairs}) == len(set(pairs))


@given(WORDS, SIZES)
def test_equal_hashes_are_equal_runs_of_words_within_one_text(texts, size):
    same_runs(word_runs(texts, size), by_hand(texts, size))


@given(TEXTS, SIZES)
def test_equal_hashes_are_equal_runs_of_characters_within_one_text(texts, size):
    same_runs(character_runs(texts, size), by_hand(texts, size))


@given(st.lists(st.integers(0, 2**64 - 1), max_size=80), st.integers(1, 70))
def test_doubling_gives_the_polynomial(values, size):
    got = rolling(np.array(values, np.uint64), size).tolist()
    starts = range(max(0, len(values) - size + 1))
    assert got == [
        sum(v * int(BASE) ** (size - 1 - j) for j, v in enumerate(values[i : i + size])) % 2**64 for i in starts
    ]


def test_hashes_are_the_same_on_every_machine():
    assert word_runs([["fever", "and", "cough"]], 2).hashes.tolist() == [17606421829594868656, 3095435764376326796]


def test_words_are_folded():
    assert normalised_words("Fever, 38.5 °C; ﬁne—STRASSE straße") == [
        "fever",
        "38",
        "5",
        "c",
        "fine",
        "strasse",
        "strasse",
    ]
