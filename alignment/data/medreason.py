"""MedReason: questions of seven medical sets with reasoning along a knowledge graph (Wu et al. 2025, arXiv 2504.00993).

Hub UCSC-VLAA/MedReason, split train; apache-2.0 by its card (the questions keep their own licences). Fields:
dataset_name, id_in_dataset, question, answer, reasoning, options. `options` is one string, "Answer Choices:" and a
line "A. ..." for each; `answer` is the text of an option, mostly followed by "Explanation: ...". Where the string lists
fewer than two options the question is open, and its gold is the answer's text. One question may come with several
reasonings, so the id is made of all of it.
"""

from __future__ import annotations

import re

from alignment.data.door import Loaded, read_records
from alignment.data.ids import content_id
from alignment.data.rows import Row
from alignment.errors import UserError
from alignment.record import Record

OPTION = re.compile(r"([A-Z])[.):]\s*(.*)")
EXPLANATION = "Explanation:"


def load(path: str) -> Loaded:
    """Return the records of a MedReason file, the reasoning in `cot`; raises what `read_records` raises."""
    return read_records(path, _record)


def _record(row: Row) -> Record:
    question, response = row.text("question"), row.text("answer")
    answer = response.partition(EXPLANATION)[0].strip()
    options = split_options(row.optional("options"))
    choice = len(options) > 1
    cot = row.text("reasoning")
    kept = {"dataset": row.optional("dataset_name"), "id_in_dataset": row.optional("id_in_dataset")}
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
        meta={name: value for name, value in kept.items() if value},
    )


def split_options(text: str) -> dict[str, str]:
    r"""Return the options of "Answer Choices:\nA. ...\nB. ..."; a line without a letter belongs to the one before."""
    options: dict[str, str] = {}
    for line in text.split("\n"):
        found = OPTION.match(line.strip())
        if found and found[1] not in options:
            options[found[1]] = found[2].strip()
        elif options and line.strip():
            last = next(reversed(options))
            options[last] = f"{options[last]} {line.strip()}".strip()
    return options


def _letter(row: Row, options: dict[str, str], answer: str) -> str:
    """The option that `answer` is: its text, whatever case and final stop, or its letter."""
    said = answer.rstrip(".").strip().casefold()
    found = [letter for letter, text in options.items() if text.rstrip(".").strip().casefold() == said]
    lettered = OPTION.match(answer + ".") if not found else None
    if lettered and lettered[1] in options:
        return lettered[1]
    if len(found) != 1:
        raise UserError(f"{row.where}: answer {answer[:80]!r} is the text of {len(found)} options, not of one")
    return found[0]
