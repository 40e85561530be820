from __future__ import annotations

import dataclasses
import json
import random

import pytest

from alignment.data.hygiene import CONTAMINATED, EXACT, NEAR, HygieneConfig, clean, reports
from alignment.data.vignettes import generate
from alignment.errors import UserError
from alignment.record import Record


def record(number, source="made", words=50, **fields):
    rng = random.Random(number)
    question = " ".join("".join(rng.choices("abcdefgh", k=6)) for _ in range(words))
    return Record(f"r{number}", source, **{"question": question, "options": {"A": "x", "B": "y"}, "gold": "A"} | fields)


BASE = [record(number, "one" if number % 2 else "two") for number in range(100)]
TESTS = [record(1000 + number) for number in range(20)]
COPY = dataclasses.replace(BASE[4], id="copy", gold="B")
NEARLY = dataclasses.replace(BASE[9], id="nearly", question=BASE[9].question + " and more")
LEAK = dataclasses.replace(BASE[0], id="leak", question=TESTS[3].question + " again")
PLANTED = [COPY, NEARLY, LEAK]


def planted(**limits):
    limits = HygieneConfig(**limits)
    return clean([*BASE, *PLANTED], {"exam": TESTS, "empty": []}, limits), limits


def test_each_planted_record_goes_for_its_reason_and_no_other_goes():
    cleaned, _ = planted()
    assert cleaned.records == BASE
    assert [(item.record.id, item.reason, item.because) for item in cleaned.removals] == [
        ("copy", EXACT, "r4"), ("nearly", NEAR, "r9"), ("leak", CONTAMINATED, "r1003")
    ]  # fmt: skip
    assert cleaned.removals[0].detail == "another gold"


def test_limits_switch_each_check():
    assert [item.record.id for item in planted(near_duplicates=0.0)[0].removals] == ["copy", "leak"]
    assert [item.record.id for item in planted(overlap=1.0)[0].removals] == ["copy", "nearly"]
    assert [item.record.id for item in planted(words=60, characters=900)[0].removals] == ["copy", "nearly"]


def test_the_report_accounts_for_every_record():
    cleaned, limits = planted()
    files = reports(cleaned, limits)
    report = json.loads(files["hygiene.json"])
    for source, fates in report["sources"].items():
        assert fates["read"] == sum(item.source == source for item in [*BASE, *PLANTED])
        assert fates["kept"] == fates["read"] - sum(fates[reason] for reason in (EXACT, NEAR, CONTAMINATED))
    assert sum(fates["kept"] for fates in report["sources"].values()) == len(BASE)
    sets = report["evaluation sets"]
    assert sets["exam"] == {"questions": 20, "records removed": 1, "question": 0, "words": 1, "characters": 1}
    assert sets["empty"]["records removed"] == 0 and len(report["removed"]) == 3
    for words in ("| copy | r4 |", "| nearly | r9 |", "| leak | r1003 |", "| exam | 20 | 1 | 0 | 1 | 1 |"):
        assert words in files["hygiene.md"]


def test_generated_vignettes_lose_only_equal_stems():
    records = generate(200, 0, "train")
    again = dataclasses.replace(records[0], id="again")
    cleaned = clean([*records, again], {"vignettes": generate(100, 0, "eval")}, HygieneConfig())
    assert cleaned.records == records and [item.record.id for item in cleaned.removals] == ["again"]


def test_nothing_to_compare_with_removes_nothing():
    assert (
        clean(BASE, {}, HygieneConfig()).records == BASE and clean([], {"exam": TESTS}, HygieneConfig()).records == []
    )


@pytest.mark.parametrize("leaf", ["near_duplicates=1.5", "overlap=-0.1", "words=0", "characters=0"])
def test_a_limit_that_is_none_is_refused(leaf):
    name, value = leaf.split("=")
    with pytest.raises(UserError, match=f"--config.hygiene.{name}="):
        HygieneConfig(**{name: float(value)})
