"""Rows: what is in them, that a CSV gives them back, and the tables made of them."""

from __future__ import annotations

import pytest

from alignment.benchmarks import machine
from alignment.benchmarks.measure import Measured
from alignment.benchmarks.registry import Suite
from alignment.benchmarks.results import COLUMNS, append_csv, as_json, make_rows, read_csv, text_lines
from alignment.benchmarks.setting import Setting, parse_size
from alignment.benchmarks.tables import breakdown, comparisons, markdown
from alignment.errors import UserError

SIZE = "256,4,4,2,768,4096"


def rows(suite="update", seconds=(2.0, 8.0), device=(None, None)):
    """Rows of a machine of 100 operations a second and work of 40; 3 GB beside 6, temporaries 1 beside 4."""
    field = {"update": "update_s"}.get(suite, "step_s")
    peaks = ((3000.0, device[0], 1.0), (6000.0, device[1], 4.0))
    measured = {
        name: Measured(({field: taken}, {field: 3 * taken}, {field: taken}), 9.0, 1, *peak)
        for name, taken, peak in zip(("ours", "plain"), seconds, peaks, strict=True)
    }
    result = machine.describe() | {"load": 0.5}
    return make_rows(Setting(suite, parse_size(SIZE)), Suite((), field, 40.0), measured, 100.0, result)


def test_figures_by_hand():
    ours, plain = rows()
    assert (ours["update_s"], ours["least_s"], ours["compile_s"], ours["compiles"]) == (2.0, 2.0, 9.0, 1)
    assert ours["achieved_flops_fraction"] == 0.2 and plain["achieved_flops_fraction"] == 0.05
    assert (plain["time_ratio"], plain["peak_ratio"], plain["temp_ratio"]) == (0.25, 0.5, 0.25)
    assert "step_s" not in ours and "peak_device_mb" not in ours and "time_ratio" not in ours


def test_on_an_accelerator_the_memory_compared_is_its_own():
    assert rows(device=(10.0, 40.0))[1]["peak_ratio"] == 0.25


def test_json_is_ours_with_the_others_beneath():
    result = as_json(rows())
    assert result["update_s"] == 2.0 and result["against"]["plain"]["update_s"] == 8.0
    assert "against" not in as_json(rows()[:1])


def test_a_terminal_gets_one_line_a_case():
    assert [line.split(":")[0] for line in text_lines(rows())] == ["update ours", "update plain"]


def test_a_csv_gives_back_what_was_appended(tmp_path):
    path = str(tmp_path / "bench.csv")
    append_csv(path, rows())
    append_csv(path, rows("logprob"))
    result = read_csv(path)
    assert [row["suite"] for row in result] == ["update", "update", "logprob", "logprob"]
    assert tuple(result[0]) == COLUMNS and result[0]["update_s"] == "2.0" and result[0]["step_s"] == ""


def test_a_csv_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="patients.csv"):
        append_csv(str(path), rows())
    assert path.read_text() == "a,b\n1,2\n"


@pytest.fixture
def stored(tmp_path):
    path = str(tmp_path / "bench.csv")
    for each in (rows(), rows("logprob", (0.5, 1.0)), rows("attention", (0.25, 1.0)), rows("logprob", (9.0, 9.0))[1:]):
        append_csv(path, each)
    return read_csv(path)


def test_a_comparison_has_both_and_their_ratios(stored):
    first = comparisons(stored)[0]
    assert first[:4] == ["update", "256, 4, 4, 2, 768, 4096", "128", "plain"]
    assert first[4:11] == ["2", "8", "0.25", "3000", "6000", "0.5", "0.25"]


def test_ours_measured_alone_stands_alone(stored):
    (line,) = comparisons(stored[:1])
    assert line[3] == "alone" and line[5:7] == ["", ""]


def test_where_the_time_goes_by_hand(stored):
    (line,) = breakdown(stored)
    # of 2 s: head 0.5 s, attention 4 layers x 0.25 s
    assert line[2:6] == ["2", "25%", "50%", "25%"]
    assert sum(int(share.rstrip("%")) for share in line[6:]) in (99, 100, 101)


def test_a_page_lists_machine_notes_and_tables(stored):
    stored[0]["note"] = "the machine was busy"
    page = markdown(stored)
    assert page.count("| --- |") >= 2 and "- the machine was busy" in page and machine.cpu_model() in page
