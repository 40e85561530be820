from __future__ import annotations

import dataclasses
import json
import types

import pytest
from tiny import records

from alignment.config import default_config
from alignment.data.ids import fingerprint
from alignment.data.load import ROLES, Data, hold_out, load_data
from alignment.data.splits import questions
from alignment.errors import UserError
from alignment.record import Record

OPTIONS = {"A": "Asthma", "B": "Croup"}
NO_OVERLAP = (
    "records left out for overlap with eval questions (13 words: 0, 64 characters: 0; more than 0% of a question, "
    "--config.data.overlap)"
)


def write(path, count, start=0, **extra):
    rows = [
        {"question": f"Q{start + i}?", "options": OPTIONS, "gold": "A", "id": f"q{start + i}"} | extra
        for i in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def config(counts=(0, 0, 0), **paths):
    """`config.data` with our own layout for every role that has a path; `counts` are of sft, rl and eval."""
    data = default_config().data
    for role, count in zip(("sft", "rl", "eval"), counts, strict=True):
        data[role].count = count
        if role in paths:
            data[role].source, data[role].path = "records", paths[role]
    return data


def files(tmp_path, sft=10, rl=8, held_out=6):
    return {
        "sft": write(tmp_path / "sft.jsonl", sft, 100, cot="so it is asthma"),
        "rl": write(tmp_path / "rl.jsonl", rl, 200),
        "eval": write(tmp_path / "eval.jsonl", held_out, 300),
    }


def parts(data):
    return {role: questions(getattr(data, role)) for role in ROLES}


def test_three_files_give_three_parts_with_notes_and_fingerprints(tmp_path):
    data = load_data(config(**files(tmp_path)))
    assert (len(data.sft), len(data.rl), len(data.eval)) == (10, 8, 6)
    assert data.notes == (
        "sft: chains of thought of the records themselves, 10 of 10 have one",
        "sft: 10 records of records, from sft.jsonl",
        "rl: 8 records of records, from rl.jsonl",
        "eval: 6 records of records, from eval.jsonl",
        f"sft: 0 of 10 {NO_OVERLAP}",
        f"rl: 0 of 8 {NO_OVERLAP}",
    )
    assert data.fingerprints == {role: fingerprint(getattr(data, role)) for role in ROLES}
    assert all(record.cot for record in data.sft)


def test_counts_are_upper_bounds_and_a_short_file_is_said(tmp_path):
    data = load_data(config((4, 20, 0), **files(tmp_path)))
    assert (len(data.sft), len(data.rl), len(data.eval)) == (4, 8, 6)
    assert "rl: 8 records of records, from rl.jsonl (20 asked for)" in data.notes
    assert "sft: 4 records of records, from sft.jsonl" in data.notes


def test_one_file_for_all_is_split_by_question(tmp_path):
    path = write(tmp_path / "all.jsonl", 30, cot="so")
    same = f"{tmp_path}/./all.jsonl"  # the same file under another name
    data = load_data(config((0, 12, 6), sft=path, rl=same, eval=path))
    held = parts(data)
    assert sum(len(held[role]) for role in ROLES) == len(set.union(*held.values())) == 30
    assert data.notes[0] == "all.jsonl: one file for 3 parts, split by question: eval 6, rl 12, sft 12 records"


def test_the_same_call_gives_the_same_data_and_another_seed_other_data(tmp_path):
    path = write(tmp_path / "all.jsonl", 40, cot="so")
    data = config((10, 10, 10), sft=path, rl=path, eval=path)
    assert load_data(data) == load_data(data, seed=0)
    assert load_data(data, seed=1).fingerprints != load_data(data).fingerprints
    data.seed = 1
    assert load_data(data) == load_data(data, seed=1)


def test_a_question_found_in_two_files_stays_in_the_part_that_tests(tmp_path):
    paths = files(tmp_path) | {
        "rl": write(tmp_path / "rl.jsonl", 8, 303),
        "sft": write(tmp_path / "s.jsonl", 9, 308, cot="so"),
    }
    data = load_data(config(**paths))  # eval 300-305, rl 303-310, sft 308-316
    assert {record.id for record in data.rl} == {f"q{number}" for number in range(306, 311)}
    assert {record.id for record in data.sft} == {f"q{number}" for number in range(311, 317)}
    assert "rl: 3 record(s) left out, their questions are in an earlier part" in data.notes
    assert "sft: 3 record(s) left out, their questions are in an earlier part" in data.notes


def test_a_development_question_that_is_also_held_out_is_refused(tmp_path):
    data = config(**files(tmp_path))
    data.dev.update(source="records", path=write(tmp_path / "dev.jsonl", 4, 304), count=4)
    with pytest.raises(
        UserError, match=r"^--config\.data\.dev: 2 of its 4 records ask a question of --config\.data\.ev"
    ):
        load_data(data)


def test_training_questions_of_the_development_file_are_left_out_of_training(tmp_path):
    data = config(**files(tmp_path))
    data.dev.update(source="records", path=write(tmp_path / "dev.jsonl", 4, 206), count=4)
    loaded = load_data(data)
    assert {record.id for record in loaded.dev} == {"q206", "q207", "q208", "q209"}
    assert {record.id for record in loaded.rl} == {f"q{number}" for number in range(200, 206)}


def test_the_last_records_of_sft_are_held_out():
    rows = tuple(records(5))
    data = Data(rows, (), rows, ("a note",), {})
    split = hold_out(data, 2)
    assert (split.sft, split.holdout) == (rows[:3], rows[3:]) and "last 2 records are held out" in split.notes[-1]
    assert hold_out(data, 0) is data and hold_out(dataclasses.replace(data, sft=()), 2).holdout == ()
    with pytest.raises(UserError, match=r"--config\.sft\.holdout=5 leaves none of 5 records"):
        hold_out(data, 5)


def test_a_part_that_is_wholly_contained_in_another_is_an_error(tmp_path):
    paths = files(tmp_path) | {"rl": write(tmp_path / "rl.jsonl", 3, 302)}
    with pytest.raises(UserError, match=r"--config\.data\.rl: every question is also in eval; name one file for both"):
        load_data(config(**paths))


# ---------------------------------------------------------------------------------------------------------- vignettes


@pytest.fixture
def generated(monkeypatch):
    """A generator that numbers its questions, so that tests see which part of the stream a role got."""
    calls = []

    def generate(count, seed, split, scope):
        assert scope == "core"
        calls.append((count, seed, split))
        return [
            Record(f"{split}-{i}", "vignettes", f"{split} {seed} {i}?", OPTIONS, "A", cot="so") for i in range(count)
        ]

    module = types.SimpleNamespace(generate=generate)
    monkeypatch.setattr("alignment.data.load.vignettes", module)
    return calls


def test_sft_and_rl_take_disjoint_parts_of_the_training_vignettes(generated):
    data = load_data(config((20, 10, 5)), seed=3)
    assert sorted(generated) == [(5, 3, "eval"), (30, 3, "train")]
    assert [record.id for record in data.rl] == [f"train-{number}" for number in range(10)]
    assert [record.id for record in data.sft] == [f"train-{number}" for number in range(10, 30)]
    assert [record.id for record in data.eval] == [f"eval-{number}" for number in range(5)]
    assert "sft: 20 records of vignettes, generated" in data.notes


def test_development_questions_follow_those_of_eval_and_move_nothing_else(generated):
    data = config((20, 10, 5))
    without = load_data(data)
    data.dev.count = 4
    loaded = load_data(data)
    assert (9, 0, "eval") in generated
    assert [record.id for record in loaded.dev] == [f"eval-{number}" for number in range(5, 9)]
    assert "dev: 4 records of vignettes, generated" in loaded.notes
    assert loaded.fingerprints == without.fingerprints | {"dev": fingerprint(loaded.dev)}


def test_sft_falls_back_to_vignettes_beside_a_real_source_and_the_notes_say_so(generated, tmp_path):
    path = write(tmp_path / "all.jsonl", 20)
    data = load_data(config((4, 0, 5), rl=path, eval=path))
    assert generated == [(4, 0, "train")] and (len(data.sft), len(data.rl), len(data.eval)) == (4, 15, 5)
    assert any("generated vignettes, whose chains of thought are derived" in note for note in data.notes)


def test_the_real_generator_gives_disjoint_parts():
    data = load_data(config((20, 10, 5)))
    assert (len(data.sft), len(data.rl), len(data.eval)) == (20, 10, 5)
    assert len(questions([*data.sft, *data.rl, *data.eval])) == 35
    assert all(record.cot for record in data.sft)
    again = load_data(config((30, 10, 5)))
    assert again.fingerprints["rl"] == data.fingerprints["rl"]  # more SFT records move no other part


# ------------------------------------------------------------------------------------------------- chains of thought


def test_traces_are_joined_after_the_split_and_before_the_count(tmp_path):
    paths = files(tmp_path) | {"sft": write(tmp_path / "sft.jsonl", 10, 100)}
    rows = [{"id": f"q{100 + index}", "cot": "so", "pred": "AB"[index % 2]} for index in range(10)]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = config((4, 0, 0), **paths)
    data.sft.traces = str(tmp_path / "traces.jsonl")
    loaded = load_data(data)
    assert len(loaded.sft) == 4 and all(int(record.id[1:]) % 2 == 0 for record in loaded.sft)
    assert loaded.notes[0].startswith("sft: chains of thought from traces.jsonl: 5 of 10 records explained")


def test_sft_without_chains_of_thought_is_an_error_naming_both_remedies(tmp_path):
    paths = files(tmp_path) | {"sft": write(tmp_path / "sft.jsonl", 10, 100)}
    with pytest.raises(UserError) as caught:
        load_data(config(**paths))
    for words in (
        "--config.data.sft.source=records",
        "--config.data.sft.traces=FILE",
        "--config.data.sft.source=vignettes",
    ):
        assert words in str(caught.value)


def test_arms_without_sft_need_no_chains_of_thought_and_get_the_same_parts(tmp_path):
    path = write(tmp_path / "all.jsonl", 30)
    data = config((10, 10, 10), sft=path, rl=path, eval=path)
    without = load_data(data, training=("rl",))
    data_with_cot = config(
        (10, 10, 10), **dict.fromkeys(("sft", "rl", "eval"), write(tmp_path / "all.jsonl", 30, cot="so"))
    )
    assert without.sft == () and len(without.rl) == len(without.eval) == 10
    assert parts(load_data(data_with_cot)) | {"sft": set()} == parts(without)


@pytest.mark.parametrize("training", [(), ("rl",), ("sft",)])
def test_a_part_that_no_stage_needs_is_neither_checked_nor_read(tmp_path, training):
    data = config(**files(tmp_path))
    whole = load_data(data)
    for role in {"rl", "sft"} - set(training):
        data[role].update(source="medqa", path=str(tmp_path / "no-such-file.jsonl"))
    loaded = load_data(data, training=training)
    assert parts(loaded) == {role: parts(whole)[role] if role in (*training, "eval") else set() for role in ROLES}


@pytest.mark.parametrize("training", [(), ("rl",), ("sft",)])
def test_a_shared_file_is_dealt_alike_whatever_is_trained(tmp_path, training):
    path = write(tmp_path / "all.jsonl", 30, cot="so it is")
    data = config((10, 10, 10), sft=path, rl=path, eval=path)
    loaded, whole = load_data(data, training=training), load_data(data)
    assert parts(loaded) == {role: parts(whole)[role] if role in (*training, "eval") else set() for role in ROLES}


def test_some_chains_of_thought_are_enough_and_counted(tmp_path):
    paths = files(tmp_path)
    with open(paths["sft"], "a") as file:
        file.write(json.dumps({"question": "bare?", "options": OPTIONS, "gold": "A"}) + "\n")
    data = load_data(config(**paths))
    assert len(data.sft) == 10 and "sft: chains of thought of the records themselves, 10 of 11 have one" in data.notes


# ------------------------------------------------------------------------------------------------------- wrong settings


@pytest.mark.parametrize(
    "role, setting, words",
    [
        ("rl", {"source": "medqq"}, "unknown source --config.data.rl.source 'medqq'; did you mean 'medqa'?"),
        ("eval", {"source": "medqa"}, "--config.data.eval.source=medqa needs its file: --config.data.eval.path=FILE"),
        ("sft", {"path": "x.jsonl"}, "name the source of the file: --config.data.sft.source=medqa or medmcqa"),
        ("rl", {"count": 0}, "--config.data.rl.count=0: vignettes are generated without end; say how many"),
        ("rl", {"count": -1}, "--config.data.rl.count=-1"),
        ("rl", {"source": "medqa", "path": "no/such.jsonl"}, "no/such.jsonl: no such file"),
    ],
)
def test_a_wrong_setting_names_its_flag(generated, role, setting, words):
    data = default_config().data
    data[role].update(setting)
    with pytest.raises(UserError) as caught:
        load_data(data)
    assert words in str(caught.value)


# ------------------------------------------------------------------------------------------------- gold without options


def test_a_source_whose_gold_is_no_letter_is_refused_by_name(tmp_path):
    path = tmp_path / "k.jsonl"
    rows = [{"Question": f"Q{i}?", "Free_form_answer": "Yes.", "Must_have": ["yes"]} for i in range(9)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for role in ROLES:
        data = config((5, 5, 5))
        data[role].update(source="kqa", path=str(path), count=5)
        with pytest.raises(UserError, match=rf"--config\.data\.{role}\.source=kqa: none of its 9 records has options"):
            load_data(data)


def test_records_without_options_are_left_out_and_counted(tmp_path):
    path = write(tmp_path / "all.jsonl", 30, cot="so")
    with open(path, "a") as file:
        file.write(json.dumps({"question": "BMI?", "answer": "20", "limits": [19, 21], "cot": "so"}) + "\n")
    data = load_data(config((10, 10, 10), sft=path, rl=path, eval=path))
    assert data.notes[0] == "all.jsonl: 1 record(s) without options left out"
    assert all(record.options for role in ROLES for record in getattr(data, role))


def test_training_on_a_published_test_split_is_said(tmp_path):
    paths = files(tmp_path) | {"rl": write(tmp_path / "their_test.jsonl", 8, 500)}
    notes = load_data(config(**paths)).notes
    assert notes[-1] == "rl: 8 of its records are of their publisher's test split"
    assert not any("test split" in note for note in load_data(config(**files(tmp_path))).notes)


def test_refused_rows_are_in_the_notes_of_the_report(tmp_path):
    path = write(tmp_path / "all.jsonl", 30, cot="so")
    with open(path, "a") as file:
        file.write(json.dumps({"question": "Bad?", "options": {"A": "x", "B": "x"}, "gold": "A"}) + "\n")
    data = load_data(config((10, 10, 10), sft=path, rl=path, eval=path))
    assert data.notes[0].startswith(f"all.jsonl: 1 of 31 row(s) refused: {path}, line 31: options A and B have equal")


def test_an_evaluation_file_is_scored_whole_and_one_that_trains_too_is_not(tmp_path):
    path = write(tmp_path / "whole.jsonl", 30)
    with open(path, "a") as file:
        file.write(json.dumps({"id": "twice", "question": "Bad?", "options": {"A": "x", "B": "x"}, "gold": "A"}) + "\n")
    data = load_data(config((0, 0, 0), **(files(tmp_path) | {"eval": path})))
    assert "twice" in {record.id for record in data.eval}
    assert any("two options of equal text are scored as they are: twice" in note for note in data.notes)


TESTED = "a woman of 34 with fever for nine days and a new murmur has splinter haemorrhages under three nails"


def with_a_leak(tmp_path, **extra):
    paths = files(tmp_path)
    row = {"question": f"Q999: {TESTED}, what now?", "options": OPTIONS, "gold": "A", "id": "test"}
    (tmp_path / "eval.jsonl").write_text(json.dumps(row) + "\n")
    leak = {"question": "Q1?", "options": OPTIONS, "gold": "A", "id": "leak", "cot": "so"} | extra
    with open(paths["sft"], "a") as file:
        file.write(json.dumps(leak) + "\n")
    return config(**paths)


@pytest.mark.parametrize("field", ["question", "cot"])
def test_training_records_that_hold_an_eval_question_are_left_out_and_named(tmp_path, field):
    data = load_data(with_a_leak(tmp_path, **{field: f"I remember {TESTED}."}))
    assert "leak" not in {record.id for record in data.sft} and len(data.sft) == 10
    (note,) = [note for note in data.notes if note.startswith("sft: 1 of 11 records left out for overlap")]
    assert (
        "13 words: 1, 64 characters: 1" in note
        and "leak shares 'a woman of 34" in note
        and "with eval record test" in note
    )


def test_overlap_may_be_allowed_by_share_or_altogether(tmp_path):
    data = with_a_leak(tmp_path, cot=f"I remember {TESTED}.")
    data.overlap = 1.0
    assert "leak" in {record.id for record in load_data(data).sft}
    data = with_a_leak(tmp_path, cot=f"I remember {' '.join(TESTED.split()[:13])}.")  # 13 of 22 words
    data.overlap = 0.6
    assert "leak" in {record.id for record in load_data(data).sft}
    data.overlap = 0.5
    assert "leak" not in {record.id for record in load_data(data).sft}
    data.overlap = 1.5
    with pytest.raises(UserError, match="--config.data.overlap=1.5: give a share"):
        load_data(data)


def test_a_part_that_only_repeats_the_evaluation_is_refused(tmp_path):
    data = with_a_leak(tmp_path)
    write(tmp_path / "rl.jsonl", 1, 200, question=f"Once more: {TESTED}?")
    with pytest.raises(UserError, match="--config.data.rl: every record overlaps an evaluation question"):
        load_data(data)


def test_vignettes_of_the_full_scope_are_a_source_of_their_own():
    data = default_config().data
    for role, count in zip(ROLES, (20, 10, 30, 40), strict=True):
        data[role].source, data[role].count = "vignettes_full", count
    loaded = load_data(data)
    assert {record.meta["scope"] for role in ROLES for record in getattr(loaded, role)} == {"full"}
    assert not {r.question for r in loaded.rl} & {r.question for r in loaded.sft}
    assert "rl: 30 records of vignettes_full, generated" in loaded.notes and all(record.cot for record in loaded.sft)


def test_generated_vignettes_share_templates_and_stay_as_they_were():
    data = default_config().data
    for role in ROLES:
        data[role].count = 60
    loaded = load_data(data)
    data.overlap = 1.0
    assert load_data(data).fingerprints == loaded.fingerprints and {len(loaded.sft), len(loaded.rl)} == {60}
    assert any("split by case" in note for note in loaded.notes)
