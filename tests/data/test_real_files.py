"""The published files themselves, where `CLINICAL_DATA_DIR` names the folder that holds them."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from alignment.config import default_config
from alignment.data.load import ROLES, load_data
from alignment.data.pubmedqa import official_test
from alignment.data.sources import load_source, read_source
from alignment.data.splits import questions
from alignment.errors import UserError

FOLDER = os.environ.get("CLINICAL_DATA_DIR", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="CLINICAL_DATA_DIR names no folder with the published files")

MEDQA_5 = "medqa_us_dev/medqa_us_dev_5opt.jsonl"
MEDQA_4 = "medqa_us_dev/medqa_us_dev_4opt_facts.jsonl"
MEDMCQA = "medmcqa_dev_halfA/medmcqa_dev_halfA.jsonl"
TRACES = "medmcqa_dev_halfA/medmcqa_dev_halfA_llm_cot.jsonl"
KQA = "kqa_half0/kqa_questions_w_answers.jsonl"
MEDCALC = "medcalc_oneshot/one_shot_data.csv"
PUBMEDQA = "pubmedqa_pqal_nontest/pqal_nontest_500.json"


def real(name):
    return str(Path(FOLDER) / name)


def config(counts=(0, 0, 0), **files):
    data = default_config().data
    for (role, (source, name)), count in zip(files.items(), counts, strict=True):
        data[role].update(source=source, path=real(name), count=count)
    return data


@pytest.mark.parametrize(
    "source, name, golds",
    [
        ("medqa", MEDQA_5, {"A": 256, "B": 279, "C": 245, "D": 278, "E": 214}),
        ("medqa", MEDQA_4, {"A": 330, "B": 316, "C": 352, "D": 274}),
        ("mediq", MEDQA_4, {"A": 330, "B": 316, "C": 352, "D": 274}),
        ("medmcqa", MEDMCQA, {"A": 684, "B": 547, "C": 467, "D": 384}),  # 688, 550, 467, 385 with the refused rows
        ("pubmedqa", PUBMEDQA, {"A": 276, "B": 169, "C": 55}),
    ],
)
def test_counts_and_gold_letters(source, name, golds):
    records, _ = load_source(source, real(name))
    assert Counter(record.gold for record in records) == golds
    assert {len(record.options) for record in records} == {len(golds)}


@pytest.mark.parametrize(
    "source, name, rows, refused",
    [
        ("medqa", MEDQA_5, 1272, 0),
        ("mediq", MEDQA_4, 1272, 0),
        ("medmcqa", MEDMCQA, 2090, 8),
        ("pubmedqa", PUBMEDQA, 500, 0),
        ("kqa", KQA, 100, 0),
        ("medcalc", MEDCALC, 55, 0),
    ],
)
def test_every_row_becomes_a_record_or_is_refused_by_name(source, name, rows, refused):
    loaded = read_source(source, real(name))
    assert (loaded.rows, len(loaded.records), len(loaded.refused)) == (rows, rows - refused, refused)
    assert {record.source for record in loaded.records} == {source} and all(record.licence for record in loaded.records)
    assert all(f"{name}, line " in message and "have equal text" in message for message in loaded.refused)
    assert bool(refused) == any(f"{refused} of {rows} row(s) refused" in note for note in loaded.notes)


def test_pubmedqa_outside_the_official_test_half():
    records = read_source("pubmedqa", real(PUBMEDQA)).records
    assert len(official_test()) == 500 and {record.split for record in records} == {"train"}
    assert all(record.response for record in records)
    with pytest.raises(UserError, match="no record has the split 'test'; found: train"):
        load_source("pubmedqa", real(PUBMEDQA) + "?keep=test")


def test_physicians_statements_and_limits_arrive():
    statements = [len(record.must_have) for record in read_source("kqa", real(KQA)).records]
    assert sum(statements) == 446 and min(statements) >= 1
    records = read_source("medcalc", real(MEDCALC)).records
    assert Counter(record.meta["output_type"] for record in records) == {"decimal": 32, "integer": 20, "date": 3}
    assert sum(record.limits is not None for record in records) == 52
    negative = [record for record in records if record.limits and record.limits[1] < 0]
    assert len(negative) == 3 and all(low <= float(r.answer) <= high for r in negative for low, high in [r.limits])
    assert records[0].facts[:2] == ("sex: Male", "age: 53 years") and all(record.cot for record in records)


def test_both_medqa_files_ask_the_same_questions():
    five, four = (questions(load_source("medqa", real(name))[0]) for name in (MEDQA_5, MEDQA_4))
    assert len(five & four) == 1270  # two of 1272 stems were retyped


def test_facts_and_context_arrive():
    facts = [len(record.facts) for record in load_source("medqa", real(MEDQA_4))[0]]
    assert sum(facts) / len(facts) == pytest.approx(11.2, abs=0.05) and facts.count(0) == 3
    assert all(record.context for record in load_source("pubmedqa", real(PUBMEDQA))[0])


def test_the_base_of_cop_is_found():
    assert load_source("medmcqa", real(MEDMCQA))[1][0] == "cop counts from 1 (the original layout)"


def test_published_traces_train_sft_beside_rl_and_eval_from_the_same_file():
    data = config(sft=("medmcqa", MEDMCQA), rl=("medmcqa", MEDMCQA), eval=("medmcqa", MEDMCQA))
    data.sft.traces = real(TRACES)
    loaded = load_data(data)
    held = {role: questions(getattr(loaded, role)) for role in ROLES}
    assert sum(map(len, held.values())) == len(set.union(*held.values()))
    assert len(held["rl"]) == len(held["eval"]) == 690  # a third of 2070 questions
    assert all(record.cot for record in loaded.sft) and 0.7 < len(loaded.sft) / 695 < 0.82  # 1588 of 2082 have one


def test_every_correctly_answered_question_gets_its_trace_when_the_whole_file_is_for_sft():
    data = config((0, 100, 100), sft=("medmcqa", MEDMCQA), rl=("pubmedqa", PUBMEDQA), eval=("pubmedqa", PUBMEDQA))
    data.sft.traces = real(TRACES)
    loaded = load_data(data)
    assert (len(loaded.sft), len(loaded.rl), len(loaded.eval)) == (1588, 100, 100)
    note = next(note for note in loaded.notes if "traces" in note or "chains" in note)
    assert "1588 of 2082 records explained" in note and "953 further traces" in note and "1596 with a wrong" in note
