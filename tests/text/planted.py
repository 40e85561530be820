r"""Texts that affirm option B, and texts that mention option A and do not affirm it; one a line.

In a line, the sign for a line end stands for one, and the two open boxes for a zero-width and a no-break space. The
letters A to D may be exchanged for one another, save in `ARTICLES` and `GRADED`.
"""

from __future__ import annotations

import re
from pathlib import Path

_OPTION = re.compile(r"(?<![A-Za-z0-9\\'])([ABCD])(?![A-Za-z0-9'])")
_SIGNS = str.maketrans({"⏎": "\n", "␣": "\u200b", "␢": "\u00a0"})


def lines(name: str) -> tuple[str, ...]:
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    return tuple(line.translate(_SIGNS) for line in text.removesuffix("\n").split("\n"))


def exchanged(text: str, letters: str, dress: str = "{}") -> str:
    """`text` with the n-th of `letters` in place of the n-th of "ABCD", each in `dress`."""
    return _OPTION.sub(lambda match: dress.replace("{}", letters["ABCD".index(match[1])]), text)


AFFIRMED = lines("affirmed.txt")

ARTICLES = lines("articles.txt")

PLANTED = lines("planted.txt")

# Each begins with the letter that a careful reader gives it, of "ABCD", or with "-" for none.
GRADED = tuple((line[0].strip("-") or None, line[2:]) for line in lines("graded.txt"))
