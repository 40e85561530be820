"""Each public set on hand-made miniatures in its real schema."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.data.ids import fingerprint
from alignment.data.locations import CHOICES
from alignment.data.medreason import split_options
from alignment.data.pubmedqa import official_test
from alignment.data.sources import SOURCES, load_source
from alignment.errors import UserError
from alignment.record import Record, validate

FOUR = {"A": "Asthma", "B": "Croup", "C": "Pneumonia", "D": "Angina"}
TEN = {letter: f"Drug {letter}" for letter in "ABCDEFGHIJ"}
MEDQA = {"question": "Wheeze?", "answer": "Angina", "options": FOUR, "meta_info": "step1", "answer_idx": "D"}
MCQA = {"id": "m1", "question": "Wheeze?", "opa": "a", "opb": "b", "opc": "c", "opd": "d", "cop": 0}
PUBMED = {"pubid": 77, "question": "Does it help?", "final_decision": "maybe", "long_answer": "Perhaps."}
PUBMED |= {"context": {"contexts": ["We asked."], "labels": ["AIM"], "meshes": []}}
OWN = {"question": "Wheeze?", "options": FOUR, "gold": "A"}
MEDIQ = {"id": 0, "question": "What is it?", "context": ["A child wheezes."], "options": FOUR, "answer": "Asthma"}
MEDIQ |= {"answer_idx": "A", "facts": ["1. Patient is a child.", "2. There is wheeze."], "patient": {"age": "4"}}
XPERT = {"id": "Text-3", "question": "Which drug?\nAnswer Choices: (A) Drug A (B) Drug B", "options": TEN, "label": "J"}
XPERT |= {"medical_task": "Treatment", "body_system": "Renal", "question_type": "Reasoning"}
CAIS = {"question": "Which bone?", "subject": "anatomy", "choices": ["Femur", "Ulna", "Tibia", "Talus"], "answer": 3}
NESTED = {"Question": "Which bone?", "Options": FOUR, "Correct Option": "B", "Correct Answer": "Croup"}
LIFE = {"id": "x1", "subject_name": "college_medicine", "data": NESTED}
O1_SFT = {"Question": "Why does it wheeze?", "Complex_CoT": "Airways narrow.", "Response": "Bronchospasm."}
O1_OPEN = {"Open-ended Verifiable Question": "What narrows?", "Ground-True Answer": "The bronchi"}
REASON = {"dataset_name": "medmcqa", "id_in_dataset": 7131, "question": "Which one wheezes?"}
REASON |= {"answer": "Asthma. Explanation: it narrows.", "reasoning": "Paths: wheeze -> asthma."}
REASON |= {"options": "Answer Choices:\nA. Croup\nB. Asthma\nC. Heart failure,\nacute\nD. Gout"}
KQA = {"Question": "Is it safe?", "Free_form_answer": "Mostly.", "Must_have": ["It is mostly safe"]}
KQA |= {"Nice_to_have": ["Ask first"], "Sources": "a book", "ICD_10_diag": None}
CALC = {"Row Number": "1", "Calculator ID": "6", "Calculator Name": "BMI", "Category": "physical"}
CALC |= {"Output Type": "decimal", "Note ID": "n-1", "Note Type": "Template", "Patient Note": "He is 2 m and 80 kg."}
CALC |= {"Question": "What is the BMI in kg/m2?", "Relevant Entities": "{'height': [2, 'm'], 'smoker': False}"}
CALC |= {"Ground Truth Answer": "20.0", "Lower Limit": "19.0", "Upper Limit": "21.0"}
CALC |= {"Ground Truth Explanation": "80 / 4 = 20."}
ROWS = {
    "medqa": MEDQA,
    "medmcqa": MCQA,
    "pubmedqa": PUBMED,
    "records": OWN,
    "mediq": MEDIQ,
    "medxpertqa": XPERT,
    "mmlu": CAIS,
    "medical_o1_sft": O1_SFT,
    "medical_o1_verifiable": O1_OPEN,
    "medreason": REASON,
    "kqa": KQA,
    "medcalc": CALC,
}


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def one(tmp_path, source, row):
    return load_source(source, write(tmp_path / "a.jsonl", row))[0][0]


# ------------------------------------------------------------------------------------------------------------- layouts


def test_mediq_brings_case_facts(tmp_path):
    record = one(tmp_path, "mediq", MEDIQ)
    assert (record.id, record.source, record.licence) == ("mediq-0", "mediq", "CC BY 4.0")
    assert record.facts == ("Patient is a child.", "There is wheeze.") and record.meta == {"patient": {"age": "4"}}
    assert record.question == "A child wheezes. What is it?" and record.gold == "A"


def test_medxpertqa_reads_the_options_of_its_own_files_as_a_list(tmp_path):
    listed = [{"letter": letter, "content": text} for letter, text in XPERT["options"].items()]
    assert one(tmp_path, "medxpertqa", XPERT | {"options": listed}) == one(tmp_path, "medxpertqa", XPERT)
    for options, words in (
        ([*listed, listed[0]], "names a letter twice"),
        ([{"letter": "A"}], "'content'"),
        (["A"], "must be an object and is list"),
    ):
        with pytest.raises(UserError, match=words):
            one(tmp_path, "medxpertqa", XPERT | {"options": options})


def test_medxpertqa_loses_the_second_copy_of_its_options(tmp_path):
    record = one(tmp_path, "medxpertqa", XPERT)
    assert (record.question, record.options, record.gold, record.gold_text) == ("Which drug?", TEN, "J", "Drug J")
    assert record.meta == {"medical_task": "Treatment", "body_system": "Renal", "question_type": "Reasoning"}
    assert (
        one(tmp_path, "medxpertqa", XPERT | {"question": "What are Answer Choices: a test?"}).question[-5:] == "test?"
    )


def test_mmlu_in_both_layouts(tmp_path):
    flat, nested = one(tmp_path, "mmlu", CAIS), one(tmp_path, "mmlu", LIFE)
    assert (flat.gold, flat.gold_text, flat.meta) == ("D", "Talus", {"subject": "anatomy"})
    assert (nested.id, nested.gold, nested.options, nested.meta) == ("x1", "B", FOUR, {"subject": "college_medicine"})
    assert one(tmp_path, "mmlu", CAIS | {"answer": "C"}).gold == "C"
    assert one(tmp_path, "mmlu", LIFE | {"subject_name": None}).meta == {}


def test_the_nested_layout_of_medqa_and_pubmedqa(tmp_path):
    record = one(tmp_path, "medqa", LIFE | {"subject_name": None})
    assert (record.id, record.source, record.gold, record.options) == ("x1", "medqa", "B", FOUR)
    data = {"Question": "Helps?", "Options": {"A": "no", "B": "yes", "C": "maybe"}, "Correct Option": "B"}
    record = one(tmp_path, "pubmedqa", {"id": "9", "data": data | {"Correct Answer": "yes", "Context": ["We asked."]}})
    assert (record.gold, record.gold_text, record.context) == ("A", "yes", ("We asked.",))


def test_pubmedqa_is_split_officially_in_every_layout(tmp_path):
    tested = sorted(official_test())[:2]
    upper = {"QUESTION": "Helps?", "CONTEXTS": ["a"], "LABELS": [], "final_decision": "yes", "LONG_ANSWER": "It does."}
    (tmp_path / "ori_pqal.json").write_text(json.dumps({tested[0]: upper, "1": upper | {"QUESTION": "Harms?"}}))
    records, _ = load_source("pubmedqa", f"{tmp_path}/ori_pqal.json")
    assert [(record.id, record.split) for record in records] == [(tested[0], "test"), ("1", "train")]
    assert records[0].response == "It does."
    hub = [PUBMED | {"pubid": int(tested[1])}, PUBMED | {"question": "Harms?"}]
    records, notes = load_source("pubmedqa", write(tmp_path / "train.jsonl", *hub) + "?keep=test")
    assert [record.id for record in records] == [tested[1]] and "1 record(s) of other splits" in notes[0]


def test_the_official_half_is_five_hundred_ids():
    assert len(official_test()) == 500 and all(key.isdecimal() for key in official_test())


def test_medical_o1_is_a_demonstration_or_an_open_question(tmp_path):
    shown, verifiable = one(tmp_path, "medical_o1_sft", O1_SFT), one(tmp_path, "medical_o1_verifiable", O1_OPEN)
    assert (shown.cot, shown.response, shown.options, shown.gold) == ("Airways narrow.", "Bronchospasm.", {}, "")
    assert (verifiable.question, verifiable.answer, verifiable.gold_text) == (
        "What narrows?",
        "The bronchi",
        "The bronchi",
    )
    both = write(tmp_path / "b.jsonl", O1_SFT, O1_SFT | {"Response": "Spasm."})  # one question, two responses
    assert len(load_source("medical_o1_sft", both)[0]) == 2


def test_medreason_finds_the_letter_of_its_answer(tmp_path):
    record = one(tmp_path, "medreason", REASON)
    assert record.options == {"A": "Croup", "B": "Asthma", "C": "Heart failure, acute", "D": "Gout"}
    assert (record.gold, record.cot, record.response) == ("B", REASON["reasoning"], REASON["answer"])
    assert record.meta == {"dataset": "medmcqa", "id_in_dataset": "7131"}
    for answer, gold in (("gout", "D"), ("A", "A"), ("C. Heart failure, acute", "C")):
        assert one(tmp_path, "medreason", REASON | {"answer": answer}).gold == gold
    for options in ("", "Answer Choices:\nA. Asthma", None):
        open_one = one(tmp_path, "medreason", REASON | {"options": options})
        assert (open_one.options, open_one.gold, open_one.answer) == ({}, "", "Asthma.")


def test_option_strings_are_read_line_by_line():
    assert split_options("Answer Choices:\nA. one\nB) two\n\nC: three\nmore") == {
        "A": "one",
        "B": "two",
        "C": "three more",
    }
    assert split_options("none here") == {} and len(split_options("A. " + " a" * 100_000)) == 1


def test_kqa_brings_what_an_answer_must_have(tmp_path):
    record = one(tmp_path, "kqa", KQA)
    assert (record.answer, record.must_have, record.options) == ("Mostly.", ("It is mostly safe",), {})
    assert record.meta == {"references": "a book", "nice_to_have": ("Ask first",)}


def calc(tmp_path, **changes):
    with open(tmp_path / "a.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, CALC)
        writer.writeheader()
        writer.writerow(CALC | {name.replace("_", " "): value for name, value in changes.items()})
    return load_source("medcalc", f"{tmp_path}/a.csv")[0][0]


def test_medcalc_brings_a_number_and_its_limits(tmp_path):
    record = calc(tmp_path)
    assert (record.id, record.answer, record.limits) == ("medcalc-6-n-1-1", "20.0", (19.0, 21.0))
    assert record.context == ("He is 2 m and 80 kg.",) and record.facts == ("height: 2 m", "smoker: no")
    assert record.cot == "80 / 4 = 20." and record.meta["calculator"] == "BMI" and record.licence == "CC BY-SA 4.0"


def test_medcalc_orders_negative_limits_and_leaves_dates_as_text(tmp_path):
    negative = {"Ground_Truth_Answer": "-20", "Lower_Limit": "-19", "Upper_Limit": "-21"}
    assert calc(tmp_path, **negative).limits == (-21.0, -19.0)
    dated = calc(tmp_path, Output_Type="date", Ground_Truth_Answer="01/02/2020", Lower_Limit="", Upper_Limit="")
    assert (dated.answer, dated.limits) == ("01/02/2020", None)


@pytest.mark.parametrize("source", ["medqa", "medxpertqa", "mmlu", "medreason", "kqa", "mediq"])
def test_parquet_gives_the_same_records_as_lines(tmp_path, source):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([ROWS[source]]), tmp_path / "a.parquet")
    assert load_source(source, str(tmp_path / "a.parquet"))[0] == [one(tmp_path, source, ROWS[source])]


# ----------------------------------------------------------------------------------------------------------- wrong rows


@pytest.mark.parametrize(
    "source, change, words",
    [
        ("mediq", {"facts": "wheeze"}, "'facts' is str, not a list"),
        ("medxpertqa", {"images": ["a.png"]}, "the question needs its images"),
        ("medxpertqa", {"label": "K"}, "gold letter 'K' is outside the options"),
        ("medxpertqa", {"options": None}, "'options' must be an object"),
        ("mmlu", {"subject": "astronomy"}, "subject 'astronomy' is not clinical"),
        ("mmlu", {"answer": 4}, "gold letter 'E' is outside the options (A, B, C, D)"),
        ("mmlu", {"answer": None}, "no gold answer"),
        ("mmlu", {"choices": ["Ulna", "Ulna", "Tibia", "Talus"]}, "options A and B have equal text"),
        ("mmlu", {"data": NESTED | {"Correct Answer": "Gout"}}, "'Correct Answer' 'Gout' is not the text of option B"),
        ("pubmedqa", {"data": NESTED}, "the options are not yes, no and maybe"),
        ("medical_o1_sft", {"Complex_CoT": ""}, "'Complex_CoT' is empty"),
        ("medical_o1_sft", {"Response": None}, "'Response' is missing"),
        ("medical_o1_verifiable", {"Ground-True Answer": " "}, "no gold answer"),
        ("medreason", {"answer": "Scurvy"}, "answer 'Scurvy' is the text of 0 options"),
        ("kqa", {"Must_have": "It is safe"}, "'Must_have' is str, not a list"),
        ("kqa", {"Free_form_answer": ""}, "no gold answer"),
        ("medcalc", {"Upper Limit": "much"}, "'Upper Limit' is 'much', not a finite number"),
        ("medcalc", {"Lower Limit": "nan"}, "'Lower Limit' is 'nan', not a finite number"),
        ("medcalc", {"Ground Truth Answer": "30"}, "gold number 30 is outside its own limits"),
        ("medcalc", {"Relevant Entities": "open('x')"}, "'Relevant Entities' is no dictionary"),
        ("medcalc", {"Relevant Entities": "(" * 10_000}, "'Relevant Entities' is no dictionary"),
    ],
)
def test_a_wrong_row_is_named_by_file_line_and_reason(tmp_path, source, change, words):
    with pytest.raises(UserError) as caught:
        load_source(source, write(tmp_path / "a.jsonl", ROWS[source] | change))
    assert words in str(caught.value) and str(caught.value).startswith(f"{tmp_path}/a.jsonl, line 1")


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner))


@pytest.mark.parametrize("source", SOURCES)
@given(data=st.data())
def test_whatever_a_field_holds_a_row_is_a_record_or_refused(tmp_path_factory, source, data):
    name = data.draw(st.sampled_from([*ROWS[source], "data", "context", "id"]))
    path = tmp_path_factory.getbasetemp() / f"{source}.jsonl"
    write(path, ROWS[source] | {name: data.draw(JSON)})
    try:
        records, _ = load_source(source, str(path))
    except UserError as error:
        assert f"{path}, line 1" in str(error) or f"{path}: cop" in str(error)
    else:
        assert [validate(record, "again") for record in records] == records and len(records) == 1
        fingerprint(records)


def test_every_source_has_a_miniature_here():
    assert ROWS.keys() == SOURCES.keys()


def test_the_page_has_a_line_for_every_source_with_the_licence_of_its_records(tmp_path):
    page = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text()
    lines = {cells[1].strip(" `"): cells for line in page.splitlines() if len(cells := line.split("|")) > 6}
    for source, row in ROWS.items():
        record = one(tmp_path, source, row)
        assert record.licence in lines[source][3] and (not record.options) == ("no options" in lines[source][4]), source
    assert all(f"`{choice}=" in page for choice in CHOICES)
    assert all(f"| `{field.name}` |" in page for field in dataclasses.fields(Record))


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_refuses_the_file_of_another(tmp_path, source):
    for other, row in ROWS.items():
        if other != source and (source, other) != ("medqa", "mediq"):  # medqa reads mediq's rows without their patient
            with pytest.raises(UserError, match=r"a\.jsonl, line 1"):
                load_source(source, write(tmp_path / "a.jsonl", row))
