r"""The tokens of an answer without its dress: LaTeX, Markdown, HTML, full width, characters that nobody sees.

`\boxed{\text{B}}`, `**B**`, `$\mathbf{B}$`, a full-width or circled letter and one beside a zero-width space all say
the same thing, and are read alike. What is struck through (`~~A~~`, `\cancel{A}`, `<s>A</s>`) has been withdrawn and is
left out. One regular expression of bounded alternatives and one pass with a stack: time is linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import NamedTuple

# Characters without a glyph: soft hyphen, joiners, zero-width spaces, direction marks, variation selectors.
_UNSEEN = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff"
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"  # scripts that write no space beside a Latin letter
_LETTER = rf"[^\W\d_{_CJK}]"
_TOKEN = re.compile(
    rf"\\[A-Za-z]+|\\.|</?[A-Za-z][A-Za-z0-9_]{{0,15}}(?:\s[^<>\n]{{0,80}})?\s?/?>|[0-9]+(?:\.[0-9]+)?"
    rf"|{_LETTER}(?:[{_UNSEEN}]*{_LETTER})*(?:['’]{_LETTER}+)?|[{_CJK}]+|[{_UNSEEN}]+|~~|\[[ xX]?\]|\n|\s|.",
    re.DOTALL,
)
_ONLY_UNSEEN = re.compile(f"[{_UNSEEN}]+")
_EMPHASIS = frozenset("*_`#$")
_PLAIN = {
    "。": ".", "｡": ".", "、": ",", "’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "「": '"',
    "」": '"', "『": '"', "』": '"', "【": "[", "】": "]", "《": '"', "》": '"', "…": ".", "‐": "-", "‑": "-", "–": "-",
    "—": "-", "−": "-", "؛": ";", "،": ",", "؟": "?", "।": ".", "⇒": "→", "➔": "→", "➡": "→", "☐": "✗", "[ ]": "✗",
    "[]": "✗", "☑": "✓", "☒": "✓", "[x]": "✓", "[X]": "✓", "✔": "✓", "✅": "✓", "✘": "✗", "❌": "✗", "✕": "✗", "✖": "✗",
    "×": "✗", "≠": "not", "¬": "not", "∨": "or", "∧": "and", "∴": "therefore", "\u2028": "\n", "\u2029": "\n",
    "\r": "\n", "\\\\": "\n",
}  # fmt: skip
_COMMANDS = {
    "not": "not", "neg": "not", "lnot": "not", "ne": "not", "neq": "not", "lor": "or", "vee": "or", "land": "and",
    "wedge": "and", "therefore": "therefore", "checkmark": "✓", "times": "✗", "to": "→", "rightarrow": "→",
    "Rightarrow": "→", "implies": "→", "newline": "\n", "par": "\n", "item": "\n",
}  # fmt: skip
# Commands that change how something looks and not what it says.
_WRAPPERS = frozenset(
    """
    text textbf textit textrm textsf texttt textnormal textup textsc mathbf mathrm mathit mathsf mathtt mathcal mathbb
    mathfrak boldsymbol bm bf it rm sf tt emph underline uline mbox hbox operatorname displaystyle textstyle large Large
    LARGE huge Huge small normalsize left right big Big bigl bigr quad qquad ensuremath
    """.split()  # noqa: SIM905 - a list of quoted words is harder to read
)
_STRUCK = frozenset(("cancel", "bcancel", "xcancel", "sout", "st"))
_COLOURS = frozenset(("color", "textcolor", "colorbox"))
_INLINE_TAGS = frozenset(("b", "strong", "i", "em", "u", "code", "mark", "span", "sub", "sup", "font", "tt", "big"))
_STRUCK_TAGS = frozenset(("s", "del", "strike"))
# Tags that end a line and say nothing of what they hold; any other is read as its name: "wrong:".
_BLOCK_TAGS = frozenset(
    """
    p div br li ul ol dl dt dd table thead tbody tr td th h1 h2 h3 h4 h5 h6 hr center blockquote pre details summary
    section article main header footer body html a answer final_answer final output response result choice option letter
    small q kbd samp var ins label math mi mrow mtext title head img xml root text content message assistant
    think thinking thought reasoning reason analysis explanation rationale dx diagnosis conclusion scratchpad
    """.split()  # noqa: SIM905 - as above
)


class Token(NamedTuple):
    r"""One visible token. A whole `\boxed{...}` is one, with an empty `word`."""

    word: str  # in plain characters
    lower: str
    start: int  # where it begins in the text
    glued: bool  # nothing, not even a space, stands between it and the token before
    boxed: bool = False
    content: tuple[Token, ...] | None = None  # of a box; None where its braces are missing or never closed


class _Piece(NamedTuple):
    raw: str
    start: int
    glued: bool


def undress(text: str) -> list[Token]:
    """Return the tokens of `text` that carry its meaning, in order; a line end is one of them."""
    tokens: list[Token] = []
    groups: list[tuple[str, int]] = []  # what closes a group, and how many tokens preceded it
    strikes: dict[str, int] = {}
    pending = ""  # what the next group is for
    glued = False  # nothing that can be seen stands between the last token and the next one
    for piece in _pieces(text):
        glued = glued and piece.glued
        raw, command = piece.raw, piece.raw[1:]
        if raw in ("{", "\\{"):
            groups.append((pending or "plain", len(tokens)))
            pending = ""
            continue
        if pending == "box":  # a box without braces
            tokens.append(Token("", "", piece.start, False, True))
        pending = ""
        if raw in ("}", "\\}"):
            if groups:
                _close(*groups.pop(), tokens, piece)
        elif raw in ("\\boxed", "\\fbox"):
            pending = "box"
        elif raw.startswith("\\") and (command in _STRUCK or command in _COLOURS):
            pending = "dropped"
        elif raw == "~~" or raw.startswith("<") and len(raw) > 1:
            _tag(raw, tokens, strikes, piece)
        else:
            tokens += _plain(piece._replace(glued=glued))
            glued = glued or tokens != [] and tokens[-1].start == piece.start
    broken = pending == "box" or any(purpose == "box" for purpose, _ in groups)
    return [*tokens, Token("", "", len(text), False, True)] if broken else tokens


def _pieces(text: str) -> Iterator[_Piece]:
    glued, line_start = False, True
    for match in _TOKEN.finditer(text):
        raw = match[0]
        if raw in _EMPHASIS or _ONLY_UNSEEN.fullmatch(raw):
            continue
        if raw.isspace() and raw not in "\n\r\u2028\u2029" or raw in ("\\,", "\\;", "\\!", "\\:", "\\ "):
            glued = False
            continue
        if line_start and raw in "->•+":  # a bullet or a quotation mark of Markdown
            continue
        yield _Piece(raw, match.start(), glued)
        glued, line_start = raw != "\n", raw == "\n"


def _close(purpose: str, start: int, tokens: list[Token], piece: _Piece) -> None:
    if purpose == "plain":
        return
    content = tuple(tokens[start:])
    del tokens[start:]
    if purpose == "box":
        if len(content) == 1 and content[0].boxed:
            content = content[0].content
        elif any(token.boxed for token in content):
            content = None
        tokens.append(Token("", "", content[0].start if content else piece.start, False, True, content))


def _tag(raw: str, tokens: list[Token], strikes: dict[str, int], piece: _Piece) -> None:
    """Drop what is struck out, and an inline tag; any other tag ends a line."""
    name = raw.strip("</>").split()[0].lower() if raw != "~~" else raw
    if name == "~~" or name in _STRUCK_TAGS:
        start = strikes.pop(name, None)
        if start is None:
            strikes[name] = len(tokens)
        else:
            del tokens[start:]
    elif name not in _INLINE_TAGS:
        words = ["\n", *name.split("_"), ":"] if name not in _BLOCK_TAGS and not raw.startswith("</") else ["\n"]
        tokens += (Token(word, word, piece.start, False) for word in words)


def _plain(piece: _Piece) -> Iterator[Token]:
    raw = piece.raw
    if raw.isascii() and (raw.isalnum() or len(raw) == 1 and raw not in _PLAIN):
        yield Token(raw, raw.lower(), piece.start, piece.glued)
        return
    if raw.startswith("\\") and len(raw) > 1 and raw not in _PLAIN:
        command = raw[1:]
        if command in _WRAPPERS:
            return
        raw = _COMMANDS.get(command, raw if command[0].isalpha() else command)
    word = _ONLY_UNSEEN.sub("", raw)
    word = _PLAIN.get(word) or unicodedata.normalize("NFKC", word).strip()
    word = _PLAIN.get(word, word).replace("’", "'") or "?"  # U+00A8 and its like are spaces with an accent
    if len(word) > 1 and not word[0].isalnum() and not word.startswith("\\") and word != "\n":
        word = word[0]  # what one character stands for, such as "(b)"
    yield Token(word, word.lower(), piece.start, piece.glued)


def stands_alone(tokens: list[Token], index: int, letters: Collection[str]) -> bool:
    """Whether the token is one of `letters` by itself: not in "IgA", "B12", "T-cell/B", "A+" or "B-cell"."""
    token = tokens[index]
    if token.word not in letters:
        return False
    quoted = token.glued and index > 0 and _is_quoted(tokens, index)
    if token.glued and index and not quoted and _sticks(tokens[index - 1], "-/'&+.^@!"):
        return False
    if index + 1 == len(tokens) or not tokens[index + 1].glued:
        return True
    after = tokens[index + 1]
    if not quoted and _sticks(after, "+^'") or unicodedata.combining(after.word[:1] or " "):
        return False
    beyond = tokens[index + 2] if index + 2 < len(tokens) and tokens[index + 2].glued else None
    if after.word == ".":  # "B.Aspirin" names an option, "A.M." does not
        return beyond is None or not beyond.word[:1].isalnum() or len(beyond.word) > 1
    return not (after.word in ("-", "/", "&") and beyond is not None and beyond.word[:1].isalnum())


def _is_quoted(tokens: list[Token], index: int) -> bool:
    """Whether single quotation marks stand directly around the token, as in {'answer': 'B'}."""
    if index + 1 == len(tokens) or not tokens[index - 1].word == tokens[index + 1].word == "'":
        return False
    opens = not (tokens[index - 1].glued and index > 1 and _latin(tokens[index - 2].word[-1:]))
    closes = index + 2 == len(tokens) or not (tokens[index + 2].glued and _latin(tokens[index + 2].word[:1]))
    return opens and closes and tokens[index + 1].glued


def _sticks(token: Token, signs: str) -> bool:
    return not token.boxed and (_latin(token.word[-1:]) or (token.word != "" and token.word in signs))


def _latin(sign: str) -> bool:
    return sign.isalnum() and not "\u3040" <= sign <= "\ud7af"
