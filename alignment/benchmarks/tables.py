"""The tables of docs/performance.md, from the rows of docs/bench.csv: a page cannot say what was not measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alignment.benchmarks.flops import update_work
from alignment.benchmarks.results import FLAGS, Row
from alignment.benchmarks.setting import Setting, parse_size
from alignment.common.tables import markdown_table

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
STEP_BEGIN, STEP_END = "<!-- step:begin -->", "<!-- step:end -->"
TIMES = {"update": "update_s", "logprob": "step_s", "attention": "step_s", "decode": "rollout_s", "load": "rollout_s"}
WHAT = ("suite", "size", "prompt")
TIME = ("s", "its s", "ratio")
SPACE = ("MB", "its MB", "ratio", "temporaries")
COMPARED = (*WHAT, "beside", *TIME, *SPACE, "compile s", "of matmul rate", "load")
PARTS = ("size", "prompt", "update s", "head", "attention", "the rest")
COUNTED = ("linear ops", "adapter ops", "attention ops", "head ops")


def markdown(rows: Sequence[Row]) -> str:
    """Both tables between their markers: every comparison by machine, and where an update's time goes."""
    blocks = [BEGIN]
    for machine in dict.fromkeys(map(describe_machine, rows)):
        rows_of_machine = [row for row in rows if describe_machine(row) == machine]
        blocks += [f"**{machine}**", markdown_table(COMPARED, comparisons(rows_of_machine))]
        parts = breakdown(rows_of_machine)
        if parts:
            blocks += ["Where the time of ours goes:", markdown_table((*PARTS, *COUNTED), parts)]
        blocks += [f"- {note}" for note in dict.fromkeys(row["note"] for row in rows_of_machine if row["note"])]
    return "\n\n".join([*blocks, END]) + "\n"


def steps_markdown(rows: Sequence[Row]) -> str:
    """The table of whole steps: the latest of every setting beside what was run in turns, between markers."""
    header = ("size", "prompt", "group", "a step takes", "MB", "beside", "takes", "MB", "time", "memory")
    latest = {(_work(row), row["group"]): row for row in rows if row["suite"] == "grpo" and row["case"] == "ours"}
    lines, notes = [], []
    for ours in latest.values():
        others = [row for row in rows if _measurement(row) == _measurement(ours) and row is not ours]
        lines += [_step_line(ours, other) for other in others]
        notes += [f"{describe_machine(ours)}."] + [row["note"] for row in others if row["note"]]
    return "\n\n".join([STEP_BEGIN, markdown_table(header, lines), " ".join(dict.fromkeys(notes)), STEP_END]) + "\n"


def _step_line(ours: Row, other: Row) -> list[str]:
    start = [ours["size"].replace(",", ", "), ours["prompt_len"], ours["group"]]
    sides = [[_split(row), _short(row["peak_rss_mb"])] for row in (ours, other)]
    ratios = [_short(other["time_ratio"]), _short(other["peak_ratio"])]
    return [*start, *sides[0], other["case"], *sides[1], *ratios]


def _split(row: Row) -> str:
    return f"{_short(row['step_s'])} s ({_short(row['rollout_s'])} + {_short(row['update_s'])})"


def describe_machine(row: Row) -> str:
    """Processor or accelerator, cores, memory, versions and type, in one line."""
    where = f"{row['cpu']}, {row['cores']} cores, {float(row['memory_gb']):.0f} GB"
    if row["platform"] != "cpu":
        where = f"{row['device']}; {where}"
    return f"{where}; Python {row['python']}, jax {row['jax']}, {row['dtype']}, package {row['version']}"


def comparisons(rows: Iterable[Row]) -> list[list[str]]:
    """One line for every case measured beside ours, and for ours where it was measured alone; ratios are ours / its."""
    rows, lines = list(rows), []
    for ours in (row for row in rows if row["case"] == "ours"):
        others = [row for row in rows if _measurement(row) == _measurement(ours) and row is not ours]
        lines += [_comparison(ours, other) for other in others or [None]]
    return lines


def _measurement(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in ("date", *FLAGS))


def _comparison(ours: Row, other: Row | None) -> list[str]:
    it = other or dict.fromkeys(ours, "")
    time, peak = TIMES.get(ours["suite"], "step_s"), "peak_device_mb" if ours["peak_device_mb"] else "peak_rss_mb"
    start = [ours["suite"], ours["size"].replace(",", ", "), ours["prompt_len"], it["case"] or "alone"]
    times = [ours[time], it[time], it["time_ratio"]]
    spaces = [ours[peak], it[peak], it["peak_ratio"], it["temp_ratio"]]
    figures = [*times, *spaces, ours["compile_s"], ours["achieved_flops_fraction"], ours["load"]]
    return start + [_short(figure) for figure in figures]


def _short(figure: str) -> str:
    """Three digits, and whole numbers from a thousand on."""
    if not figure:
        return ""
    return f"{float(figure):.0f}" if float(figure) >= 1000 else f"{float(figure):.3g}"


def breakdown(rows: Sequence[Row]) -> list[list[str]]:
    """The latest update of every setting against its head and its attention as measured by their own suites.

    Attention is that of one layer times the layers. The last four columns are shares of the useful operations.
    """
    lines = []
    latest = {_work(row): row for row in rows if row["suite"] == "update" and row["case"] == "ours"}
    for work, row in latest.items():
        head, attention = (_latest_seconds(rows, suite, work) for suite in ("logprob", "attention"))
        if head is None or attention is None:
            continue
        setting = _setting(row)
        seconds, attention = float(row["update_s"]), attention * setting.size.layers
        shares = (head / seconds, attention / seconds, 1 - (head + attention) / seconds)
        useful = update_work(setting)
        counted = (part / useful.total for part in (useful.linear, useful.adapters, useful.attention, useful.head))
        start = [row["size"].replace(",", ", "), row["prompt_len"], _short(row["update_s"])]
        lines.append(start + [f"{share:.0%}" for share in (*shares, *counted)])
    return lines


def _work(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in ("size", "prompts", "group", "prompt_len", "new_tokens", "dtype"))


def _latest_seconds(rows: Iterable[Row], suite: str, work: tuple[str, ...]) -> float | None:
    matching = [row for row in rows if (row["suite"], row["case"], _work(row)) == (suite, "ours", work)]
    return float(matching[-1]["step_s"]) if matching else None


def _setting(row: Row) -> Setting:
    numbers = {name: int(row[name]) for name in ("prompts", "group", "prompt_len", "new_tokens")}
    return Setting(row["suite"], parse_size(row["size"]), dtype=row["dtype"], **numbers)
