"""PubMedQA: yes, no or maybe, after reading an abstract (Jin et al. 2019, arXiv 1909.06146; MIT licence).

Three layouts are read:
  {pmid: {QUESTION, CONTEXTS, LABELS, final_decision, LONG_ANSWER}}   github.com/pubmedqa/pubmedqa, data/ori_pqal.json;
                                                                      the same fields in rows: Hub bigbio/pubmed_qa
  pubid, question, context {contexts, labels}, final_decision, ...    Hub qiaojin/PubMedQA, pqa_labeled or _artificial
  id, data {Question, Context, Options, Correct Option}               Hub openlifescienceai/pubmedqa
The options are always A yes, B no, C maybe. `response` is the abstract's own conclusion. A record of the official test
half has the split "test", whatever the file says; of the others "train", unless the file says more. So
`ori_pqal.json?keep=test` is the official test set.
"""

from __future__ import annotations

import functools
from importlib import resources

from alignment.data.ids import content_id
from alignment.data.ingest import Loaded, read_records
from alignment.data.locations import Location, parse_location
from alignment.data.nested import from_nested, has_nested, nested_context
from alignment.data.rows import Row
from alignment.errors import UserError
from alignment.record import Record

OPTIONS = {"A": "yes", "B": "no", "C": "maybe"}
LETTER_OF = {decision: letter for letter, decision in OPTIONS.items()}


def load(path: str) -> Loaded:
    """Return the records of a PubMedQA file, their official split in `split`; raises what `read_records` raises."""
    return read_records(path, functools.partial(build_record, location=parse_location(path)))


@functools.cache
def official_test() -> frozenset[str]:
    """Return the PubMed ids of the official test half: 500, of which 276 yes, 169 no and 55 maybe."""
    text = (resources.files("alignment") / "assets" / "pubmedqa" / "test_pmids.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def build_record(row: Row, location: Location) -> Record:
    """Return the record of a row in any of the three layouts; raises `UserError` where its options are others."""
    if has_nested(row):
        question, options, gold = from_nested(row)
        if {text.lower() for text in options.values()} != set(LETTER_OF):
            raise UserError(f"{row.where}: the options are not yes, no and maybe but {', '.join(options.values())}")
        response = row.inner("data").optional("Long Answer")
        decision = options.get(gold, gold)
        return _build(location, row.optional("id"), question, nested_context(row), (), decision, response)
    if "QUESTION" in row.fields:
        text = row.text("QUESTION"), row.texts("CONTEXTS"), row.texts("LABELS")
        return _build(location, row.key, *text, row.optional("final_decision"), row.optional("LONG_ANSWER"))
    inner = row.inner("context")
    text = row.text("question"), inner.texts("contexts"), inner.texts("labels")
    return _build(location, row.optional("pubid"), *text, row.optional("final_decision"), row.optional("long_answer"))


def _build(
    location: Location,
    key: str,
    question: str,
    context: tuple[str, ...],
    labels: tuple[str, ...],
    decision: str,
    long: str,
) -> Record:
    return Record(
        id=key or content_id("pubmedqa", question, OPTIONS),
        source="pubmedqa",
        split="test" if key in official_test() else location.stated_split or "train",
        question=question,
        options=dict(OPTIONS),
        gold=LETTER_OF.get(decision.lower(), decision.lower()),
        context=context,
        response=long or None,
        licence="MIT",
        provenance="PubMedQA",
        meta={"labels": labels} if labels else {},
    )
