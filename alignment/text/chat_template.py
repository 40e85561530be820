"""Chat templates as programs: Jinja in a sandbox, with the extensions that transformers gives to a template.

A template comes with the weights and is not trusted: it sees the messages and the names of the special tokens, reads no
attribute with an underscore in front, and changes nothing. tests/text/test_chat_template.py holds the texts against
those of transformers.
"""

from __future__ import annotations

import datetime
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import Template, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

# The day that Llama 3's templates write into the system turn where the clock is not theirs to read, so that a prompt is
# the same on every day.
DATE = "26 Jul 2024"


def render(source: str, chat: Sequence[Mapping[str, str]], generate: bool, tokens: Mapping[str, str]) -> str:
    """Return the text that a chat template makes of a chat.

    Args:
      source: the template.
      chat: messages with `role` and `content`.
      generate: whether to end with the header that opens the assistant's turn.
      tokens: the special tokens by role, such as {"eos_token": "<|im_end|>"}.

    Raises:
      Exception: whatever the template raises; it is a program of the checkpoint.
    """
    names = {**tokens, "messages": [dict(message) for message in chat], "tools": None, "documents": None}
    names["date_string"] = DATE
    return _compile(source).render(**names, add_generation_prompt=generate)


@functools.lru_cache(maxsize=32)
def _compile(source: str) -> Template:
    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationBlock, loopcontrols]
    )
    # Without the escapes for HTML that Jinja's filter of this name adds.
    environment.filters["tojson"] = functools.partial(json.dumps, ensure_ascii=False)
    environment.globals |= {
        "raise_exception": raise_exception,
        "strftime_now": lambda form: datetime.datetime.now().strftime(form),
        "dict": _Dict(),
        "namespace": _Names,
    }
    return environment.from_string(source)


class _GenerationBlock(Extension):
    """`{% generation %} ... {% endgeneration %}`, which marks the assistant's text and renders as its content."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_content"), [], [], body).set_lineno(line)

    def _content(self, caller: Callable[[], str]) -> str:
        return caller()


class _Dict:
    """What a template may do with `dict`: the class itself would lead to its methods and to others."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict:
        return dict.fromkeys(*args)


class _Names(Namespace):
    """Jinja's `namespace` without names that begin with an underscore, by which a value could pass for another type."""

    def __init__(*args: Any, **kwargs: Any):  # without names, so that `namespace(self=...)` works as in Jinja
        values = dict(*args[1:], **kwargs)
        for name in values:
            _check_name(name)
        Namespace.__init__(args[0], values)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"a chat template cannot store {name!r}, which begins with an underscore")
