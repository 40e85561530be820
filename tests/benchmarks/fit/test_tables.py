"""The page's tables, from rows written by hand."""

from __future__ import annotations

import pytest

from alignment.benchmarks.fit.grid import Program
from alignment.benchmarks.fit.results import make_row, text_line
from alignment.benchmarks.fit.tables import available, comparisons, costs, fitting, markdown, needs

VERSIONS = {"jax": "1.2.3", "libtpu": "4.5"}
PLANNED = {"stage": "planned", "available_gib": 16.0, "useful_gflop": 2000.0, "product_gflop": 3000.0}
FITS = PLANNED | {"fits": "yes", "planned_gib": 4.5}
DONE = FITS | {"stage": "compiled", "arguments_gib": 1.0, "temporaries_gib": 4.0, "peak_gib": 4.25}
DONE |= {"counted_gflop": 500.0, "counted_gb": 1234.0, "intensity": 405.2, "compile_s": 100.0}


def row(figures, **program):
    fields = {"chip": "v5e", "size": "0.5b", "group": 8, "length": 512} | program
    return {name: str(value) for name, value in make_row(Program(**fields), VERSIONS, figures).items()}


@pytest.fixture
def rows():
    none = PLANNED | {"fits": "no", "planned_gib": 20.2}
    return [
        row(none, prompts=8),
        row(DONE, prompts=4),
        row(none | {"planned_gib": 18.0}, prompts=4, way="plain"),
        row(FITS | {"planned_gib": 9.0}, prompts=4, way="no_remat"),
        row(none, size="7b", prompts=2),
        row(none | {"planned_gib": 19.23}, size="7b"),
        row({"stage": "planned", "fits": "error", "reason": "Mosaic failed"}, chip="v4", prompts=32),
        row(FITS | {"available_gib": 32.0}, chip="v6e", prompts=32),
    ]


def test_the_most_that_fits_or_what_one_prompt_needs(rows):
    assert available(rows) == {"v5e": 16.0, "v6e": 32.0}
    assert fitting(rows, ["v4", "v5e", "v6e"]) == [
        ["0.5b", "8", "512+512", "not compiled", "4 (32)*", "32 (256)"],
        ["7b", "8", "512+512", "", "none: 19.2", ""],
    ]


def test_what_the_largest_holds_and_computes_twice(rows):
    assert needs(rows, ["v5e", "v6e"])[0] == ["0.5b", "8", "512+512", "4.5, 1.50", "4.5, 1.50"]
    assert needs(rows, ["v5e"])[1][-1] == ""


def test_what_a_compiled_program_holds_and_does(rows):
    (line,) = costs(rows)
    assert line == ["v5e", "0.5b: 4 x 8 x 512+512", "4.5", "4.25", "1", "4", "2", "3", "0.5", "1234", "405", "100"]


def test_other_ways_beside_ours(rows):
    plain, no_remat = comparisons(rows)
    assert plain == ["0.5b: 4 x 8 x 512+512", "v5e", "plain", "18", "1.12", "4.00"]
    assert no_remat[-3:] == ["9", "0.56", "2.00"]


def test_the_page_has_versions_memory_and_tables(rows):
    page = markdown(rows)
    assert "jax 1.2.3, libtpu 4.5; GiB of one chip: v5e 16, v6e 32" in page and page.count("| --- |") >= 4
    assert markdown(rows[:2]).count("Other ways") == 0


def test_of_a_program_made_again_the_last_row_counts(rows):
    again = row(FITS | {"planned_gib": 8.0}, prompts=4, way="no_remat")
    assert markdown([*rows, again]).count("| no_remat |") == 1 and "| 8 | 0.50 | 1.78 |" in markdown([*rows, again])


def test_a_terminal_gets_the_answer(rows):
    lines = [text_line(each) for each in (rows[1], rows[5], rows[6])]
    assert lines[0] == "v5e 0.5b ours: 4 x 8 x 512+512 fits: 4.25 of 16.0 GiB, compiled"
    assert lines[1].endswith("does not fit: 19.23 of 16.0 GiB, planned")
    assert lines[2].endswith("refused: Mosaic failed")
