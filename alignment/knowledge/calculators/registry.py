"""What a clinical calculator is: inputs with units and ranges, a pure function, a unit, bands and a source."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable, Mapping

from alignment.errors import UserError

Value = float | bool | str


@dataclasses.dataclass(frozen=True)
class Quantity:
    """A number in `unit`; `low` to `high` is what a question may ask with, not what is possible."""

    name: str
    label: str
    unit: str
    low: float
    high: float
    decimals: int = 0


@dataclasses.dataclass(frozen=True)
class Flag:
    """Something that is there or not."""

    name: str
    label: str


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of `options`."""

    name: str
    label: str
    options: tuple[str, ...]


Input = Quantity | Flag | Choice


@dataclasses.dataclass(frozen=True)
class Band:
    """What a result of `low` or more means, up to the next band."""

    low: float
    meaning: str


@dataclasses.dataclass(frozen=True)
class Calculator:
    """One calculator. `tolerance` is the share by which an answer may be off: 0 for scores, which are counted."""

    name: str
    unit: str
    inputs: tuple[Input, ...]
    compute: Callable[..., float]
    formula: str
    source: str
    decimals: int
    tolerance: float
    bands: tuple[Band, ...]

    def band(self, value: float) -> str:
        """What a result means, rounded as it is written; nothing where the calculator has no bands."""
        written = round(value, self.decimals)
        meanings = [band.meaning for band in self.bands if written >= band.low]
        return meanings[-1] if meanings else ""

    def accepts(self, answer: float, value: float) -> bool:
        """Whether `answer` is the result `value`: exactly for scores, else within the tolerance or the rounding."""
        rounding = 0.5 * 10.0**-self.decimals if self.tolerance else 0.0
        return abs(answer - value) <= max(self.tolerance * abs(value), rounding) + 1e-9


CALCULATORS: dict[str, Calculator] = {}

SEX = Choice("sex", "sex", ("male", "female"))


def calculator(
    name: str,
    unit: str,
    *inputs: Input,
    formula: str,
    source: str,
    decimals: int = 1,
    bands: Mapping[float, str] | None = None,
) -> Callable[[Callable[..., float]], Callable[..., float]]:
    """Register the decorated function, which takes the inputs by their names, as the calculator called `name`."""

    def register(compute: Callable[..., float]) -> Callable[..., float]:
        if name in CALCULATORS:
            raise ValueError(f"two calculators are called {name!r}")
        tolerance = 0.0 if unit == "points" else 0.05
        steps = tuple(Band(low, meaning) for low, meaning in sorted((bands or {}).items()))
        CALCULATORS[name] = Calculator(name, unit, inputs, compute, formula, source, decimals, tolerance, steps)
        return compute

    return register


def score(
    name: str, *inputs: Input, formula: str, source: str, bands: Mapping[float, str] | None = None, decimals: int = 0
) -> Callable[[Callable[..., float]], Callable[..., float]]:
    """Register a function that counts points."""
    return calculator(name, "points", *inputs, formula=formula, source=source, decimals=decimals, bands=bands)


def points(*items: tuple[float, bool]) -> float:
    """Return the sum of the points whose condition holds."""
    return sum(worth for worth, holds in items if holds)


def flags(**labels: str) -> tuple[Flag, ...]:
    """Return one `Flag` a keyword: its name and what it stands for."""
    return tuple(Flag(name, label) for name, label in labels.items())


def evaluate(calculator: Calculator, values: Mapping[str, Value]) -> float:
    """Return the result for `values`, one for each input by its name, unrounded.

    Raises:
      UserError: an input is missing, unknown, not finite, not positive or not among its options, or the formula has no
        value there.
    """
    wanted = {entry.name for entry in calculator.inputs}
    if set(values) != wanted:
        raise UserError(f"{calculator.name}: give exactly {', '.join(sorted(wanted))}; got {', '.join(sorted(values))}")
    for entry in calculator.inputs:
        value, where = values[entry.name], f"{calculator.name}: {entry.name}"
        if isinstance(entry, Choice) and value not in entry.options:
            raise UserError(f"{where} is {value!r}; use one of {', '.join(entry.options)}")
        if isinstance(entry, Flag) and not isinstance(value, bool):
            raise UserError(f"{where} is {value!r}; use true or false")
        if isinstance(entry, Quantity):
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or (value <= 0 <= entry.low):
                raise UserError(f"{where} is {value!r}; use a positive number in {entry.unit}")
    try:
        result = float(calculator.compute(**values))
    except (ValueError, ZeroDivisionError) as error:
        raise UserError(f"{calculator.name}: no value for {dict(values)} ({error}); correct an input") from error
    return result


def draw(calculator: Calculator, rng: random.Random) -> dict[str, Value]:
    """Return plausible values for every input; the same state of `rng` gives the same values."""
    values: dict[str, Value] = {}
    for entry in calculator.inputs:
        if isinstance(entry, Choice):
            values[entry.name] = rng.choice(entry.options)
        elif isinstance(entry, Flag):
            values[entry.name] = rng.random() < 0.4
        else:
            value = round(rng.uniform(entry.low, entry.high), entry.decimals)
            values[entry.name] = value if entry.decimals else int(value)
    return values
