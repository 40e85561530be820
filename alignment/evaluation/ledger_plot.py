"""The figure of the decoupling ledger: accuracy against what SFT loses, and both losses against the KL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignment.evaluation.ledger import Point, pareto_steps
from alignment.evaluation.plots import INK, STYLE, inline_svg

# coordinate, value, title, labels of the axes
PANELS = (
    ("reasoning", "accuracy", "Gain against cost", "rise of the held-out SFT loss", "accuracy of completions"),
    ("kl", "reasoning", "SFT loss over KL", "KL to the reference", "rise of the held-out SFT loss"),
    ("kl", "retention", "Loss of unseen text over KL", "KL to the reference", "rise of the loss"),
)


def ledger_plot(points: Sequence[Point], colour: Mapping[str, str]) -> str | None:
    """Draw the mean path of every arm over its checkpoints, with bands of a standard deviation between seeds.

    In the first panel filled dots are the checkpoints that none beats in both. None without points.
    """
    panels = [
        panel for panel in PANELS if any(None not in (getattr(p, panel[0]), getattr(p, panel[1])) for p in points)
    ]
    if not panels:
        return None
    best = pareto_steps(points)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.6 * len(panels), 3.0), layout="constrained")
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (x, y, title, x_label, y_label) in zip(grid, panels, strict=True):
            for arm in dict.fromkeys(point.arm for point in points):
                marked = {step for name, step in best if name == arm} if y == "accuracy" else None
                draw_path(axes, [point for point in points if point.arm == arm], (x, y), colour[arm], marked)
            axes.set_title(title)
            axes.set_xlabel(f"{x_label}, nat / token")
            axes.set_ylabel(y_label if y == "accuracy" else f"{y_label}, nat / token")
            axes.grid(color=INK, alpha=0.12, linewidth=0.6)
        return inline_svg(figure, "ledger", "What each arm gains in its reward stage and what it costs of SFT")


def draw_path(
    axes: Axes, points: Sequence[Point], names: tuple[str, str], ink: str, marked: set[int] | None = None
) -> None:
    """Draw the mean over seeds at each checkpoint, joined, with a band; steps in `marked` (None: all) are filled."""
    pairs: dict[int, list[tuple[float, float]]] = {}
    for point in points:
        pair = tuple(getattr(point, name) for name in names)
        if None not in pair:
            pairs.setdefault(point.step, []).append(pair)
    if not pairs:
        return
    steps = sorted(pairs)
    middle = np.array([np.mean(pairs[step], axis=0) for step in steps])
    spread = np.array([np.std(pairs[step], axis=0, ddof=1) if len(pairs[step]) > 1 else (0.0, 0.0) for step in steps])
    low, high = middle[:, 1] - spread[:, 1], middle[:, 1] + spread[:, 1]
    axes.fill_between(middle[:, 0], low, high, color=ink, alpha=0.15, linewidth=0)
    axes.errorbar(*middle.T, xerr=spread[:, 0], color=ink, linewidth=1.4, elinewidth=0.7, alpha=0.8)
    for step, (x, y) in zip(steps, middle, strict=True):
        face = ink if marked is None or step in marked else "none"
        axes.plot(x, y, "o", color=ink, markerfacecolor=face, markersize=4)
