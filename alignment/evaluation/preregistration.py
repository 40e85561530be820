"""Hypotheses that are written down before a run: a TOML file of metric, arms, rule, margin, seeds and budget.

    level = 0.05            # of the tests, one-sided, after the correction
    power = 0.8             # with which `detect` must be shown for a null to count
    correction = "holm"     # over the hypotheses of the file; or "bh"

    [hypotheses.H4]
    statement = "accuracy of modular is within a point of the better of sft_cot and grpo_only, or above"
    metric = "accuracy"     # a key of results.json, or "lost": collapsed or harmed
    arm = "modular"
    against = ["sft_cot", "grpo_only"]     # the rule must hold against each
    rule = "not_less"       # one of `RULES`
    margin = 0.01
    detect = 0.01           # the difference that a run must be able to show
    seeds = [0, 1, 2]       # the answer is of these seeds alone
    questions = 400         # at least; fewer answer "not powered"
    completions = 3000      # of each reward stage, at least
    parameters = [3e8, 9e9] # sizes of the model that the hypothesis speaks of
    setting = {"grpo.reward" = "gated"}    # leaves of the configuration that it speaks of

A file decides nothing by hand: `hypotheses.answer_all` answers it from the results of a run.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from etils import epath

from alignment.common.files import reason_of
from alignment.common.registry import did_you_mean
from alignment.config import LEAVES
from alignment.errors import UserError
from alignment.metric_schema import RESULTS, find_metric

# What is claimed of the arm against another: the difference of the metric is ...
RULES = {
    "greater": "above the margin",
    "less": "below minus the margin",
    "not_less": "above minus the margin (non-inferiority)",
    "not_greater": "below the margin (non-inferiority of what is better low)",
    "equivalent": "inside plus and minus the margin (two one-sided tests)",
}
CORRECTIONS = {"holm": "Holm", "bh": "Benjamini and Hochberg"}
BY_QUESTION = ("accuracy", "sampled_accuracy", "auditability", "strict_rate")  # with a value for each question
RATES = ("lost", "collapsed", "harmed", "never_learned")  # yes or no for each seed
LOST = "lost"  # collapsed or harmed


class Hypothesis(NamedTuple):
    """One entry of the file, as the docstring of this module describes it."""

    name: str
    statement: str
    metric: str
    arm: str
    against: tuple[str, ...]
    rule: str
    detect: float
    seeds: tuple[int, ...]
    margin: float = 0.0
    questions: int = 100
    completions: int = 0
    parameters: tuple[float, float] = (0.0, math.inf)
    setting: Mapping[str, Any] = {}


class Registration(NamedTuple):
    """A file of hypotheses, and which of them were on record before the first answer of the run."""

    path: str
    sha256: str
    text: str
    level: float
    power: float
    correction: str
    hypotheses: tuple[Hypothesis, ...]
    before_answers: frozenset[str] = frozenset()  # names of the entries that were, and are unchanged
    recorded_sha256: str = ""  # of the file as it was first recorded in the workdir; "" where it was not

    @property
    def changed(self) -> bool:
        """Whether the file is another than the one that the workdir recorded first."""
        return self.sha256 != self.recorded_sha256


class _Key(NamedTuple):
    is_valid: Callable[[Any], bool]
    expected: str


def _is_number(low: float, high: float = math.inf, above: bool = False) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and low <= value <= high and (value > low or not above)

    return check


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_list(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def check_all(value: Any) -> bool:
        return isinstance(value, list) and bool(value) and all(map(check, value)) and len(set(value)) == len(value)

    return check_all


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_HEAD = {
    "level": _Key(_is_number(0.0, 0.5, above=True), "a number above 0, at most 0.5"),
    "power": _Key(_is_number(0.5, 0.999), "a number from 0.5 to 0.999"),
    "correction": _Key(lambda value: value in CORRECTIONS, f"one of {', '.join(CORRECTIONS)}"),
    "hypotheses": _Key(lambda value: isinstance(value, dict) and bool(value), "tables [hypotheses.NAME]"),
}
_KEYS = {
    "statement": _Key(_is_text, "a sentence"),
    "metric": _Key(_is_text, "the name of a metric"),
    "arm": _Key(_is_text, "the name of an arm"),
    "against": _Key(_is_list(_is_text), "a list of different arms"),
    "rule": _Key(lambda value: value in RULES, f"one of {', '.join(RULES)}"),
    "margin": _Key(_is_number(0.0), "a number of at least 0"),
    "detect": _Key(_is_number(0.0, above=True), "a number above 0"),
    "seeds": _Key(_is_list(_is_whole), "a list of different whole numbers"),
    "questions": _Key(_is_whole, "a whole number"),
    "completions": _Key(_is_whole, "a whole number"),
    "parameters": _Key(
        lambda value: _is_list(_is_number(0.0))(value) and len(value) == 2 and value[0] < value[1],
        "a list of two numbers in order",
    ),
    "setting": _Key(lambda value: isinstance(value, dict), 'a table such as {"grpo.reward" = "gated"}'),
}


def load_registration(path: str, arms: Collection[str]) -> Registration | None:
    """Read a file of hypotheses; None for the path "".

    Args:
      path: of the TOML file; arms: the names that its entries may use (a variant counts as its arm).

    Raises:
      UserError: the file cannot be read, or an entry is wrong; the message names file and key.
    """
    if not path:
        return None
    try:
        content = epath.Path(path).read_bytes()
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--config.preregistration={path}: {reason_of(error)}; name a TOML file in UTF-8") from None
    return parse_registration(text, path, arms)._replace(sha256=hashlib.sha256(content).hexdigest())


def parse_registration(text: str, path: str, arms: Collection[str]) -> Registration:
    """Return the hypotheses in the text of a file; raises `UserError` as `load_registration` does."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not TOML: {error}; correct the file") from None
    _check(tree, _HEAD, path, "", required=_HEAD)
    hypotheses = tuple(_read(name, entry, path, arms) for name, entry in tree["hypotheses"].items())
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Registration(path, digest, text, tree["level"], tree["power"], tree["correction"], hypotheses)


def compare_with_record(now: Registration, recorded: Registration, after_answers: bool) -> Registration:
    """Return the present file with what the workdir recorded of it when the run began.

    Args:
      now: the file as it is; recorded: as it was when it was first recorded; after_answers: arms had answered by then,
        so that no entry was written before the results.
    """
    same_rules = (now.level, now.power, now.correction) == (recorded.level, recorded.power, recorded.correction)
    names = {hypothesis.name for hypothesis in set_of(now) if hypothesis in set_of(recorded)}
    known = frozenset(names if same_rules and not after_answers else ())
    return now._replace(before_answers=known, recorded_sha256=recorded.sha256)


def set_of(registration: Registration) -> tuple[Hypothesis, ...]:
    """Return the hypotheses of a file without their statements, which decide nothing."""
    return tuple(hypothesis._replace(statement="") for hypothesis in registration.hypotheses)


def _read(name: str, entry: Any, path: str, arms: Collection[str]) -> Hypothesis:
    where = f"hypotheses.{name}"
    if not isinstance(entry, dict):
        raise UserError(f"{path}: {where} = {entry!r}: expected a table [{where}]")
    _check(entry, _KEYS, path, f"{where}.", required=[key for key in _KEYS if key not in Hypothesis._field_defaults])
    for key, labels in (("arm", [entry["arm"]]), ("against", entry["against"])):
        for label in labels:
            if label.partition("@")[0] not in arms:
                raise UserError(f"{path}: {where}.{key}: no arm {label!r}; {did_you_mean(label, arms)}".rstrip())
    if entry["arm"] in entry["against"]:
        raise UserError(f"{path}: {where}.against: holds the arm itself, {entry['arm']!r}; name another arm")
    metric = entry["metric"]
    if metric != LOST and metric not in RESULTS:
        try:
            find_metric(metric)
        except UserError as error:
            raise UserError(f"{path}: {where}.metric: {error}") from None
        raise UserError(f"{path}: {where}.metric: {metric!r} is a metric of a step; name a key of results.json")
    if metric in RATES and (entry["rule"] not in ("greater", "less") or entry.get("margin")):
        raise UserError(f"{path}: {where}.rule: {metric} is counted in seeds; use greater or less, and no margin")
    if entry["rule"] not in ("greater", "less") and not entry.get("margin"):
        raise UserError(f"{path}: {where}.margin: the rule {entry['rule']} needs a margin above 0")
    for leaf in entry.get("setting", {}):
        if leaf not in LEAVES:
            raise UserError(f"{path}: {where}.setting: no leaf {leaf!r}; {did_you_mean(leaf, LEAVES)}".rstrip())
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Hypothesis(name=name, **values)


def _check(tree: Mapping[str, Any], keys: Mapping[str, _Key], path: str, where: str, required: Collection[str]) -> None:
    for name, value in tree.items():
        if name not in keys:
            raise UserError(f"{path}: {where}{name}: no such key; {did_you_mean(name, keys)}".rstrip())
        if not keys[name].is_valid(value):
            raise UserError(f"{path}: {where}{name} = {value!r}: expected {keys[name].expected}")
    if missing := [name for name in required if name not in tree]:
        raise UserError(f"{path}: {where}{missing[0]} is missing: {keys[missing[0]].expected}")
