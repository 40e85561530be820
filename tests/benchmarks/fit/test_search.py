"""The search, on a compiler that is a formula: what is tried, what is found, what is not compiled twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.benchmarks.fit.grid import Program, make_grid
from alignment.benchmarks.fit.results import COLUMNS, make_row
from alignment.benchmarks.fit.search import Known, largest, run_grid
from alignment.benchmarks.results import read_csv

VERSIONS = {"jax": "1.2.3", "libtpu": "4.5"}
PROGRAM = Program("v5e", "0.5b", 8, 512)


def stages(constant, each, tried=None, spared=0.0):
    """16 GiB; a program plans for `constant` and `each` a prompt, of which the compiler can spare a share."""

    def held(program):
        return constant + each * program.prompts * (3 if program.way == "plain" else 1)

    def make(stage, share):
        def compile_program(program):
            if tried is not None:
                tried.append((stage, program.prompts))
            needed = held(program) * (1 - share)
            figures = {"planned_gib": needed} if stage == "planned" else {"peak_gib": needed}
            return figures | {"fits": "yes" if needed <= 16 else "no", "available_gib": 16.0}

        return compile_program

    return {"planned": make("planned", 0), "compiled": make("compiled", spared)}


@given(constant=st.floats(0, 20), each=st.floats(0.01, 20))
def test_the_largest_that_fits_is_found(constant, each):
    known = Known(stages(constant, each), VERSIONS)
    held = {prompts: constant + each * prompts for prompts in (1, 2, 4, 8, 16, 32)}
    assert largest(PROGRAM, known.row) == max((prompts for prompts in held if held[prompts] <= 16), default=0)


def test_a_refusals_figure_saves_trials():
    tried = []
    assert largest(PROGRAM, Known(stages(1, 7, tried), VERSIONS).row) == 2
    assert tried == [("planned", 32), ("planned", 2)]


def test_a_failure_ends_the_search_and_stays_in_the_rows():
    known = Known({"planned": lambda program: {"fits": "error", "reason": "Mosaic failed"}}, VERSIONS)
    assert largest(PROGRAM, known.row) == 0
    assert [row["reason"] for row in known.made] == ["Mosaic failed"]


def test_what_the_file_has_is_not_compiled_again(tmp_path):
    path, tried = str(tmp_path / "fit.csv"), []
    grid = make_grid("v4,v5e", "0.5b", "8", "512")
    first = run_grid(grid, (), Known(stages(1, 7, tried), VERSIONS, path=path))
    stored = read_csv(path, COLUMNS)
    assert len(tried) == len(stored) == 4
    again = run_grid(grid, (), Known(stages(1, 7, tried), VERSIONS, stored, path))
    assert len(tried) == 4 and [row["prompts"] for row in again] == [str(row["prompts"]) for row in first] == ["2", "2"]
    assert len(read_csv(path, COLUMNS)) == 4
    run_grid(grid, (), Known(stages(1, 7, tried), VERSIONS | {"libtpu": "4.6"}, stored, path))
    assert len(tried) == 8


def test_a_compiled_row_keeps_the_plan_and_is_made_once(tmp_path):
    path, tried = str(tmp_path / "fit.csv"), []
    for _ in range(2):
        stored = read_csv(path, COLUMNS) if tried else []
        (row,) = run_grid([PROGRAM], (), Known(stages(1, 7, tried, 0.1), VERSIONS, stored, path), whole=True)
    assert (row["stage"], row["prompts"], row["planned_gib"], row["peak_gib"]) == ("compiled", "2", "15", "13.5")
    assert tried == [("planned", 32), ("planned", 2), ("planned", 4), ("compiled", 2)]


@pytest.mark.parametrize(("spared", "expected"), [(0.25, 4), (0.1, 2)])
def test_a_plan_a_little_too_large_is_tried_in_full(spared, expected):
    tried = []
    (row,) = run_grid([PROGRAM], (), Known(stages(0, 5, tried, spared), VERSIONS), whole=True)  # 4 prompts: 20 of 16
    assert row["prompts"] == expected and ("compiled", 4) in tried


def test_other_ways_are_made_at_what_fits_ours():
    ours, plain = run_grid([PROGRAM], ("plain",), Known(stages(1, 7), VERSIONS))
    assert (ours["fits"], ours["prompts"], plain["fits"], plain["prompts"]) == ("yes", 2, "no", 2)
    assert plain["planned_gib"] == 1 + 7 * 2 * 3


def test_where_nothing_fits_the_row_of_one_prompt_is_given():
    (row,) = run_grid([PROGRAM], (), Known(stages(15, 7), VERSIONS), whole=True)
    assert (row["fits"], row["prompts"], row["planned_gib"]) == ("no", 1, 22.0)


def test_a_row_has_every_column_and_four_digits():
    row = make_row(PROGRAM, VERSIONS, {"fits": "yes", "peak_gib": 1.23456})
    assert tuple(row) == COLUMNS and row["peak_gib"] == 1.235 and row["planned_gib"] == ""


@pytest.mark.parametrize("most", [1, 4])
def test_no_more_is_tried_than_asked_for(most):
    tried = []
    assert largest(PROGRAM, Known(stages(0, 0.01, tried), VERSIONS).row, most) == most
    assert len(tried) == 1
