"""One question to a policy, by hand: reading it, and showing the answer with its sections and audit marks."""

from __future__ import annotations

import re

from alignment.evaluation.auditability import check_values
from alignment.record import Record
from alignment.text.parser import Response

_OPTION = re.compile(r"\s*([A-Z])[.)]\s+(\S.*)")
OF_OPTIONS = ("answer_reasoning_agreement", "option_coverage", "distractor_rejection")  # checks that need some


def question_of(text: str) -> Record:
    """Return the record of a question; lines such as "A. asthma" at its end are its options."""
    lines, options = text.strip().splitlines(), {}
    while len(lines) > 1 and (match := _OPTION.fullmatch(lines[-1])):
        options[match[1]] = match[2].strip()
        lines.pop()
    options = dict(reversed(options.items()))
    return Record("question", "command line", "\n".join(lines).strip(), options if len(options) > 1 else {})


def describe_response(response: Response, record: Record) -> str:
    """Return an answer as text: its two sections, or all of it where they are missing, then the audit checks."""
    sections = [("reasoning", response.reasoning), ("answer", response.answer)]
    if not any(body for _, body in sections):
        sections = [("text outside the two sections", response.text)]
    lines = [f"[{name}]\n{body or '(none)'}" for name, body in sections]
    if record.options:
        lines.append(f"option: {response.letter or 'none in the answer block'}")
    names = {
        name: value
        for name, value in check_values(response, record).items()
        if record.options or name not in OF_OPTIONS
    }
    marks = (
        f"{'yes' if value == 1 else 'no' if value == 0 else f'{value:.0%}'}  {name.replace('_', ' ')}"
        for name, value in names.items()
    )
    return "\n".join([*lines, "audit:", *(f"  {mark}" for mark in marks)])
