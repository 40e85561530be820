"""Records and responses small enough to judge by eye."""

from __future__ import annotations

from alignment.record import Record
from alignment.text.parser import Response, parse
from alignment.text.templates import get_template

OPTIONS = {"A": "Asthma", "B": "Pulmonary embolism", "C": "Pneumonia", "D": "Heart failure"}
QUESTION = "A 40-year-old woman has sudden pleuritic chest pain and a swollen calf. What is the most likely diagnosis?"
REASONING = (
    "Sudden pleuritic chest pain with a swollen calf points to a clot. Asthma and pneumonia would not explain the "
    "calf, and heart failure is unlikely at this age. The answer is B."
)


def record(name: str = "r0", gold: str = "B") -> Record:
    return Record(id=name, source="test", question=QUESTION, options=OPTIONS, gold=gold)


def respond(reasoning: str = REASONING, letter: str = "B", before: str = "", truncated: bool = False) -> Response:
    """A response with both blocks; `before` breaks the strict format without touching the answer."""
    text = f"{before}<think>\n{reasoning}\n</think>\n<answer>\n{letter}. \\boxed{{{letter}}}\n</answer>"
    return parse(text, OPTIONS, get_template("think_answer"), truncated)


def mumble(text: str = "I do not know") -> Response:
    """A response without blocks or letter."""
    return parse(text, OPTIONS, get_template("think_answer"))
