"""The report's plots as inline SVG. The same data give the same bytes; no file, script or global state is used."""

from __future__ import annotations

import io
import itertools
import math
import numbers
import re
from collections.abc import Iterable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from alignment.evaluation.comparisons import plain_names
from alignment.evaluation.stability_map import Point
from alignment.evaluation.verdicts import MARGIN

Rows = Sequence[Mapping[str, float]]
Curves = Mapping[str, Mapping[int, Rows]]  # arm or stage -> seed -> metric rows

# metric, title, unit of the vertical axis
PANELS = (
    ("reward/mean", "Reward", "mean of a step"),
    ("completion/strict", "Strict format", "share of completions"),
    ("kl/mean", "KL to the reference (k3)", "nat / token"),
    ("entropy/mean", "Entropy", "nat / token"),
    ("completion/length_mean", "Completion length", "tokens"),
    ("groups/zero_variance", "Groups without reward variance", "share of groups"),
    ("reasoning/nll", "Held-out SFT loss, gates (1, 1)", "nat / token"),
    ("nll", "SFT negative log-likelihood", "nat / token"),
)

# Most colour-blind readers can distinguish these colours, on white and on dark (after Okabe and Ito).
HEADLINE = {
    "base": "#7f7f7f",
    "sft_cot": "#0072b2",
    "grpo_only": "#d55e00",
    "monolithic": "#cc79a7",
    "modular": "#009e73",
}
FURTHER = ("#e69f00", "#56b4e9", "#8c6d31", "#9467bd", "#b5bd00", "#17becf")

INK = "#010203"  # a placeholder that `inline_svg` replaces by the page's text colour
STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "svg.fonttype": "none",  # text stays text: readable by screen readers, and small
    "svg.hashsalt": "report",
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
}


def colours(arms: Iterable[str]) -> dict[str, str]:
    """Return a colour for each arm; the five headline arms, or their lone variant, have theirs in every report."""
    further = itertools.cycle(FURTHER)  # a twelfth arm shares a colour
    return {arm: HEADLINE.get(name) or next(further) for arm, name in plain_names([*arms]).items()}


def curve_plots(curves: Curves, colour: Mapping[str, str]) -> list[str]:
    """Draw a panel for each metric that a curve has: every seed as a thin line, their smoothed mean as a bold one."""
    drawn = []
    for index, (metric, title, unit) in enumerate(PANELS):
        lines = {name: seeds for name in curves if (seeds := _lines(curves[name], metric))}
        if lines:
            drawn.append(_curve_panel(f"curve{index}", lines, colour, title, unit))
    return drawn


def curve_image(curves: Curves, colour: Mapping[str, str], metrics: Sequence[str]) -> bytes:
    """Draw the panels of `metrics` that a curve has as a PNG on white, side by side, with the names in the first."""
    of_metric = {metric: {arm: seeds for arm in curves if (seeds := _lines(curves[arm], metric))} for metric in metrics}
    panels = [panel for panel in PANELS if of_metric.get(panel[0])]
    with matplotlib.rc_context(STYLE | {"figure.facecolor": "white", "savefig.facecolor": "white"}):
        figure = Figure(figsize=(4.2 * len(panels), 2.8), layout="constrained")
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (metric, title, unit) in zip(grid, panels, strict=True):
            _draw_curves(axes, of_metric[metric], colour, title, unit)
        grid[0].legend(fontsize=7, frameon=False)
        return _png(figure)


def accuracy_plot(rows: Sequence[Mapping], colour: Mapping[str, str]) -> str | None:
    """Draw each arm's greedy accuracy as a bar, the mean over its seeds, and the sampled one below as a hatched bar.

    Every seed has a dot and its 95 % interval; chance is dashed.
    """
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    if not arms:
        return None
    drawn = [name for name in ("accuracy", "sampled_accuracy") if any(row.get(name) is not None for row in rows)]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 0.7 + (0.2 + 0.22 * len(drawn)) * len(arms)), layout="constrained")
        axes = figure.add_subplot()
        height = 0.7 / max(len(drawn), 1)
        for (position, arm), (line, name) in itertools.product(enumerate(arms), enumerate(drawn)):
            seeds = [row for row in rows if row["arm"] == arm and row.get(name) is not None]
            if seeds:
                _draw_bar(axes, seeds, name, position + (line - (len(drawn) - 1) / 2) * height, height, colour[arm])
        chance = [row["chance"] for row in rows if row.get("chance")]
        if chance:
            axes.axvline(float(np.mean(chance)), color=INK, linestyle=(0, (4, 3)), linewidth=1)
        axes.set_yticks(range(len(arms)), arms)
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        label = "accuracy (strict)" + (": plain greedy, hatched sampled" if len(drawn) > 1 else "")
        axes.set_xlabel(label + (", dashed: chance" if chance else ""))
        return inline_svg(figure, "accuracy", "Accuracy of each arm with 95 % intervals")


def _draw_bar(axes: Axes, rows: Sequence[Mapping], name: str, y: float, height: float, colour: str) -> None:
    """Draw the mean of one value over the seeds of an arm, and each seed with its interval."""
    hatch = "////" if name == "sampled_accuracy" else None
    mean = np.mean([row[name] for row in rows])
    axes.barh(y, mean, height=0.9 * height, color=colour, alpha=0.45, hatch=hatch)
    heights = y + np.linspace(-0.3, 0.3, len(rows) + 2)[1:-1] * height
    for centre, row in zip(heights, rows, strict=True):
        axes.plot(row.get(f"{name}_ci95") or [row[name]] * 2, [centre, centre], color=INK, linewidth=1.2)
        axes.plot(row[name], centre, "o", color=colour, markeredgecolor=INK, markersize=4.5)


def change_plot(verdicts: Sequence[Mapping], colour: Mapping[str, str]) -> str | None:
    """Draw the change of each judged arm over all seeds with its 95 % interval, greedy (dot) and sampled (square).

    The band is what counts as no change, a short bar the headroom.
    """
    shown = [verdict for verdict in verdicts if verdict["seed"] is None and verdict["ci95"]]
    if not shown:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 0.8 + 0.3 * len(shown)), layout="constrained")
        axes = figure.add_subplot()
        axes.axvspan(-100 * MARGIN, 100 * MARGIN, color=INK, alpha=0.08, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.8)
        for y, verdict in enumerate(shown):
            ink, marker = colour[verdict["arm"]], "o" if verdict["decoding"] == "greedy" else "s"
            axes.plot([100 * bound for bound in verdict["ci95"]], [y, y], color=ink, linewidth=2)
            axes.plot(100 * verdict["change"], y, marker, color=ink, markeredgecolor=INK, markersize=6)
            if (verdict["headroom"] or 0) > MARGIN:
                axes.plot(100 * verdict["headroom"], y, "|", color=INK, markersize=12)
        axes.set_yticks(range(len(shown)), [f"{verdict['arm']}, {verdict['decoding']}" for verdict in shown])
        axes.invert_yaxis()
        axes.set_xlabel("change of accuracy against the start arm, points")
        return inline_svg(figure, "change", "Change of accuracy of each arm with 95 % intervals")


def reliability_plot(bins: Mapping[str, Sequence[Mapping]], colour: Mapping[str, str], name: str) -> str | None:
    """Draw accuracy against confidence, a line a policy over the bins of `calibration`; the diagonal is calibrated.

    The area of a dot grows with the questions of its bin. None without bins.
    """
    if not any(bins.values()):
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.6, 3.2), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=INK, linestyle=(0, (4, 3)), linewidth=1)
        for policy, rows in bins.items():
            confidence, accuracy = ([row[key] for row in rows] for key in ("confidence", "accuracy"))
            total = sum(row["n"] for row in rows)
            axes.plot(confidence, accuracy, color=colour[policy], linewidth=1.4)
            axes.scatter(
                confidence, accuracy, [12 + 120 * row["n"] / total for row in rows], color=colour[policy], alpha=0.6
            )
        axes.set(xlim=(0, 1.04), ylim=(-0.03, 1.03), xlabel="probability of the likeliest option", ylabel="share right")
        return inline_svg(figure, name, f"Reliability of option likelihoods, {name}")


MAPPED = (("sampled_accuracy", "sampled accuracy"), ("accuracy", "greedy accuracy"), ("strict_rate", "strict format"))


def map_plot(points: Sequence[Point], colour: Mapping[str, str]) -> str | None:
    """Draw `map_figure` as an <svg> element for a page; None without points."""
    with matplotlib.rc_context(STYLE):
        figure = map_figure(points, colour)
        return figure and inline_svg(figure, "map", "Accuracy and format of each arm against rate and KL moved")


def map_image(points: Sequence[Point], colour: Mapping[str, str]) -> bytes:
    """Draw `map_figure` as a PNG on white, for a page that takes no <svg> element."""
    with matplotlib.rc_context(STYLE | {"figure.facecolor": "white", "savefig.facecolor": "white"}):
        return _png(map_figure(points, colour))


def map_figure(points: Sequence[Point], colour: Mapping[str, str]) -> Figure | None:
    """Draw a stability map: accuracy and strict format against the rate, and against the KL moved a step.

    A dot is a seed, hollow where the arm does not hold; a line joins the means over seeds. None without points.

    Args:
      points: of `stability_map.map_points`.
      colour: arm, without a rate -> colour.
    """
    shown = [(key, title) for key, title in MAPPED if any(point.row.get(key) is not None for point in points)]
    if not shown:
        return None
    figure = Figure(figsize=(7.6, 0.5 + 2.1 * len(shown)), layout="constrained")
    grid = figure.subplots(len(shown), 2, squeeze=False, sharey="row")
    for (key, title), panels in zip(shown, grid, strict=True):
        for axes, coordinate in zip(panels, ("rate", "kl_step"), strict=True):
            for arm in dict.fromkeys(point.arm for point in points):
                _map_arm(axes, [point for point in points if point.arm == arm], coordinate, key, colour[arm])
            axes.set_xscale("log")
            axes.grid(axis="y", color=INK, alpha=0.12, linewidth=0.6)
        panels[0].set_ylabel(title)
        panels[0].set_ylim(0, 1.03)
    for axes, label in zip(grid[-1], ("learning rate", "KL moved a step, nat / token"), strict=True):
        axes.set_xlabel(label)
    if len(colour) > 1:
        grid[0, 0].legend(fontsize=8, frameon=False)
    return figure


def _map_arm(axes: Axes, points: Sequence[Point], coordinate: str, key: str, ink: str) -> None:
    """Draw one arm into one panel; points without a positive coordinate or without the value are left out."""
    drawn = [point for point in points if (getattr(point, coordinate) or 0) > 0 and point.row.get(key) is not None]
    for point in drawn:
        face = ink if point.holds else "none"
        axes.plot(getattr(point, coordinate), point.row[key], "o", color=ink, markerfacecolor=face, markersize=4)
    by_rate = [[point for point in drawn if point.rate == rate] for rate in sorted({point.rate for point in drawn})]
    middle = [float(np.exp(np.mean([np.log(getattr(point, coordinate)) for point in same]))) for same in by_rate]
    heights = [float(np.mean([point.row[key] for point in same])) for same in by_rate]
    axes.plot(middle, heights, color=ink, linewidth=1.4, alpha=0.7, label=points[0].arm)


def _lines(by_seed: Mapping[int, Rows], metric: str) -> list[tuple[list[int], list[float]]]:
    """Steps and values of each seed that has the metric; a value that is not finite leaves a gap."""
    lines = []
    for rows in by_seed.values():
        present = [row for row in rows if metric in row]
        values = [float(row[metric]) if isinstance(row[metric], numbers.Real) else math.nan for row in present]
        values = [value if math.isfinite(value) else math.nan for value in values]
        if any(map(math.isfinite, values)):
            lines.append(([row["step"] for row in present], values))
    return lines


def _curve_panel(name: str, lines: Mapping, colour: Mapping[str, str], title: str, unit: str) -> str:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 2.5), layout="constrained")
        _draw_curves(figure.add_subplot(), lines, colour, title, unit)
        return inline_svg(figure, name, f"{title} over training steps")


def _draw_curves(axes: Axes, lines: Mapping, colour: Mapping[str, str], title: str, unit: str) -> None:
    """Draw every seed of every arm as a thin line, and the smoothed mean of an arm as a bold one."""
    for arm, seeds in lines.items():
        for steps, values in seeds:
            axes.plot(steps, values, color=colour[arm], linewidth=0.7, alpha=0.5)
        axes.plot(*_smoothed_mean(seeds), color=colour[arm], linewidth=1.8, label=arm)
    axes.set_title(title)
    axes.set_ylabel(unit)
    axes.set_xlabel("step")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(axis="y", color=INK, alpha=0.12, linewidth=0.6)


def _smoothed_mean(seeds: Sequence[tuple[list[int], list[float]]]) -> tuple[list[int], list[float]]:
    """The mean over the seeds that have a step, then a running mean centred on each step, so that it has no lag."""
    at: dict[int, list[float]] = {}
    for steps, values in seeds:
        for step, value in zip(steps, values, strict=True):
            if math.isfinite(value):
                at.setdefault(step, []).append(value)
    steps = sorted(at)
    means = [float(np.mean(at[step])) for step in steps]
    half = math.ceil(len(means) / 40)
    return steps, [float(np.mean(means[max(0, t - half) : t + half + 1])) for t in range(len(means))]


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def inline_svg(figure: Figure, name: str, label: str) -> str:
    """Return the figure as an <svg> element for an HTML page.

    The document type and the namespaces, which hold web addresses, are removed because HTML needs neither. Ids get a
    prefix because all plots share one page. Text and axes take the page's text colour, in its light and dark mode.
    """
    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'\sxmlns(?::xlink)?="[^"]*"', "", svg)
    svg = re.sub(r"<style[^<]*</style>", "", svg)  # would apply to the whole page
    svg = re.sub(r"<metadata>[^<]*(?:<(?!/metadata>)[^<]*)*</metadata>", "", svg)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = svg.replace(INK, "currentColor").replace("xlink:href", "href")
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
