"""How a leaf of the configuration is declared: default, help text, range, choices and heading, in one place.

`alignment/config.py` holds the declarations. The command line takes its types, its `--help` and its refusals from them,
and a value from a config file has to be in the same ranges.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ml_collections import ConfigDict

from alignment.common.registry import did_you_mean

# The largest numbers that survive as the int32 and float32 of an accelerator; a leaf may set a lower limit.
MAX_INT = 2**31 - 1
MAX_FLOAT = 1e30
# jax.random.key keeps 32 bits of a seed, so that a larger one would repeat the run of a smaller one.
MAX_SEED = 2**32 - 1


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One value of the configuration. The ranges and choices of a tuple are those of its items."""

    default: Any
    help: str
    low: float | None = None  # the smallest value
    high: float | None = None  # the largest value
    above: float | None = None  # the value itself is excluded
    below: float | None = None
    also: float | None = None  # a value outside the range that has a meaning of its own
    choices: tuple[str, ...] = ()
    registry: str = ""  # key of `alignment.config_checks.REGISTRIES`, in place of `choices`
    identity: Callable[[Any], Any] = lambda item: item  # what may not occur twice in a tuple
    known_as: Callable[[str], str] = lambda item: item  # the part of an item that its registry knows
    required: bool = False  # a tuple that must not be empty
    group: str = ""  # its heading inside its section, where the section has several


def leaf(default: Any, help: str, **limits: Any) -> Leaf:
    """Declare a leaf; `limits` are the fields of `Leaf`. Its type is that of `default`."""
    return Leaf(default, help, **limits)


def seed_leaf(default: Any, help: str, **limits: Any) -> Leaf:
    """Declare a seed, or a tuple of them."""
    return Leaf(default, help, low=0, high=MAX_SEED, **limits)


def share_leaf(default: float, help: str, **limits: Any) -> Leaf:
    """Declare a share, fraction or probability."""
    return Leaf(default, help, low=0.0, high=None if "below" in limits else 1.0, **limits)


def group(name: str, **leaves: Leaf) -> dict[str, Leaf]:
    """Return leaves of one section that help and documentation list together under the heading `name`."""
    return {key: dataclasses.replace(declared, group=name) for key, declared in leaves.items()}


def heading(name: str, declared: Leaf) -> str:
    """Return the heading of the leaf with the dotted name `name`: its section and its group, such as "grpo loss"."""
    return f"{name.rpartition('.')[0]} {declared.group}".strip()


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return {dotted name: leaf} of nested mappings (`ConfigDict` among them), in their order."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        nested = isinstance(value, Mapping | ConfigDict)
        flat.update(flatten(value, f"{prefix}{name}.") if nested else {prefix + name: value})
    return flat


def defaults_of(tree: Mapping[str, Any]) -> ConfigDict:
    """Return a fresh `ConfigDict` with the defaults of a nested mapping of leaves."""
    return ConfigDict(
        {name: value.default if isinstance(value, Leaf) else defaults_of(value) for name, value in tree.items()}
    )


def problem_of(value: Any, declared: Leaf, known: Iterable[str] = ()) -> str:
    """Return what is wrong with `value`, in words that follow "name=value: ", or "" where it is in range.

    `known` are the names in the registry of the leaf. The type of `value` is that of the default.
    """
    items = value if isinstance(value, tuple) else (value,)
    if declared.required and not items:
        return "name at least one"
    wrong = next((text for item in items if (text := _problem_of_item(item, declared, tuple(known)))), "")
    return wrong or _repeated(items, declared)


def read_as(like: Any, text: str) -> Any:
    """Read `text` as the type of `like`; a tuple takes the type of its items from the first one.

    Raises:
      ValueError: it does not read as that type, or is not finite.
    """
    if isinstance(like, tuple):
        text = text.strip()
        if text.startswith("(") and text.endswith(")"):
            text = text[1:-1]
        return tuple(_scalar(item.strip(), _kind_of_items(like)) for item in text.split(",") if item.strip())
    return _scalar(text, type(like))


def describe_type(like: Any) -> str:
    """Return the type of a leaf's value in words, such as "an int"."""
    if isinstance(like, tuple):
        return f"a comma-separated list of {_kind_of_items(like).__name__}"
    return {bool: "true or false", int: "an int", float: "a finite float"}.get(type(like), type(like).__name__)


def describe_range(declared: Leaf, known: Iterable[str] = ()) -> str:
    """Return the range or the choices of a leaf in words, such as "at least 1"; "" where there is none to tell.

    `known` are the names in the registry of the leaf.
    """
    if names := declared.choices or tuple(known):
        return "one of " + ", ".join(name or "nothing" for name in names)
    parts = [
        f"{words} {_number(limit)}"
        for words, limit in (
            ("at least", declared.low),
            ("above", declared.above),
            ("at most", declared.high),
            ("below", declared.below),
        )
        if limit is not None
    ]
    return ("" if declared.also is None else f"{_number(declared.also)} or ") + " and ".join(parts)


def _problem_of_item(item: Any, declared: Leaf, known: tuple[str, ...]) -> str:
    if isinstance(item, bool):
        return ""
    if isinstance(item, str):
        names = declared.choices or known
        item = declared.known_as(item)
        if not names or item in names:
            return ""
        listed = ", ".join(sorted(name or "nothing" for name in names))
        return f"{item!r} is unknown; {did_you_mean(item, names)}use one of {listed}"
    if isinstance(item, float) and not math.isfinite(item):
        return "it must be a finite number"
    largest = MAX_INT if isinstance(item, int) else MAX_FLOAT
    if declared.high is None and declared.below is None and item > largest:
        return f"it must be at most {_number(largest)}"
    if declared.low is None and declared.above is None and item < -largest:
        return f"it must be at least {_number(-largest)}"
    inside = (
        (declared.low is None or item >= declared.low)
        and (declared.above is None or item > declared.above)
        and (declared.high is None or item <= declared.high)
        and (declared.below is None or item < declared.below)
    )
    return "" if inside or item == declared.also else f"it must be {describe_range(declared)}"


def _scalar(text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    value = kind(text)
    if kind is float and not math.isfinite(value):
        raise ValueError(text)
    return value


def _kind_of_items(like: tuple) -> type:
    return type(like[0]) if like else str


def _repeated(items: tuple, declared: Leaf) -> str:
    seen: set[Any] = set()
    for item in items:
        identity = declared.identity(item)
        if identity in seen:
            return f"{identity} stands there twice; name it once"
        seen.add(identity)
    return ""


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
