"""What does a clinical calculator give?

Four patients of one age and sex who differ in an input or two, each with another result; then which of them it is. A
wrong option is so the right result for an input misread.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from alignment.data.vignettes.core import split_of
from alignment.data.vignettes.index import World
from alignment.data.vignettes.item import Choice, Item
from alignment.data.vignettes.registers import Fact, Patient
from alignment.errors import UserError
from alignment.knowledge.calculators import CALCULATORS, Calculator, evaluate
from alignment.knowledge.calculators import draw as draw_inputs
from alignment.knowledge.calculators.registry import Quantity, Value

SIZE = 4
ADULTS = (25, 80)
FOR_CHILDREN = ("Apgar", "maintenance fluid rate")  # asked about newborns and infants, who are no patients of the stems
OF_THE_PATIENT = ("age", "sex")  # part of the patient, so the same for all four

Inputs = Mapping[str, Value]


def draw(rng: random.Random, world: World, split: str) -> Item | None:
    """Draw a calculator, four patients with different results, then which of them is asked about."""
    calculator = CALCULATORS[rng.choice([name for name in CALCULATORS if name not in FOR_CHILDREN])]
    four = _patients(rng, calculator)
    if four is None or split_of("calculation", [calculator.name, *map(str, four)]) != split:
        return None
    gold = rng.randrange(SIZE)
    values = four[gold]
    patient = Patient(int(values.get("age", rng.randint(*ADULTS))), values.get("sex", rng.choice(("female", "male"))))
    facts = [
        Fact(_worded(calculator, name, value), "result", True)
        for name, value in values.items()
        if name not in OF_THE_PATIENT
    ]
    rng.shuffle(facts)
    choices = []
    for inputs in four:
        changed = [_worded(calculator, name, inputs[name]) for name in inputs if inputs[name] != values[name]]
        reason = "" if inputs is values else f"right for {' and '.join(changed)}"
        choices.append(Choice(written(calculator, evaluate(calculator, inputs)), reason))
    name = calculator.name
    return Item(
        family="calculation",
        asks=name,
        patient=patient,
        facts=tuple(facts),
        questions=(
            f"What is the {name}?",
            f"What does the {name} come to?",
            f"Calculate the {name}. Which result is right?",
        ),
        choices=tuple(choices),
        gold=gold,
        steps=_steps(calculator, values),
        case={"calculator": name, "values": dict(values)},
        sources=(calculator.source,),
        points=1 + min(3, (len(calculator.inputs) + 1) // 2),
        hops=1,
        wording=rng.getrandbits(64),
    )


def _patients(rng: random.Random, calculator: Calculator) -> list[Inputs] | None:
    """Draw inputs four times, three of them with one input changed; None where two results pass for each other."""
    first = draw_inputs(calculator, rng)
    free = [name for name in first if name not in OF_THE_PATIENT]
    four = [first]
    for _ in range(SIZE - 1):
        name = rng.choice(free)
        four.append({**first, name: draw_inputs(calculator, rng)[name]})
    rng.shuffle(four)
    try:
        values = [evaluate(calculator, inputs) for inputs in four]
    except UserError:  # a formula without a value at these inputs
        return None
    too_close = any(
        written(calculator, one) == written(calculator, two)
        or calculator.accepts(one, two)
        or calculator.accepts(two, one)
        for number, one in enumerate(values)
        for two in values[:number]
    )
    return None if too_close else four


def written(calculator: Calculator, value: float) -> str:
    """Return a result as an option: rounded, with its unit."""
    return f"{value:.{calculator.decimals}f} {calculator.unit}".strip()


def _worded(calculator: Calculator, name: str, value: Value) -> str:
    entry = next(entry for entry in calculator.inputs if entry.name == name)
    if isinstance(value, bool):
        return f"{entry.label}: {'yes' if value else 'no'}"
    if isinstance(entry, Quantity):
        return f"{entry.label} {value:.{entry.decimals}f} {entry.unit}".strip()
    return f"{entry.label}: {value}"


def _steps(calculator: Calculator, values: Inputs) -> tuple[str, ...]:
    inputs = [_worded(calculator, name, value) for name, value in values.items()]
    result = evaluate(calculator, values)
    band = calculator.band(result)
    steps = [f"The {calculator.name} is {calculator.formula}.", f"Here: {'; '.join(inputs)}."]
    words = {}  # the numbers that stand in for the names of inputs in the formula
    for entry in calculator.inputs:
        if isinstance(entry, Quantity):
            number = f"{values[entry.name]:.{entry.decimals}f}"
            words |= {entry.label: number, entry.name.replace("_", " "): number}
    pattern = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    numbers = re.sub(rf"\b({pattern})\b", lambda match: words[match[1]], calculator.formula) if words else ""
    if words and calculator.tolerance and numbers != calculator.formula:
        steps.append(f"In numbers: {numbers}.")
    return (*steps, f"This gives {written(calculator, result)}{f' ({band})' * bool(band)}.")
