"""Tables as aligned plain text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def text_table(lines: Sequence[Sequence[str]], rule: bool = False) -> str:
    """Return lines of cells as plain text with aligned columns; `rule` underlines the first line."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rules = [["-" * width for width in widths]] if rule else []
    shown = [lines[0], *rules, *lines[1:]]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in shown)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a bar inside a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
