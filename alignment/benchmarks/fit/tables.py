"""The tables of docs/performance.md that are made from docs/fit.csv."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from alignment.benchmarks.fit.grid import CHIPS, SIZES, WAYS
from alignment.benchmarks.fit.results import Row, key
from alignment.common.tables import markdown_table

BEGIN, END = "<!-- fit:begin -->", "<!-- fit:end -->"
BATCH = ("size", "group", "length")
HELD = ("planned", "peak", "arguments", "temporaries")
DONE = ("useful Tflop", "products Tflop", "counted Tflop", "counted GB", "flop/byte", "compile s")
COMPARED = ("batch", "chip", "way", "planned", "of the chip", "beside ours")
MOST = "Most prompts of one micro-batch (completions), or what one prompt needs, GiB; `*`: compiled to the end."
ONE = "Planned memory of the largest micro-batch, GiB, and operations of its matrix products over the useful ones:"
HOLDS = "What the programs that were compiled to the end hold, GiB, and do:"
OTHERS = "Other ways at the same batch:"


def markdown(rows: Sequence[Row]) -> str:
    """Return the tables between their markers, for each pair of versions: what fits, what it costs, and other ways.

    The last row of a program that was compiled more than once counts.
    """
    rows = list({key(row): row for row in rows}.values())
    blocks = [BEGIN]
    for versions in dict.fromkeys((row["jax"], row["libtpu"]) for row in rows):
        same = [row for row in rows if (row["jax"], row["libtpu"]) == versions]
        memory = ", ".join(f"{chip} {gib:g}" for chip, gib in available(same).items())
        blocks += [f"**jax {versions[0]}, libtpu {versions[1]}; GiB of one chip: {memory}**"]
        chips = [chip for chip in CHIPS if chip in available(same)]
        blocks += [
            MOST,
            markdown_table((*BATCH, *chips), fitting(same, chips)),
            ONE,
            markdown_table((*BATCH, *chips), needs(same, chips)),
        ]
        blocks += [HOLDS, markdown_table(("chip", "batch", *HELD, *DONE), costs(same))]
        compared = list(comparisons(same))
        if compared:
            blocks += [OTHERS, markdown_table(COMPARED, compared)]
    return "\n\n".join([*blocks, END]) + "\n"


def available(rows: Iterable[Row]) -> dict[str, float]:
    """Return {chip: GiB} of every chip that was compiled for, in the order of `CHIPS`."""
    gib = {row["chip"]: float(row["available_gib"]) for row in rows if row["available_gib"]}
    return {chip: gib[chip] for chip in CHIPS if chip in gib}


def fitting(rows: Sequence[Row], chips: Sequence[str]) -> list[list[str]]:
    """Return one line for each size, group and length: the most prompts that fit each chip."""
    return _lines(rows, chips, _most)


def needs(rows: Sequence[Row], chips: Sequence[str]) -> list[list[str]]:
    """Return one line for each size, group and length: what the largest micro-batch that fits each chip holds."""
    return _lines(rows, chips, _held)


def _lines(rows: Sequence[Row], chips: Sequence[str], cell: Callable[[Sequence[Row]], str]) -> list[list[str]]:
    ours = [row for row in rows if row["way"] == "ours"]
    lines = []
    for batch in sorted({_batch(row) for row in ours}, key=_order):
        cells = [cell([row for row in ours if (row["chip"], _batch(row)) == (chip, batch)]) for chip in chips]
        lines.append([batch[0], str(batch[1]), f"{batch[2]}+{batch[2]}", *cells])
    return lines


def _batch(row: Row) -> tuple[str, int, int]:
    return row["size"], int(row["group"]), int(row["length"])


def _order(batch: tuple[str, int, int]) -> tuple[int, int, int]:
    return list(SIZES).index(batch[0]), *batch[1:]


def _best(rows: Sequence[Row]) -> Row | None:
    fit = [row for row in rows if row["fits"] == "yes"]
    return max(fit, key=lambda row: int(row["prompts"])) if fit else None


def _most(rows: Sequence[Row]) -> str:
    """Return the most prompts that fit, or what one prompt needs where not even one fits."""
    best = _best(rows)
    if best:
        return f"{best['prompts']} ({int(best['prompts']) * int(best['group'])}){'*' * (best['stage'] == 'compiled')}"
    if any(row["fits"] == "error" for row in rows):
        return "not compiled"
    one = [row for row in rows if str(row["prompts"]) == "1"]
    return f"none: {_short(float(one[0]['planned_gib']))}" if one else ""


def _held(rows: Sequence[Row]) -> str:
    best = _best(rows)
    if best is None:
        return ""
    return f"{_short(float(best['planned_gib']))}, {float(best['product_gflop']) / float(best['useful_gflop']):.2f}"


def costs(rows: Iterable[Row]) -> list[list[str]]:
    """Return one line for each program that was compiled to the end."""
    done = [row for row in rows if row["stage"] == "compiled" and row["fits"] == "yes"]
    done.sort(key=lambda row: (_order(_batch(row)), list(CHIPS).index(row["chip"])))
    lines = []
    for row in done:
        memory = [_short(float(row[f"{name}_gib"])) for name in HELD]
        work = [_short(float(row[f"{name}_gflop"]) / 1e3) for name in ("useful", "product", "counted")]
        others = [_short(float(row[name])) for name in ("counted_gb", "intensity", "compile_s")]
        lines.append([row["chip"], _batch_text(row), *memory, *work, *others])
    return lines


def _batch_text(row: Row) -> str:
    way = "" if row["way"] == "ours" else f", {row['way']}"
    return f"{row['size']}: {row['prompts']} x {row['group']} x {row['length']}+{row['length']}{way}"


def comparisons(rows: Sequence[Row]) -> Iterable[list[str]]:
    """Yield a line for every other way beside ours at the same batch: its planned memory, over the chip's and ours."""
    for row in rows:
        ours = [
            each
            for each in rows
            if each["way"] == "ours" and all(str(each[name]) == str(row[name]) for name in ("chip", *BATCH, "prompts"))
        ]
        if row["way"] == "ours" or row["way"] not in WAYS or not ours or row["fits"] == "error":
            continue
        held, chip, base = (float(each) for each in (row["planned_gib"], row["available_gib"], ours[0]["planned_gib"]))
        batch = _batch_text({**row, "way": "ours"})
        yield [batch, row["chip"], row["way"], _short(held), f"{held / chip:.2f}", f"{held / base:.2f}"]


def _short(figure: float) -> str:
    return f"{figure:.0f}" if figure >= 1000 else f"{figure:.3g}"
