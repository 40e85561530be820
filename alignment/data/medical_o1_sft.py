"""medical-o1-reasoning-SFT: open questions with a chain of thought and a response (Chen et al. 2024, arXiv 2412.18925).

Hub FreedomIntelligence/medical-o1-reasoning-SFT, configurations en, zh, en_mix and zh_mix, split train; apache-2.0 by
its card. Fields: Question, Complex_CoT, Response, all written or rewritten by language models. There is no gold answer
beside the response, so these are demonstrations: `cot` and `response`, without options.
"""

from __future__ import annotations

from alignment.data.ids import content_id
from alignment.data.rows import Row
from alignment.errors import UserError
from alignment.record import Record


def build_record(row: Row) -> Record:
    """Return the demonstration of a row; raises `UserError` where its reasoning or response is empty."""
    question, cot, response = (row.text(name) for name in ("Question", "Complex_CoT", "Response"))
    if not (cot and response):
        raise UserError(f"{row.where}: field {'Response' if cot else 'Complex_CoT'!r} is empty; remove the row")
    return Record(
        id=content_id("medical_o1_sft", question, {"response": response}),
        source="medical_o1_sft",
        question=question,
        cot=cot,
        response=response,
        licence="apache-2.0",
        provenance="medical-o1-reasoning-SFT",
    )
