"""A teacher on this machine: the embedded nano base, through the same journal and filters."""

from __future__ import annotations

import json

import numpy as np
import pytest
from loopback import flags, traces_config
from tiny import open_block, write_folder

from alignment.build_data import main
from alignment.config import default_config
from alignment.data.load import load_data


def nano_config(folder, **changes):
    """Vignettes for the nano base, which writes little: loose filters."""
    config = traces_config(folder, "http://unused")
    config.traces.update(sources=("vignettes:96",), teacher="local", tries=2, temperature=0.8, max_tokens=48)
    config.traces.local.update(batch_size=48, max_prompt_tokens=320)
    config.traces.filters.update(min_words=3, grounding=0.0, effective=0.5)
    config.traces.update(**changes)
    return config


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def answers(path):
    """What the journal says, without what differs from run to run."""
    return {(row["id"], row["attempt"]): (row["text"], row["finish"], row["completion_tokens"]) for row in rows(path)}


@pytest.mark.ci
def test_a_checkpoint_folder_answers_and_a_cut_journal_is_filled_up_with_the_same_answers(tmp_path, capsys):
    config = traces_config(tmp_path, "http://unused", count=5)
    config.traces.update(teacher="local", tries=2, temperature=1.0, max_tokens=8)
    config.traces.local.update(path=str(write_folder(tmp_path / "base")), batch_size=4)
    assert main(flags(config)) == 2  # random weights say nothing that can be kept
    assert "no answer was accepted" in capsys.readouterr().err
    journal = tmp_path / "set.journal.jsonl"
    whole, text = answers(journal), journal.read_bytes()
    assert set(whole) == {(f"tiny-{number}", attempt) for number in range(5) for attempt in range(2)}
    assert len({said for said, _, _ in whole.values()}) == 10  # no two tries share their noise
    assert {row["teacher"] for row in rows(journal)} == {row["model"] for row in rows(journal)}
    assert all(row["teacher"].startswith("local:") and 0 < row["completion_tokens"] <= 8 for row in rows(journal))
    assert {row["finish"] for row in rows(journal)} <= {"stop", "length"} and "length" in {
        f for _, f, _ in whole.values()
    }
    # As after a kill in the midst of the fourth answer: the rest is answered again, in other batches, alike.
    journal.write_bytes(b"\n".join(text.split(b"\n")[:4])[:-30])
    assert main(flags(config)) == 2
    assert answers(journal) == whole and journal.read_bytes().startswith(b"\n".join(text.split(b"\n")[:3]))


@pytest.mark.ci
def test_a_teacher_whose_chat_template_opens_the_block_is_filed_with_what_it_opened(tmp_path):
    config = traces_config(tmp_path, "http://unused", count=3)
    config.traces.update(teacher="local", tries=1, temperature=1.0, max_tokens=8)
    config.traces.local.update(path=str(write_folder(tmp_path / "base")), batch_size=4)
    open_block(tmp_path / "base", "<think>\n")
    assert main(flags(config)) == 2  # random weights say nothing that can be kept
    texts = [text for text, _, _ in answers(tmp_path / "set.journal.jsonl").values()]
    assert len(texts) == 3 and all(text.startswith("<think>\n") for text in texts)


@pytest.mark.ci
def test_the_nano_base_teaches_what_trains(tmp_path):
    assert main(flags(nano_config(tmp_path))) == 0
    report = json.loads((tmp_path / "set" / "report.json").read_text())
    assert report["teacher"].startswith("local:") and report["cost"] == 0 and report["answers"] > 96
    assert report["explained"] >= 1 and [row["try"] for row in report["tries"]] == [1, 2]
    data = default_config().data
    data.seed = 1  # other vignettes for the other parts
    data.sft.update(source="records", path=str(tmp_path / "set" / "train.parquet"), count=0)
    data.rl.count = data.eval.count = 4
    assert len(load_data(data).sft) == report["explained"]


@pytest.mark.parametrize(
    "leaf, value, words",
    [
        ("dtype", "int8", "--config.traces.local.dtype=int8: 'int8' is unknown"),
        ("batch_size", 0, "--config.traces.local.batch_size=0"),
        ("max_prompt_tokens", 0, "--config.traces.local.max_prompt_tokens=0"),
        ("path", "no/such/folder", "no/such/folder"),
        ("max_prompt_tokens", 3, "no question is left"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, leaf, value, words, capsys):
    config = nano_config(tmp_path)
    config.traces.local[leaf] = value
    assert main(flags(config)) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: ") and words in line and not (tmp_path / "set.journal.jsonl").exists()


def test_prompts_that_are_too_long_are_left_out_and_counted(tmp_path):
    from alignment.text.templates import get_template
    from alignment.traces import local
    from alignment.traces.build import choose_records

    config = nano_config(tmp_path)
    base = local.load_teacher(config.traces).base
    records, _ = choose_records(config.traces, get_template("think_answer"), 0)
    lengths = [len(local._encode(base, record)) for record in records]
    config.traces.local.max_prompt_tokens = int(np.median(lengths))
    shorter = local.load_teacher(config.traces).base
    assert len(local.fitting(shorter, records)) == sum(length <= np.median(lengths) for length in lengths) < 96
