"""The layout shared by the Hub's openlifescienceai copies: the question inside an object called `data`."""

from __future__ import annotations

from collections.abc import Mapping

from alignment.data.rows import Row
from alignment.errors import UserError


def from_nested(row: Row) -> tuple[str, dict[str, str], str]:
    """Return (question, options, gold letter) of a row with data {Question, Options, Correct Option, Correct Answer}.

    Raises:
      UserError: a field is missing or no text, or the answer is not the text of the option named as correct.
    """
    data = row.inner("data")
    options = data.options("Options")
    gold, answer = data.optional("Correct Option"), data.optional("Correct Answer")
    if gold in options and answer and options[gold] != answer:
        raise UserError(f"{row.where}: 'Correct Answer' {answer!r} is not the text of option {gold}, {options[gold]!r}")
    return data.text("Question"), options, gold


def nested_context(row: Row) -> tuple[str, ...]:
    """Return the paragraphs of `data.Context`, empty where there are none; raises `UserError` for what is no text."""
    data = row.inner("data")
    context = data.get("Context", [])
    return (context.strip(),) if isinstance(context, str) else data.texts("Context")


def has_nested(row: Row) -> bool:
    """Whether the row is of this layout."""
    return isinstance(row.get("data"), Mapping)
