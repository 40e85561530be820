"""What the body of a chat completion says, believed only where it makes sense."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from alignment.text.templates import Template


class BadReply(ValueError):
    """A reply with status 200 that is no chat completion: cut off, of another type, or an error in disguise."""


class Reply(NamedTuple):
    """The parts of a reply that are used."""

    text: str
    finish: str  # stop | length | refused
    model: str
    usage: tuple[int, int] | None  # prompt and completion tokens, None where they are missing or unbelievable


_FINISHES = {"length": "length", "max_tokens": "length", "content_filter": "refused"}


def read_reply(body: bytes, template: Template, most_tokens: tuple[int, int]) -> Reply:
    """Read the JSON `body` of a chat completion, whatever its content type says.

    Reasoning that comes beside the content (`reasoning_content` or `reasoning`) is put into the template's reasoning
    block, unless the content has one. `most_tokens` are the prompt and completion tokens beyond which a usage is not
    believed.

    Raises:
      BadReply: it is no completion.
    """
    tree = _object(body)
    choices = tree.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise BadReply(f"no choices in the reply: {_error_of(tree) or ', '.join(map(str, tree)) or 'empty object'}")
    message = choices[0].get("message")
    if not isinstance(message, Mapping):
        raise BadReply("no message in the reply's first choice")
    finish = choices[0].get("finish_reason")
    return Reply(
        text=sound(_text(message, template)),
        finish="refused" if message.get("refusal") else _FINISHES.get(str(finish), "stop"),
        model=sound(str(tree.get("model") or ""))[:200],
        usage=_usage(tree.get("usage"), most_tokens),
    )


def error_words(body: bytes) -> str:
    """Return what an error body says, on one line of at most 200 characters."""
    try:
        message = _error_of(_object(body))
    except BadReply:
        message = body[:400].decode(errors="replace")
    return " ".join(sound(message).split())[:200]


def error_code(body: bytes) -> str:
    """Return the `error.code` of an error body, or ""."""
    try:
        error = _object(body).get("error")
    except BadReply:
        return ""
    return str(error.get("code") or error.get("type") or "") if isinstance(error, Mapping) else ""


def sound(text: str) -> str:
    """Return `text` with U+FFFD for each half of a surrogate pair, which could not be written as UTF-8."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        tree = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadReply(f"the reply is no JSON, or cut off ({type(error).__name__})") from error
    if not isinstance(tree, Mapping):
        raise BadReply(f"the reply is {type(tree).__name__}, not an object")
    return tree


def _error_of(tree: Mapping[str, Any]) -> str:
    error = tree.get("error") or tree.get("detail") or tree.get("message") or ""
    return str(error.get("message") or error) if isinstance(error, Mapping) else str(error)


def _text(message: Mapping[str, Any], template: Template) -> str:
    content = _joined(message.get("content"))
    reasoning = _joined(message.get("reasoning_content")) or _joined(message.get("reasoning"))
    opening, closing = template.literals[:2]
    if not reasoning.strip() or opening in content:
        return content
    return f"{opening}\n{reasoning.strip()}\n{closing}\n{content}"


def _joined(content: Any) -> str:
    """A content is a text, or a list of parts of which some have a text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, Mapping))
    return "".join(part for part in parts if isinstance(part, str))


def _usage(usage: Any, most: tuple[int, int]) -> tuple[int, int] | None:
    if not isinstance(usage, Mapping):
        return None
    counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    sane = (type(count) is int and 0 <= count <= limit for count, limit in zip(counts, most, strict=True))
    return tuple(counts) if all(sane) else None
