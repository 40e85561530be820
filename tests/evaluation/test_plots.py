from __future__ import annotations

import math
import re
from xml.etree import ElementTree

from alignment.evaluation.plots import accuracy_plot, colours, curve_plots


def curve(steps: int = 5, **extra) -> list[dict]:
    return [{"step": step, "reward/mean": 0.1 * step, **extra} for step in range(1, steps + 1)]


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_headline_arms_keep_their_colours_and_others_get_further_ones():
    assert colours(["modular"])["modular"] == colours(["base", "x", "modular"])["modular"]
    many = colours([f"arm{i}" for i in range(12)])
    assert len(many) == 12 and len(set(many.values())) == 6


def test_one_panel_a_metric_that_is_there():
    curves = {"modular": {0: curve(), 1: curve()}, "sft_cot": {0: [{"step": 1, "nll": 2.0}, {"step": 2, "nll": 1.0}]}}
    reward, nll = curve_plots(curves, colours(curves))
    assert "Reward" in texts(reward) and "SFT negative log-likelihood" in texts(nll)
    colour = colours(curves)["modular"]
    assert reward.count(f"stroke: {colour}") == 3  # two seeds and their mean
    assert curve_plots({}, {}) == [] == curve_plots({"base": {}, "x": {0: []}}, colours(["base", "x"]))


def test_values_that_are_not_finite_leave_gaps():
    rows = curve(3) + [{"step": 4, "reward/mean": math.nan}, {"step": 5, "reward/mean": None}, {"step": 6}]
    (svg,) = curve_plots({"modular": {0: rows}}, colours(["modular"]))
    assert "nan" not in svg.lower().replace("dominant", "")
    assert curve_plots({"modular": {0: [{"step": 1, "reward/mean": math.nan}]}}, colours(["modular"])) == []


def test_accuracy_plot_names_every_arm_and_chance():
    rows = [
        {"arm": arm, "seed": 0, "accuracy": 0.5, "accuracy_ci95": [0.4, 0.6], "chance": 0.25}
        for arm in ("base", "my $arm$")
    ]
    svg = accuracy_plot(rows, colours(["base", "my $arm$"]))
    assert {"base", "my $arm$", "accuracy (strict), dashed: chance"} <= set(texts(svg))
    without = accuracy_plot([{"arm": "base", "seed": 0, "accuracy": 0.5}], colours(["base"]))
    assert "accuracy (strict)" in texts(without)
    assert accuracy_plot([], {}) is None


def test_markup_in_an_arm_name_is_escaped():
    rows = [{"arm": "<script>", "seed": 0, "accuracy": 0.5}]
    svg = accuracy_plot(rows, colours(["<script>"]))
    assert "<script>" not in svg and "&lt;script&gt;" in svg


def test_svg_is_well_formed_self_contained_and_repeatable():
    curves = {"modular": {0: curve()}}
    (svg,) = curve_plots(curves, colours(curves))
    ElementTree.fromstring(svg)
    assert "http" not in svg and "<?xml" not in svg and "DOCTYPE" not in svg and "<style" not in svg
    assert "currentColor" in svg
    ids = re.findall(r'\bid="([^"]*)"', svg)
    assert len(ids) == len(set(ids)) and all(name.startswith("curve0-") for name in ids)
    assert set(re.findall(r'(?:href="|url\()#([^")]*)', svg)) <= set(ids)
    assert curve_plots(curves, colours(curves)) == [svg]
