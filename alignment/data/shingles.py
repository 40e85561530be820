"""Hashes of all runs of n words, or n characters, of many texts at once.

Texts are compared as their lower-cased words with single spaces between them. A run's hash is a polynomial over 64-bit
hashes of its words or characters, the same on every machine; users of an equal hash compare the texts as well.
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no run's contribution is shifted out
WORD = re.compile(r"\w+")


Wanted = Callable[[np.ndarray], np.ndarray]


class Runs(NamedTuple):
    """The runs of several texts: their hashes, the number of the text of each, and its start in that text; each [M]."""

    hashes: np.ndarray
    owners: np.ndarray
    starts: np.ndarray


def normalised_words(text: str) -> list[str]:
    """Return the words and numbers of a text, lower-cased, compatibility forms folded; underscores count as letters."""
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def word_runs(texts: Sequence[Sequence[str]], size: int, wanted: Wanted | None = None) -> Runs:
    """Return the runs of `size` words; a text with fewer has none. `wanted` picks positions among hashes [N]."""
    values = np.fromiter((_hash(word) for text in texts for word in text), np.uint64)
    return _runs(values, [len(text) for text in texts], size, wanted)


def character_runs(texts: Sequence[str], size: int, wanted: Wanted | None = None) -> Runs:
    """Return the runs of `size` characters; a text with fewer has none. `wanted` is that of `word_runs`."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32).astype(np.uint64)
    # SplitMix64 (Steele et al. 2014) of each code, so that similar characters have unlike hashes.
    codes = (codes + np.uint64(1)) * BASE
    codes = (codes ^ (codes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    codes = (codes ^ (codes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return _runs(codes ^ (codes >> np.uint64(31)), [len(text) for text in texts], size, wanted)


def _runs(values: np.ndarray, lengths: Sequence[int], size: int, wanted: Wanted | None) -> Runs:
    """The runs among the rolling hashes of all texts end to end: those inside one text, or of them the wanted."""
    ends = np.cumsum(lengths)
    hashes = rolling(values, size)
    where = np.arange(len(hashes)) if wanted is None else wanted(hashes)
    owners = np.searchsorted(ends, where, side="right")
    inside = where + size <= ends[owners] if len(where) else np.zeros(0, bool)
    where, owners = where[inside], owners[inside]
    starts = ends - np.asarray(lengths, ends.dtype)
    return Runs(hashes[where], owners, where - starts[owners])


def rolling(values: np.ndarray, size: int) -> np.ndarray:
    """Return uint64 [N - size + 1] with h[i] = sum_j values[i + j] * BASE^(size - 1 - j) mod 2^64, by doubling."""
    if len(values) < size:
        return np.zeros(0, np.uint64)
    hashes, length = values, 1
    for bit in bin(size)[3:]:
        power = np.uint64(pow(int(BASE), length, 1 << 64))
        hashes, length = hashes[:-length] * power + hashes[length:], 2 * length
        if bit == "1":
            hashes, length = hashes[:-1] * BASE + values[length:], length + 1
    return hashes


@functools.lru_cache(maxsize=1 << 20)
def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())
