"""From the entry point to training: what is written, and that SFT reads it."""

from __future__ import annotations

import dataclasses
import json

import datasets
import pytest
from loopback import KEY, MODEL, VARIABLE, Loopback, completion, flags, good, traces_config
from made_data import write_records
from tiny import records

from alignment.build_data import main
from alignment.config import default_config
from alignment.data.load import load_data
from alignment.data.sources import SOURCES
from alignment.record import Record
from alignment.text.templates import get_template
from alignment.traces.build import choose_records


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def answer(record, nth):
    """Wrong at the first try for every fourth question, wrong for ever for every fifth."""
    number = int(record.id[5:])
    wrong = (number % 4 == 0 and nth == 0) or number % 5 == 0
    return completion(good(record, record.letters[(record.letters.index(record.gold) + wrong) % 3]))


def built(tmp_path, count=20, **changes):
    with Loopback(answer) as server:
        config = traces_config(tmp_path, server.url, count)
        config.traces.update(**changes)
        assert main(flags(config)) == 0
    return tmp_path / "set"


def test_traces_are_sft_data_exactly(tmp_path):
    folder = built(tmp_path)
    config = default_config()
    config.data.sft.update(
        source="records", path=str(tmp_path / "questions.jsonl"), traces=str(folder / "traces.jsonl"), count=0
    )
    for part in ("rl", "eval"):
        config.data[part].count = 4
    data = load_data(config.data)
    taught = {record.id: record for record in data.sft}
    assert set(taught) == {f"tiny-{n}" for n in range(20) if n % 5}
    assert any("16 of 20 records explained" in note and "left out: none" in note for note in data.notes)
    for record in records(20):
        if record.id in taught:
            cot = good(record).split("<think>\n")[1].split("\n</think>")[0]
            assert taught[record.id].cot == cot and taught[record.id].gold == record.gold


def test_the_parquet_file_is_sft_data_of_its_own(tmp_path):
    folder = built(tmp_path)
    config = default_config()
    config.data.sft.update(source="records", path=str(folder / "train.parquet"), count=0)
    for part in ("rl", "eval"):
        config.data[part].count = 4
    sft = load_data(config.data).sft
    assert len(sft) == 16 and all(record.cot.startswith("Patient ") for record in sft)
    assert sorted(record.meta["tries"] for record in sft) == [1] * 12 + [2] * 4
    assert {record.meta["teacher"] for record in sft} == {MODEL}


def test_a_hub_reader_reads_the_folder(tmp_path):
    folder = built(tmp_path)
    read = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert read["train"].num_rows == 16
    responses = datasets.load_dataset(
        "json", data_files=str(folder / "responses.jsonl"), cache_dir=str(tmp_path / "cache")
    )
    assert responses["train"].num_rows == 12 + 2 * 4 + 3 * 4


def test_every_answer_is_there_with_its_verdict(tmp_path):
    folder = built(tmp_path)
    rows = [json.loads(line) for line in (folder / "responses.jsonl").read_text().splitlines()]
    by_question = {name: [row for row in rows if row["id"] == name] for name in ("tiny-1", "tiny-4", "tiny-5")}
    assert [(row["try"], row["verdict"]) for row in by_question["tiny-4"]] == [(1, "wrong answer"), (2, "accepted")]
    assert [row["verdict"] for row in by_question["tiny-5"]] == ["wrong answer"] * 3
    (row,) = by_question["tiny-1"]
    record = records(2)[1]
    assert row["response"] == good(record) and row["pred"] == row["gold"] == record.gold
    assert (row["teacher"], row["source"], row["finish"], row["prompt_tokens"]) == (MODEL, "records", "stop", 50)
    assert row["checks"]["strict_format"] == 1 and row["checks"]["grounding"] == 0.5
    counts = json.loads((folder / "report.json").read_text())
    assert counts["answers"] == len(rows) == 32 and counts["verdicts"] == {"accepted": 16, "wrong answer": 16}
    assert counts["acceptance"] == 0.5 and counts["sources"]["records"]["explained"] == 16
    card = (folder / "README.md").read_text()
    assert f"pretty_name: Chains of thought by {MODEL}" in card and "accepted 16, wrong answer 16" in card
    assert "Not for patient care" in card and "traces.jsonl" in card


def chosen(tmp_path, *groups, **changes):
    config = traces_config(tmp_path, "http://h")
    sources = []
    for number, group in enumerate(groups):
        write_records(str(tmp_path / f"{number}.jsonl"), group)
        sources.append(f"records:{tmp_path}/{number}.jsonl")
    config.traces.update(sources=tuple(sources), **changes)
    return choose_records(config.traces, get_template("think_answer"), 0)


def test_which_questions_are_asked(tmp_path):
    first, second = records(6), records(4, start=6)
    odd = [
        Record("free", "records", "How is gout treated?", answer="With colchicine."),
        Record("markup", "records", "Which of these is it <|im_end|>?", {"A": "x", "B": "y"}, "A"),
        Record("gold", "records", "Which of these is it now?", {"A": "</answer>", "B": "y"}, "A"),
        Record("tiny-3", "records", "Another question of an old id?", {"A": "x", "B": "y"}, "A"),
        Record("new id", "records", first[2].question.upper(), {"A": "x", "B": "y"}, "A"),
    ]
    questions, notes = chosen(tmp_path, first, [*second, *odd])
    assert {record.id for record in questions} == {f"tiny-{n}" for n in range(10)}
    assert [note.split(": ", 1)[1] for note in notes] == [
        "3 record(s) left out: without options, or with markup",
        "2 record(s) left out: repeated",
    ]


def test_the_choice_does_not_depend_on_the_order_of_the_file(tmp_path):
    some, _ = chosen(tmp_path, records(30), count=7)
    same, _ = chosen(tmp_path, records(30)[::-1], count=7)
    assert [record.id for record in some] == [record.id for record in same] and len(some) == 7
    assert [record.id for record in some] != [f"tiny-{n}" for n in range(7)]


def test_questions_of_a_test_split_are_counted(tmp_path):
    marked = [dataclasses.replace(record, split="test" if record.id == "tiny-1" else "train") for record in records(4)]
    assert chosen(tmp_path, marked)[1] == ["1 of the questions are of their publisher's test split"]
    assert chosen(tmp_path, records(4))[1] == []


def test_builds_share_the_answers_of_one_journal(tmp_path):
    with Loopback(answer) as server:
        config = traces_config(tmp_path, server.url)
        config.traces.journal = str(tmp_path / "answers" / "all.jsonl")
        assert main(flags(config)) == 0
        before, config.out, config.traces.count = len(server.requests), str(tmp_path / "other"), 3
        assert main(flags(config)) == 0 and len(server.requests) == before
    assert not list(tmp_path.glob("*.journal.jsonl"))


def test_another_template_asks_for_its_own_tags_and_answers_anew(tmp_path):
    def tagged(record, nth):
        return completion(good(record).replace("think>", "dx>").replace("answer>", "conclusion>"))

    with Loopback(tagged) as server:
        config = traces_config(tmp_path, server.url)
        assert main(flags(config)) == 2 and len(server.requests) == 18  # nothing is in the tags of think_answer
        config.traces.template = "dx_conclusion"
        assert main(flags(config)) == 0 and len(server.requests) == 18 + 6
        assert "<dx></dx>" in server.requests[-1].body["messages"][1]["content"]


def test_progress_and_the_last_line_say_what_was_accepted_and_what_it_cost(tmp_path, capsys):
    with Loopback(answer) as server:
        config = traces_config(tmp_path, server.url)
        config.traces.endpoint.update(price_in=1000.0, price_out=0.0)  # 50 tokens cost 0.05
        assert main(flags(config)) == 0
    out = capsys.readouterr()
    bar = [line for line in out.err.split("\r") if line.startswith("traces:")][-1]
    # Questions 0 and 5 are never answered rightly, 4 at the second try: 3 + 3 + 2 + 3 x 1 answers.
    assert "6/6" in bar and "accepted 4, wrong answer 7, 1,210 tokens, cost 0.55" in bar and "question/s" in bar
    assert "4 of 6 questions explained; answers: accepted 4, wrong answer 7; cost 0.55\n" in out.out


def test_vignettes_need_no_file(tmp_path):
    config = traces_config(tmp_path, "http://h")
    config.traces.update(sources=("vignettes:5",))
    questions, _ = choose_records(config.traces, get_template("think_answer"), 0)
    assert len(questions) == 5 and {record.source for record in questions} == {"vignettes"}


def test_a_gold_rationale_of_the_source_is_replaced_and_never_sent(tmp_path):
    with Loopback(answer) as server:
        config = traces_config(tmp_path, server.url)
        assert main(flags(config)) == 0
        assert not [
            request for request in server.requests if "points to" in json.dumps(request.body)
        ]  # as every tiny cot says
    written = SOURCES["records"](str(tmp_path / "set" / "train.parquet")).records
    assert not [record for record in written if "points to" in record.cot]


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"teacher": "oracle"}, "did you mean 'local'|use one of endpoint, local"),
        ({"tries": 0}, "--config.traces.tries=0"),
        ({"keep": 4}, "keep=4 "),
        ({"temperature": 0.0}, "tries=3 at --config.traces.temperature=0"),
        ({"max_tokens": 0}, "--config.traces.max_tokens=0"),
        ({"count": -1}, "--config.traces.count=-1"),
        ({"template": "thnk"}, "think_answer"),
        ({"sources": ("medqq:x",)}, "did you mean 'medqa'"),
        ({"sources": ("medqa",)}, "does not read as SOURCE:PATH"),
        ({"sources": ("vignettes:x",)}, "--config.traces.sources: vignettes:x: say how many"),
        ({"sources": ()}, "name at least one"),
        ({"journal": "gs://x/y"}, "a file on this machine"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_asked(tmp_path, changes, words, capsys):
    with Loopback(answer) as server:
        config = traces_config(tmp_path, server.url)
        config.traces.update(**changes)
        assert main(flags(config)) == 2 and server.requests == []
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: ") and any(word in line for word in words.split("|"))


def test_nothing_accepted_writes_nothing_and_says_where_the_answers_are(tmp_path, capsys):
    with Loopback(lambda record, nth: completion("I do not know.")) as server:
        assert main(flags(traces_config(tmp_path, server.url))) == 2
    error = capsys.readouterr().err
    assert "no answer was accepted: unparsed 18" in error and "set.journal.jsonl" in error
    assert not (tmp_path / "set").exists()
