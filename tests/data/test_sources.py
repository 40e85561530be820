from __future__ import annotations

import dataclasses
import json

import pyarrow
import pyarrow.parquet
import pytest
from made_data import write_records

from alignment.data.sources import load_source
from alignment.errors import UserError
from alignment.record import Record

FIVE = {"A": "Asthma", "B": "Croup", "C": "Pneumonia", "D": "Angina", "E": "Gout"}
FOUR = {"A": "Asthma", "B": "Croup", "C": "Pneumonia", "D": "Angina"}
MEDQA_5 = {"question": "Wheeze?", "answer": "Angina", "options": FIVE, "meta_info": "step1", "answer_idx": "D"}
MEDQA_FACTS = {
    "id": 0,
    "question": "What is it?",
    "context": ["A child wheezes.", "It is worse at night."],
    "options": FOUR,
    "answer": "Asthma",
    "answer_idx": "A",
    "facts": ["1. Patient is a child.", "- Wheeze at night", "12.5 mg was given."],
}
MEDQA_HF = {"id": "dev-1", "sent1": "Wheeze?", "sent2": "", "label": 2} | {
    f"ending{index}": text for index, text in enumerate(FOUR.values())
}
MCQA = {
    "id": "m1",
    "question": "Wheeze?",
    "opa": "Asthma",
    "opb": "Croup",
    "opc": "Pneumonia",
    "opd": "Angina",
    "cop": 4,
}
MCQA |= {"exp": None, "subject_name": "Medicine", "topic_name": None, "choice_type": "multi"}
PUBMED = {"QUESTION": "Does it help?", "CONTEXTS": ["We asked.", "It did."], "LABELS": ["AIM", "RESULTS"]}
PUBMED |= {"MESHES": [], "final_decision": "yes", "LONG_ANSWER": "It does."}
PUBMED_HUB = {"pubid": 77, "question": "Does it help?", "final_decision": "maybe", "long_answer": "Perhaps."}
PUBMED_HUB |= {"context": {"contexts": ["We asked.", "It may."], "labels": ["AIM", "RESULTS"], "meshes": []}}
OWN = {"question": "Wheeze?", "options": FOUR, "gold": "A", "cot": "It wheezes, so asthma.", "facts": ["wheeze"]}


def load(tmp_path, source, *rows, name="a.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_source(source, str(path))


def one(tmp_path, source, row):
    records, notes = load(tmp_path, source, row)
    assert notes == () and len(records) == 1
    return records[0]


# ------------------------------------------------------------------------------------------------------------- layouts


def test_medqa_with_five_options(tmp_path):
    record = one(tmp_path, "medqa", MEDQA_5)
    assert (record.question, record.options, record.gold, record.gold_text) == ("Wheeze?", FIVE, "D", "Angina")
    assert record.letters == tuple("ABCDE") and record.meta == {"exam": "step1"} and record.licence == "MIT"
    assert record.id.startswith("medqa-") and record.source == "medqa" and record.cot is None


def test_medqa_with_four_options_facts_and_a_stem_in_sentences(tmp_path):
    record = one(tmp_path, "medqa", MEDQA_FACTS)
    assert record.question == "A child wheezes. It is worse at night. What is it?"
    assert record.facts == ("Patient is a child.", "Wheeze at night", "12.5 mg was given.")
    assert (record.id, record.gold, record.options, record.licence) == ("0", "A", FOUR, "CC BY 4.0")


def test_medqa_in_the_ending_layout(tmp_path):
    record = one(tmp_path, "medqa", MEDQA_HF)
    assert (record.id, record.question, record.options, record.gold) == ("dev-1", "Wheeze?", FOUR, "C")
    assert one(tmp_path, "medqa", MEDQA_HF | {"sent2": "Choose."}).question == "Wheeze? Choose."


def test_medqa_in_parquet_drops_the_letters_a_row_does_not_have(tmp_path):
    four = MEDQA_5 | {"question": "Cough?", "options": FOUR | {"E": None}}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([MEDQA_5, four]), tmp_path / "a.parquet")
    records, _ = load_source("medqa", str(tmp_path / "a.parquet"))
    assert [record.letters for record in records] == [tuple("ABCDE"), tuple("ABCD")]


@pytest.mark.parametrize("first, letters, words", [(1, "DA", "from 1 (the original"), (0, "DA", "from 0 (the Hub's")])
def test_medmcqa_tells_the_base_of_cop(tmp_path, first, letters, words):
    rows = [MCQA | {"cop": first + 3}, MCQA | {"id": "m2", "cop": first}]
    records, notes = load(tmp_path, "medmcqa", *rows)
    assert "".join(record.gold for record in records) == letters
    assert len(notes) == 1 and words in notes[0]
    assert records[0].options == FOUR and records[0].meta == {"subject_name": "Medicine", "choice_type": "multi"}


def test_medmcqa_from_csv(tmp_path):
    (tmp_path / "a.csv").write_text("id,question,opa,opb,opc,opd,cop\nm1,Wheeze?,Asthma,NA,None,Angina,0\n")
    records, _ = load_source("medmcqa", str(tmp_path / "a.csv"))
    assert records[0].gold == "A" and records[0].options == {"A": "Asthma", "B": "NA", "C": "None", "D": "Angina"}


def test_pubmedqa_in_both_layouts(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"1001": PUBMED}))
    original = load_source("pubmedqa", str(tmp_path / "a.json"))[0][0]
    hub = one(tmp_path, "pubmedqa", PUBMED_HUB)
    assert (original.id, original.gold, original.context) == ("1001", "A", ("We asked.", "It did."))
    assert (hub.id, hub.gold, hub.context) == ("77", "C", ("We asked.", "It may."))
    assert original.options == hub.options == {"A": "yes", "B": "no", "C": "maybe"}
    assert one(tmp_path, "pubmedqa", PUBMED_HUB | {"final_decision": "no"}).gold == "B"
    assert one(tmp_path, "pubmedqa", {**PUBMED}).id.startswith("pubmedqa-")  # no key and no pubid


def test_own_records_go_out_and_come_back_equal(tmp_path):
    full = Record(
        "r1", "mine", "Q?", FOUR, "B", ("c",), ("f",), "because", "MIT", "here", {"family": "x", "n": 3}, "dev"
    )
    full = dataclasses.replace(full, response="It is B.", must_have=("croup",))
    sparse = Record("r2", "mine", "Ümlaut?", {"B": "two", "A": "one"}, "A")
    number = Record("r3", "mine", "BMI?", answer="21.5", limits=(20.425, 22.575))
    path = str(tmp_path / "r.jsonl")
    write_records(path, [full, sparse, number])
    assert load_source("records", path) == ([full, sparse, number], ())
    assert load_source("records", path)[0][1].letters == ("B", "A")


def test_own_records_need_only_question_options_and_gold(tmp_path):
    record = one(tmp_path, "records", {name: OWN[name] for name in ("question", "options", "gold")})
    assert (record.source, record.cot, record.facts) == ("records", None, ()) and record.id.startswith("records-")


# ----------------------------------------------------------------------------------------------------------- wrong rows


def without(row, name):
    return {key: value for key, value in row.items() if key != name}


@pytest.mark.parametrize(
    "source, row, words",
    [
        ("medqa", without(MEDQA_5, "answer_idx"), "no gold answer"),
        ("medqa", MEDQA_5 | {"answer_idx": None}, "no gold answer"),
        ("medqa", MEDQA_5 | {"answer_idx": "F"}, "gold letter 'F' is outside the options (A, B, C, D, E)"),
        ("medqa", MEDQA_5 | {"answer": "Gout"}, "answer 'Gout' is not the text of option D, 'Angina'"),
        ("medqa", MEDQA_5 | {"question": " "}, "the question is empty"),
        ("medqa", MEDQA_5 | {"options": {"D": "Angina"}}, "1 option(s)"),
        ("medqa", MEDQA_5 | {"options": "A. Asthma"}, "'options' must be an object and is str"),
        ("medqa", MEDQA_5 | {"options": FIVE | {"B": None}}, "field 'options': field 'B' is missing"),
        ("medqa", MEDQA_5 | {"options": FIVE | {"B": float("nan")}}, "field 'options': field 'B' is missing"),
        ("medqa", MEDQA_5 | {"options": FIVE | {"B": ["Croup"]}}, "field 'options': field 'B' is list, not text"),
        ("medqa", without(MEDQA_5, "question"), "'question' is missing; the row has answer, options"),
        ("medqa", MEDQA_FACTS | {"facts": "wheeze"}, "'facts' is str, not a list"),
        ("medqa", MEDQA_HF | {"label": -1}, "no gold answer"),
        ("medqa", MEDQA_HF | {"ending1": None}, "'ending1' is missing"),
        ("medqa", without(MEDQA_HF, "label"), "no gold answer"),
        ("medqa", MEDQA_HF | {"label": 4}, "gold letter 'E' is outside the options (A, B, C, D)"),
        ("medqa", MEDQA_HF | {"label": "x"}, "'label' is 'x', not a whole number"),
        ("medmcqa", MCQA | {"cop": -1}, "use the train or validation split"),
        ("medmcqa", without(MCQA, "cop"), "no gold answer in cop"),
        ("medmcqa", MCQA | {"cop": 7}, "gold letter 'cop=7' is outside the options"),
        ("medmcqa", MCQA | {"opb": None}, "'opb' is missing"),
        ("medmcqa", without(MCQA, "id"), "'id' is missing"),
        ("pubmedqa", without(PUBMED, "final_decision"), "no gold answer"),
        (
            "pubmedqa",
            PUBMED_HUB | {"final_decision": "unsure"},
            "gold letter 'unsure' is outside the options (A, B, C)",
        ),
        ("pubmedqa", PUBMED_HUB | {"question": ""}, "the question is empty"),
        ("pubmedqa", PUBMED_HUB | {"context": {"contexts": "text"}}, "field 'context': field 'contexts' is str"),
        ("pubmedqa", PUBMED_HUB | {"context": "text"}, "'context' must be an object and is str"),
        ("records", without(OWN, "gold"), "no gold answer"),
        ("records", OWN | {"gold": "E"}, "gold letter 'E' is outside the options (A, B, C, D)"),
        ("records", OWN | {"cott": "x"}, "unknown field 'cott'; did you mean 'cot'?"),
        ("records", OWN | {"options": ["a", "b"]}, "'options' must be an object and is list"),
        (
            "records",
            OWN | {"options": {"A": "x", "BB": "y"}},
            "option 'BB': options are named by single capital letters",
        ),
        ("records", without(OWN, "options"), "0 option(s)"),
        ("records", {"question": "Why?"}, "no gold answer: neither options"),
        ("records", {"question": "BMI?", "answer": "3", "limits": [1]}, "'limits' must be two numbers"),
        ("records", {"question": "BMI?", "answer": "3", "limits": [1, 2]}, "gold number 3 is outside its own limits"),
        ("records", OWN | {"options": FOUR | {"D": "Croup "}}, "options B and D have equal text, 'Croup'"),
        ("records", OWN | {"options": FOUR | {"C": " "}}, "option C is empty"),
        ("records", OWN | {"cot": "half \ud800"}, "half of a surrogate pair"),
    ],
)
def test_a_wrong_row_is_named_by_file_line_and_reason(tmp_path, source, row, words):
    good = {"medqa": MEDQA_5, "medmcqa": MCQA | {"id": "m0"}, "pubmedqa": PUBMED_HUB | {"pubid": 1}, "records": OWN}
    with pytest.raises(UserError) as caught:
        load(tmp_path, source, good[source], row)
    assert words in str(caught.value)
    assert f"{tmp_path}/a.jsonl, line 2" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("cops, words", [([1, 2, 3], "neither 0 nor 4"), ([0, 4], "both 0 and 4")])
def test_a_base_of_cop_that_cannot_be_told_is_refused(tmp_path, cops, words):
    with pytest.raises(UserError, match=words):
        load(tmp_path, "medmcqa", *(MCQA | {"id": f"m{cop}", "cop": cop} for cop in cops))


def test_a_base_of_cop_that_is_said_needs_no_telling(tmp_path):
    for cop, gold in ((0, "C"), (1, "B")):
        rows = [MCQA | {"id": "m2", "cop": 2}]
        (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        records, notes = load_source("medmcqa", f"{tmp_path}/a.jsonl?cop={cop}")
        assert records[0].gold == gold and notes == (f"cop counts from {cop} (as the path says)",)
    with pytest.raises(UserError, match="cop=2; it counts from 0 or from 1"):
        load_source("medmcqa", f"{tmp_path}/a.jsonl?cop=2")


def test_a_repeated_row_is_taken_once_and_said_so(tmp_path):
    records, notes = load(tmp_path, "medqa", MEDQA_5, MEDQA_5, MEDQA_FACTS)
    assert len(records) == 2 and notes == ("1 repeated row(s) left out",)


def test_an_id_that_stands_for_two_records_is_refused(tmp_path):
    with pytest.raises(UserError, match="id '0' stands for two different records"):
        load(tmp_path, "medqa", MEDQA_FACTS, MEDQA_FACTS | {"question": "What else?"})
