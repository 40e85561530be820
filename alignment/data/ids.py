"""Identities computed from content: they stay the same when a file is reordered, renamed or cut."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping

from alignment.record import Record


def normalised_question(record: Record) -> str:
    """Return context and question as lower-case words and numbers with single spaces: what makes two questions one."""
    text = unicodedata.normalize("NFKC", " ".join((*record.context, record.question)))
    return " ".join(re.findall(r"\w+", text.casefold()))


def question_rank(question: str, seed: int) -> str:
    """Return a stable pseudo-random sort key of a normalised question (SHA-256, the same on every machine)."""
    return hashlib.sha256(f"{seed}\n{question}".encode()).hexdigest()


def content_id(source: str, question: str, options: Mapping[str, str]) -> str:
    """Return an id for a row that brings none, from the question and the texts of its options."""
    digest = hashlib.sha256("\n".join((question, *options.values())).encode()).hexdigest()
    return f"{source}-{digest[:16]}"


def fingerprint(records: Iterable[Record]) -> str:
    """Return the SHA-256 of all fields of all records, in order."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(record_bytes(record))
    return digest.hexdigest()


def record_bytes(record: Record) -> bytes:
    """Return all fields of a record as canonical JSON; a list and a tuple are written alike."""
    fields = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    # Options keep their order, which is shown to the model; only the dictionaries inside `meta` are sorted.
    fields["options"] = list(record.options.items())
    return json.dumps(fields, sort_keys=True, default=str).encode()
