"""A measurement as rows, one for each case: printed as JSON or text, appended to a CSV, and read back from it."""

from __future__ import annotations

import csv
import datetime
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alignment.benchmarks.measure import Measured, round_ratio
from alignment.benchmarks.registry import Suite
from alignment.benchmarks.setting import Setting, show_size
from alignment.errors import UserError

Row = Mapping[str, Any]

FLAGS = ("suite", "size", "prompts", "group", "prompt_len", "new_tokens", "dtype", "repeats", "implementation")
FIGURES = (
    "step_s",
    "rollout_s",
    "update_s",
    "gen_tok_s",
    "decode_steps",
    "least_s",  # least of the suite's `time_field`, whose median is in one of the columns before
    "peak_rss_mb",
    "peak_device_mb",
    "temp_mb",
    "compile_s",
    "compiles",
    "achieved_flops_fraction",
    "achieved_bandwidth_fraction",
)
RATIOS = ("time_ratio", "peak_ratio", "temp_ratio")  # ours divided by this case's, on this case's row
MACHINE = ("version", "python", "jax", "jaxlib", "platform", "device", "cpu", "cores", "memory_gb")
COUNTED = ("useful_gflop", "matmul_gflop_s")
COLUMNS = ("date", *MACHINE, *FLAGS, "case", *FIGURES, *RATIOS, *COUNTED, "load", "note")


def make_rows(
    setting: Setting,
    suite: Suite,
    measured: Mapping[str, Measured],
    rate: float,
    machine: Row,
    bandwidth: float | None = None,
) -> list[dict[str, Any]]:
    """Return one row for each case, ours first, without the fields that do not apply.

    `rate` is the machine's in operations a second; `bandwidth` is in bytes a second, where the suite counts bytes.

    Times are medians over the rounds; `time_ratio` is the median over rounds of our time divided by the case's.
    """
    shared = {"date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")} | dict(machine)
    shared |= {name: getattr(setting, name) for name in FLAGS} | {"size": show_size(setting.size)}
    shared |= {"useful_gflop": suite.useful_flops / 1e9, "matmul_gflop_s": rate / 1e9}
    ours, rows = measured["ours"], []
    for name, case in measured.items():
        row = shared | {"case": name} | _figures(case, suite, rate)
        if bandwidth:
            seconds = case.median(suite.time_field)
            row["achieved_bandwidth_fraction"] = suite.useful_bytes / seconds / bandwidth
        if case is not ours:
            row |= _ratios(ours, case, suite.time_field)
        rows.append({column: four_digits(row[column]) for column in COLUMNS if row.get(column) is not None})
    return rows


def _figures(case: Measured, suite: Suite, rate: float) -> dict[str, Any]:
    seconds = case.median(suite.time_field)
    return {name: case.median(name) for name in case.rounds[0]} | {
        "least_s": case.least(suite.time_field),
        "peak_rss_mb": case.peak_rss_mb,
        "peak_device_mb": case.peak_device_mb,
        "temp_mb": case.temp_mb,
        "compile_s": case.compile_s,
        "compiles": case.compiles,
        "achieved_flops_fraction": suite.useful_flops / seconds / rate,
    }


def _ratios(ours: Measured, other: Measured, time_field: str) -> dict[str, float | None]:
    pairs = {"peak_ratio": (ours.peak_rss_mb, other.peak_rss_mb), "temp_ratio": (ours.temp_mb, other.temp_mb)}
    if ours.peak_device_mb is not None:
        pairs["peak_ratio"] = (ours.peak_device_mb, other.peak_device_mb)
    ratios = {name: left / right if left is not None and right else None for name, (left, right) in pairs.items()}
    return {"time_ratio": round_ratio(ours, other, time_field)} | ratios


def four_digits(value: Any) -> Any:
    """Return a float rounded to four significant digits, and any other value as it is."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    """Return our row as one object, with the figures and ratios of the other cases under `against`."""
    shown = (*FIGURES, *RATIOS)
    others = {row["case"]: {name: row[name] for name in shown if name in row} for row in rows[1:]}
    return dict(rows[0]) | ({"against": others} if others else {})


def text_lines(rows: Sequence[Row]) -> list[str]:
    """Return one line for each case, for the terminal."""
    shown = (*FIGURES, *RATIOS)
    return [
        f"{row['suite']} {row['case']}: " + ", ".join(f"{name} {row[name]:g}" for name in shown if name in row)
        for row in rows
    ]


def append_csv(path: str, rows: Iterable[Row], columns: Sequence[str] = COLUMNS) -> None:
    """Append rows to a CSV file, after a header where the file is new or empty.

    Raises:
      UserError: the file has other columns or cannot be written.
    """
    file = pathlib.Path(path)
    if file.exists() and file.stat().st_size:
        read_csv(path, columns)
    try:
        with file.open("a", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
            if not out.tell():
                writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise UserError(f"--csv={path}: {error.strerror}; name a file that can be written") from error


def read_csv(path: str, columns: Sequence[str] = COLUMNS) -> list[dict[str, str]]:
    """Return the rows of a CSV file, every value as text.

    Raises:
      UserError: the file cannot be read or has other columns.
    """
    try:
        with open(path, newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise UserError(f"--csv={path}: {reason}; name a file written by --csv") from error
    if tuple(reader.fieldnames or ()) != tuple(columns):
        raise UserError(f"--csv={path}: its columns are not those of this version; name a new file")
    return rows
