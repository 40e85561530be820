"""Words, numbers and sentences of a text, as every check that compares two texts counts them."""

from __future__ import annotations

import re

# Runs of letters, or of digits with their decimals in one piece. Single character classes: linear time.
_TOKEN = re.compile(r"[0-9]+(?:\.[0-9]+)?|[^\W\d_]+")
# The full stop behind an option's letter at the head of a line ("B. sepsis") ends nothing.
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!^[A-Z]\.)\s|\n", re.MULTILINE)
_SHORTEST_WORD = 4

# Words that carry no finding: function words, words of any vignette or multiple-choice item, words of the templates.
STOP_WORDS = frozenset(
    """
    about above after again against also although among another because been before being below between both cannot
    could does doing done down during each either even every find finding findings finds from further give given have
    having here herself himself however into itself just less like likely made make makes many might more most much must
    neither only onto other ours over rather same seen shall should show showed shown shows since some such than that
    their them then there therefore these they this those though through thus under until upon very well were what when
    where whether which while whom whose will with within without would your
    case following next patient patients presented presenting presents step woman year years
    analytical answer best boxed choice conclusion correct incorrect intuitive option options question reason system
    """.split()  # noqa: SIM905 - a list of quoted words is harder to read
)


def tokens(text: str) -> list[str]:
    """Return the words and numbers of the lower-cased text, in order."""
    return _TOKEN.findall(text.lower())


def is_number(token: str) -> bool:
    """Tell whether one of `tokens` is a number."""
    return token[0].isdigit()


def content_words(text: str) -> list[str]:
    """Return the numbers and the words of at least 4 letters that are not stop-words, in order; nothing is stemmed."""
    return [t for t in tokens(text) if is_number(t) or (len(t) >= _SHORTEST_WORD and t not in STOP_WORDS)]


def sentences(text: str) -> list[str]:
    """Return the non-blank sentences: pieces that end with `.`, `!` or `?` before white space, or with a line."""
    return [piece.strip() for piece in _SENTENCE_END.split(text) if piece.strip()]
