"""The tables of docs/performance.md and the README, made from the rows of docs/bench.csv."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alignment.benchmarks.flops import update_work
from alignment.benchmarks.results import FLAGS, Row
from alignment.benchmarks.setting import Setting, parse_size
from alignment.common.tables import markdown_table

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
STEP_BEGIN, STEP_END = "<!-- step:begin -->", "<!-- step:end -->"
TIMES = {
    "update": "update_s",
    "sft": "step_s",
    "logprob": "step_s",
    "attention": "step_s",
    "decode": "rollout_s",
    "load": "rollout_s",
    "ending": "rollout_s",
}
WHAT = ("suite", "size", "prompt")
TIME = ("s", "its s", "ratio")
SPACE = ("MB", "its MB", "ratio", "temporaries")
COMPARED = (*WHAT, "beside", *TIME, *SPACE, "compile s", "its compile s", "of matmul rate", "load")
PARTS = ("size", "prompt", "update s", "head", "attention", "the rest")
COUNTED = ("linear ops", "adapter ops", "attention ops", "head ops")


def markdown(rows: Sequence[Row]) -> str:
    """Return both tables between their markers: comparisons by machine, and the time of an update by its parts."""
    blocks = [BEGIN]
    for machine in dict.fromkeys(map(describe_machine, rows)):
        same = [row for row in rows if describe_machine(row) == machine]
        blocks += [f"**{machine}**", markdown_table(COMPARED, comparisons(same))]
        parts = breakdown(same)
        if parts:
            blocks += ["Where the time of ours goes:", markdown_table((*PARTS, *COUNTED), parts)]
        blocks += [f"- {note}" for note in dict.fromkeys(row["note"] for row in same if row["note"])]
    return "\n\n".join([*blocks, END]) + "\n"


def steps_markdown(rows: Sequence[Row]) -> str:
    """Return the README's table between its markers: the latest step of every setting beside the case run with it."""
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
    sides = [
        [
            f"{_short(row['step_s'])} s ({_short(row['rollout_s'])} + {_short(row['update_s'])})",
            _short(row["peak_rss_mb"]),
        ]
        for row in (ours, other)
    ]
    ratios = [_short(other["time_ratio"]), _short(other["peak_ratio"])]
    return [*start, *sides[0], other["case"], *sides[1], *ratios]


def describe_machine(row: Row) -> str:
    """Return accelerator, processor, cores, memory, versions and dtype in one line."""
    where = f"{row['cpu']}, {row['cores']} cores, {float(row['memory_gb']):.0f} GB"
    if row["platform"] != "cpu":
        where = f"{row['device']}; {where}"
    return f"{where}; Python {row['python']}, jax {row['jax']}, {row['dtype']}, package {row['version']}"


def comparisons(rows: Iterable[Row]) -> list[list[str]]:
    """Return a line for every case measured beside ours, and for ours where it was measured alone.

    Ratios are ours divided by the case's.
    """
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
    figures = [*times, *spaces, ours["compile_s"], it["compile_s"], ours["achieved_flops_fraction"], ours["load"]]
    return start + [_short(figure) for figure in figures]


def _short(figure: str) -> str:
    """Return a figure with three digits, from a thousand on as a whole number."""
    if not figure:
        return ""
    return f"{float(figure):.0f}" if float(figure) >= 1000 else f"{float(figure):.3g}"


def breakdown(rows: Sequence[Row]) -> list[list[str]]:
    """Return a line for the latest update of every setting, with the shares of its head and its attention.

    Both are measured by separate suites; attention is that of one layer times the number of layers. The last four
    columns are shares of the useful operations.
    """
    lines = []
    part_seconds = {  # of the latest row
        (row["suite"], _work(row)): float(row["step_s"])
        for row in rows
        if row["suite"] in ("logprob", "attention") and row["case"] == "ours"
    }
    latest = {_work(row): row for row in rows if row["suite"] == "update" and row["case"] == "ours"}
    for work, row in latest.items():
        head, attention = (part_seconds.get((suite, work)) for suite in ("logprob", "attention"))
        if head is None or attention is None:
            continue
        numbers = {name: int(row[name]) for name in ("prompts", "group", "prompt_len", "new_tokens")}
        setting = Setting("update", parse_size(row["size"]), dtype=row["dtype"], **numbers)
        seconds, attention = float(row["update_s"]), attention * setting.size.layers
        shares = (head / seconds, attention / seconds, 1 - (head + attention) / seconds)
        useful = update_work(setting)
        counted = (part / useful.total for part in (useful.linear, useful.adapters, useful.attention, useful.head))
        start = [row["size"].replace(",", ", "), row["prompt_len"], _short(row["update_s"])]
        lines.append(start + [f"{share:.0%}" for share in (*shares, *counted)])
    return lines


def _work(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in ("size", "prompts", "group", "prompt_len", "new_tokens", "dtype"))
