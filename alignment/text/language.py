"""Does a text leave the language of its question? Scripts first, function words for languages that share the script.

A reconstruction: papers name language mixing as a failure of small models and do not say how to detect it. Linear time.
"""

from __future__ import annotations

from collections.abc import Collection

from alignment.text.words import tokens

PLAIN = frozenset(map(chr, range(0x20, 0x7F))) | {"\n"}
# Signs that a clinical text in plain English needs: micro, degree, Greek letters, en-dash.
CLINICAL = PLAIN | frozenset("\N{MICRO SIGN}\N{DEGREE SIGN}\N{EN DASH}") | frozenset(map(chr, range(0x391, 0x3CA)))

# Function words of Spanish, French, German, Italian and Portuguese that are no English words or clinical abbreviations.
_FOREIGN = frozenset(
    """
    el los las del que una para por pero como más est les des dans qui avec sont cette mais plus être der das und ist
    nicht eine einen mit von auf für sich auch wird werden della delle che non sono questo anche più uma não com são
    também pelo pela isso
    """.split()  # noqa: SIM905 - a list of quoted words is harder to read
)
_ENGLISH = frozenset(
    "the of and is are was with for that this which has have not by from it be or to in on as at a an".split()  # noqa: SIM905
)
_LEAST_WORDS = 3
# Letters up to here are Latin; Greek and the additions to Latin (Vietnamese, transliteration) are at home in medicine.
_LAST_LATIN = 0x24F
_AT_HOME = (range(0x250, 0x400), range(0x1E00, 0x2000))


def effective_share(text: str, effective: Collection[str] = PLAIN) -> float:
    """Return the share of the characters of `text` that are in `effective`, in [0, 1]; 0 for an empty text."""
    return sum(character in effective for character in text) / len(text) if text else 0.0


def other_script_share(text: str) -> float:
    """Return the share of letters that are neither Latin nor Greek; 0 for a text without letters."""
    letters = [character for character in text if character.isalpha()]
    codes = [code for code in map(ord, letters) if code > _LAST_LATIN]
    other = [code for code in codes if not any(code in home for home in _AT_HOME)]
    return len(other) / len(letters) if letters else 0.0


def speaks_foreign(text: str) -> bool:
    """Whether `text` has 3 or more function words of five other European languages, and more than English ones."""
    words = tokens(text)
    foreign = sum(word in _FOREIGN for word in words)
    return foreign >= _LEAST_WORDS and foreign > sum(word in _ENGLISH for word in words)


def drifts(text: str, question: str, most: float) -> bool:
    """Whether `text` has over `most` (share) of its letters in another script, or speaks another language.

    What the question does itself is no drift.
    """
    scripts = other_script_share(text) > most >= other_script_share(question)
    return scripts or (speaks_foreign(text) and not speaks_foreign(question))
