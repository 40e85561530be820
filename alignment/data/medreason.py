"""MedReason: questions of seven medical sets with reasoning along a knowledge graph (Wu et al. 2025, arXiv 2504.00993).

Hub UCSC-VLAA/MedReason, split train; apache-2.0 by its card (the questions keep their own licences). Fields:
dataset_name, id_in_dataset, question, answer, reasoning, options. `options` is one string, "Answer Choices:" and a
line "A. ..." for each; `answer` is the text of an option, mostly followed by "Explanation: ...". Where the string lists
fewer than two options the question is open, and its gold is the answer's text. One question may come with several
reasonings, so the id is made of all of it.
"""

from __future__ import annotations

import re

from alignment.data.ids import content_id
from alignment.data.rows import Row
from alignment.errors import UserError
from alignment.record import Record

OPTION = re.compile(r"([A-Z])[.):]\s*(.*)")
EXPLANATION = "Explanation:"


def build_record(row: Row) -> Record:
    """Return the record of a row, with the reasoning in `cot`; raises `UserError` unless the answer is one option."""
    question, response = row.text("question"), row.text("answer")
    answer = response.partition(EXPLANATION)[0].strip()
    options = split_options(row.optional("options"))
    choice = len(options) > 1
    cot = row.text("reasoning")
    origin = {"dataset": row.optional("dataset_name"), "id_in_dataset": row.optional("id_in_dataset")}
    return Record(
        id=content_id("medreason", question, options | {"answer": response, "reasoning": cot}),
        source="medreason",
        question=question,
        options=options if choice else {},
        gold=_letter(row, options, answer) if choice else "",
        answer="" if choice else answer,
        cot=cot or None,
        response=response or None,
        licence="apache-2.0",
        provenance="MedReason",
        meta={name: value for name, value in origin.items() if value},
    )


def split_options(text: str) -> dict[str, str]:
    r"""Return the options of "Answer Choices:\nA. ...\nB. ..."; a line without a letter belongs to the one before."""
    options: dict[str, str] = {}
    for line in text.split("\n"):
        match = OPTION.match(line.strip())
        if match and match[1] not in options:
            options[match[1]] = match[2].strip()
        elif options and line.strip():
            last = next(reversed(options))
            options[last] = f"{options[last]} {line.strip()}".strip()
    return options


def _letter(row: Row, options: dict[str, str], answer: str) -> str:
    """Return the letter of the option whose text (but for case and final stop) or letter `answer` is."""
    plain = answer.rstrip(".").strip().casefold()
    letters = [letter for letter, text in options.items() if text.rstrip(".").strip().casefold() == plain]
    lettered = OPTION.match(answer + ".") if not letters else None
    if lettered and lettered[1] in options:
        return lettered[1]
    if len(letters) != 1:
        raise UserError(f"{row.where}: answer {answer[:80]!r} is the text of {len(letters)} options, not of one")
    return letters[0]
