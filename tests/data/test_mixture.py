from __future__ import annotations

import collections
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_data import write_records

from alignment.build_data import main
from alignment.config import default_data_set
from alignment.data.duplicates import exact_duplicates, near_duplicates
from alignment.data.mixture import build_mixture, parse_ingredient, weigh
from alignment.data.sources import SOURCES
from alignment.data.splits import questions
from alignment.errors import UserError
from alignment.record import Record


def record(number, source="made", **fields):
    rng = random.Random(number)
    question = " ".join("".join(rng.choices("abcdefgh", k=6)) for _ in range(50))
    return Record(f"r{number}", source, **{"question": question, "options": {"A": "x", "B": "y"}, "gold": "A"} | fields)


TESTS = [record(1000 + number) for number in range(20)]


@pytest.fixture
def folder(tmp_path):
    write_records(str(tmp_path / "one.jsonl"), [record(n, "one") for n in range(120)])
    shared = [record(n, "two") for n in range(20)]  # also in the first file, id and all
    write_records(str(tmp_path / "two.jsonl"), [*shared, *(record(n, "two") for n in range(500, 700))])
    write_records(str(tmp_path / "exam.jsonl"), [*TESTS, record(3)])
    return tmp_path


def config(folder, weights=(2, 1), **changes):
    config = default_data_set()
    named = zip(("one", "two"), weights, strict=True)
    sources = tuple(f"records:{folder}/{name}.jsonl={weight}" for name, weight in named)
    config.mixture.update({"sources": sources, "evals": (f"records:{folder}/exam.jsonl",)} | changes)
    return config


def made(config):
    product = build_mixture(config)
    return {role: list(records) for role, records in product.splits.items()}, product.files


def test_halves_are_disjoint_clean_and_weighed(folder):
    halves, files = made(config(folder))
    sft, rl = halves["sft"], halves["rl"]
    assert not questions(sft) & questions(rl)
    assert not exact_duplicates([*sft, *rl]) and not near_duplicates([*sft, *rl], 0.8)
    assert record(3).question not in {item.question for item in (*sft, *rl)}
    for half in (sft, rl):
        counts = collections.Counter(item.source for item in half)
        assert abs(counts["one"] - 2 * counts["two"]) <= 2 and len(half) > 50
    fates = json.loads(files["hygiene.json"])["sources"]
    assert sum(fate["exact duplicate"] for fate in fates.values()) == 20
    assert sum(fate["contaminated"] for fate in fates.values()) == 1
    assert "| rl |" in files["hygiene.md"] and "66.7%" in files["hygiene.md"]


def test_rows_depend_on_seed_and_contents_not_on_the_order_of_a_file(folder):
    first, _ = made(config(folder))
    again = [record(n, "one") for n in reversed(range(120))]
    write_records(str(folder / "one.jsonl"), again)
    assert made(config(folder))[0] == first
    other = config(folder)
    other.seed = 1
    assert made(other)[0] != first


def test_count_and_share_set_the_sizes(folder):
    halves, _ = made(config(folder, weights=(1, 1), count=80, sft_share=0.25))
    assert {role: len(records) for role, records in halves.items()} == {"sft": 20, "rl": 60}


def test_a_written_mixture_reads_back_and_trains_both_stages(folder, capsys):
    flags = [f"--config.mixture.sources=records:{folder}/one.jsonl=1,vignettes:100=1"]
    out = f"--config.out={folder}/mixed"
    assert main([out, "--config.builder=mixture", "--config.mixture.evals=vignettes:50", *flags]) == 0
    sft, rl = (SOURCES["records"](str(folder / "mixed" / f"{role}.parquet")).records for role in ("sft", "rl"))
    assert {item.source for item in sft} == {item.source for item in rl} == {"one", "vignettes"}
    assert (folder / "mixed" / "hygiene.md").read_text().startswith("# What was removed")
    assert "## Limits" in (folder / "mixed" / "README.md").read_text()


def test_ids_that_two_sources_share_are_kept_apart(folder):
    write_records(str(folder / "two.jsonl"), [record(n, "two", question=f"Another {n}?") for n in range(120)])
    halves, _ = made(config(folder))
    ids = [item.id for half in halves.values() for item in half]
    assert len(ids) == len(set(ids)) and any("two.jsonl#r" in name for name in ids)


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=60), st.tuples(*[st.integers(1, 5)] * 3), st.integers(0, 40)
)
def test_weights_are_kept_as_far_as_whole_records_go(names, weights, count):
    names = [*names, *"abc"]
    records = [Record(str(n), name, "?") for n, name in enumerate(names)]
    origin = {id(item): item.source for item in records}
    given_weights = dict(zip("abc", map(float, weights), strict=True))
    chosen = weigh(records, given_weights, origin, count)
    available, taken = collections.Counter(names), collections.Counter(item.source for item in chosen)
    whole = count or min(available[name] * sum(weights) / weight for name, weight in given_weights.items())
    for name, weight in given_weights.items():
        assert abs(taken[name] - min(available[name], whole * weight / sum(weights))) <= 1
    assert [item for item in records if item in chosen] == chosen


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"sources": ("medqa",)}, "'medqa' does not read as SOURCE:PATH=WEIGHT"),
        ({"sources": ("medqa:x.jsonl",)}, "SOURCE:PATH=WEIGHT"),
        ({"sources": ("medqa:x.jsonl=0",)}, "SOURCE:PATH=WEIGHT"),
        ({"sources": ("medqa:x.jsonl=inf",)}, "SOURCE:PATH=WEIGHT"),
        ({"sources": ("medqq:x.jsonl=1",)}, "did you mean 'medqa'"),
        ({"sources": ("vignettes:many=1",)}, "say how many vignettes"),
        ({"sources": ()}, "names what to mix"),
        ({"evals": ("medqa",)}, "'medqa' does not read as SOURCE:PATH "),
        ({"sources": ("vignettes:9=1", "vignettes:9=2")}, "names vignettes:9 twice"),
        ({"sft_share": 1.0}, "give a share between 0 and 1"),
        ({"sources": ("records:no.jsonl=1",)}, "no.jsonl: no such file"),
    ],
)
def test_a_mistake_is_said(folder, changes, words):
    with pytest.raises(UserError) as caught:
        build_mixture(config(folder, **changes))
    assert words in str(caught.value)


def test_a_source_of_which_nothing_is_left_is_named(folder):
    write_records(str(folder / "two.jsonl"), [record(n, "two") for n in range(20)])
    with pytest.raises(UserError, match="nothing of records:.*two.jsonl is left for"):
        build_mixture(config(folder))


def test_a_path_may_hold_choices():
    item = parse_ingredient("mmlu:hf://cais/mmlu?name=anatomy&split=test=0.5", "--config.mixture.sources")
    assert (item.path, item.weight) == ("hf://cais/mmlu?name=anatomy&split=test", 0.5)
