"""Widths, best rates and the picture of a stability map, on maps that are small enough to read."""

from __future__ import annotations

import pytest

from alignment.evaluation.map_tables import difference_rows, map_rows, width_rows
from alignment.evaluation.plots import colours, map_plot
from alignment.evaluation.stability_map import (
    Width,
    arm_maps,
    best_labels,
    development_score,
    holds,
    map_points,
    split_rate,
    widest,
    width_difference,
)

RATES = (1e-4, 2e-4, 4e-4, 8e-4)
LETTERS = {"L": "learned", "H": "harmed", ".": "not powered"}


def row(arm, rate, seed, letter="L", dev=0.5, **more):
    label = f"{arm}@learning_rate={rate:g}"
    return {
        **{"arm": label, "seed": seed, "accuracy": 0.8, "sampled_accuracy": 0.6, "strict_rate": 1.0},
        **{"collapsed": False, "harmed": False, "kl_final": 20 * rate, "steps": 10},
        **{"verdicts": {"greedy": LETTERS[letter], "sampled": "not powered"}, "dev": {"sampled_accuracy": dev}},
        **more,
    }


def sweep(arm, *seeds, dev=(0.1, 0.2, 0.3, 0.4)):
    """A row for each seed and rate; a seed is a word with a letter of `LETTERS` for each rate."""
    return [
        row(arm, rate, seed, letter, score)
        for seed, word in enumerate(seeds)
        for rate, letter, score in zip(RATES, word, dev, strict=True)
    ]


@pytest.mark.parametrize(
    ("label", "parts"),
    [
        ("modular@learning_rate=2e-3", ("modular", 0.002)),
        ("modular@beta=0@learning_rate=2e-3@loss=dapo", ("modular@beta=0@loss=dapo", 0.002)),
        ("modular@beta=0", ("modular@beta=0", None)),
        ("sft_cot", ("sft_cot", None)),
    ],
)
def test_a_label_is_read_as_arm_and_rate(label, parts):
    assert split_rate(label) == parts


def test_an_arm_holds_where_it_learned_and_nothing_was_harmed():
    learned = {"greedy": "no change", "sampled": "learned"}
    assert holds({"verdicts": learned})
    assert not holds({"verdicts": learned | {"greedy": "harmed"}})
    assert not holds({"verdicts": {"greedy": "no change", "sampled": "not powered"}})
    assert not holds({"verdicts": learned, "collapsed": True}) and not holds({"verdicts": learned, "harmed": True})
    assert not holds({"verdicts": {}}) and not holds({})


@pytest.mark.parametrize(
    ("word", "width"),
    [
        ("....", Width(0, None, None, False)),
        (".L..", Width(1, 2e-4, 2e-4, False)),
        (".LL.", Width(2, 2e-4, 4e-4, False)),
        ("LL..", Width(2, 1e-4, 2e-4, True)),
        ("..LL", Width(2, 4e-4, 8e-4, True)),
        ("L.LL", Width(2, 4e-4, 8e-4, True)),
        ("L..L", Width(1, 1e-4, 1e-4, True)),
        ("LLLL", Width(4, 1e-4, 8e-4, True)),
    ],
)
def test_the_widest_range_by_hand(word, width):
    assert widest(RATES, [letter == "L" for letter in word]) == width


def test_the_width_of_an_arm_is_the_mean_over_its_seeds_with_an_interval():
    """Widths 2, 2 and 3: mean 7/3, std 1/sqrt(3), so 7/3 +- 4.303 / 3."""
    (entry,) = arm_maps(map_points(sweep("modular", ".LL.", "LLH.", "LLL.")))
    assert [width.count for width in entry.by_seed.values()] == [2, 2, 3]
    assert entry.width["mean"] == pytest.approx(7 / 3)
    assert entry.width["ci"] == pytest.approx([7 / 3 - 4.30265 / 3, 7 / 3 + 4.30265 / 3], abs=1e-4)


def test_widths_are_compared_at_equal_seeds():
    """3 - 1 and 2 - 1: mean 1.5, and 1.5 +- 12.706 / 2 with one degree of freedom. Seed 2 has no partner."""
    rows = sweep("modular", "LLL.", ".LL.", "LLLL") + sweep("monolithic", ".L..", "..L.")
    modular, monolithic = arm_maps(map_points(rows))
    difference = width_difference(modular, monolithic)
    assert (difference["n"], difference["mean"]) == (2, 1.5)
    assert difference["ci"] == pytest.approx([1.5 - 12.7062 / 2, 1.5 + 12.7062 / 2], abs=1e-3)
    assert difference_rows([modular, monolithic]) == [["modular", "monolithic", "+1.5", "-4.9 to 7.9"]]


def test_the_best_rate_is_chosen_on_development_questions_alone():
    rows = sweep("modular", "LLLL", "LLLL", dev=(0.2, 0.5, 0.5, 0.1))
    for line in rows:
        line["sampled_accuracy"] = 0.9 if "0.0008" in line["arm"] else 0.3
    points = map_points(rows)
    (entry,) = arm_maps(points)
    assert (entry.best_rate, entry.best_score) == (2e-4, 0.5)  # of equals the lower one
    assert best_labels(points, [entry]) == ["modular@learning_rate=0.0002"]


def test_the_development_score_is_sampled_or_else_greedy():
    rows = [row("modular", rate, 0) | {"dev": {"accuracy": score}} for rate, score in zip(RATES, (0.2, 0.4, 0.6, 0.8))]  # noqa: B905
    points = map_points(rows)
    assert development_score(points) == pytest.approx(0.5)
    mixed = [points[0], points[1]._replace(row=points[1].row | {"dev": {"accuracy": 0.4, "sampled_accuracy": 1.0}})]
    assert development_score(mixed) == pytest.approx(0.3)
    assert development_score([points[0]._replace(row={"dev": None})]) == -1


def test_only_arms_with_three_rates_are_mapped():
    rows = [{"arm": "sft_cot", "seed": 0}, *sweep("monolithic", "LL..")[:2], *sweep("modular", "LLL.")]
    assert {point.arm for point in map_points(rows)} == {"modular"}
    assert map_points([]) == [] and arm_maps([]) == []


def test_a_rate_that_a_seed_lacks_is_not_held():
    rows = [line for line in sweep("modular", "LLLL", "LLLL") if (line["seed"], line["arm"][-6:]) != (1, "0.0004")]
    (entry,) = arm_maps(map_points(rows))
    assert [width.count for width in entry.by_seed.values()] == [4, 2]


def test_kl_is_counted_by_the_step():
    point = map_points(sweep("modular", "LLL."))[1]
    assert point.rate == 2e-4 and point.kl_step == pytest.approx(20 * 2e-4 / 10)
    assert map_points([row("modular", rate, 0, kl_final=None) for rate in RATES])[0].kl_step is None


def test_the_tables_say_what_the_map_says():
    points = map_points(sweep("modular", ".LL.", "HLLL"))
    assert map_rows(points)[0] == [
        *("modular", "0.0001", "60.0 %", "80.0 %", "100.0 %", "0.0002"),
        *("not powered, not powered", "not powered, harmed", "0 of 2"),
    ]
    (line,) = width_rows(arm_maps(points))
    assert line[0] == "modular" and line[1] == "2.5" and line[3] == "2, 3+" and line[5:] == ["0.0008", "40.0 %"]
    assert line[4] == "0.0002 to 0.0004, 0.0002 to 0.0008"


def test_the_picture_has_a_panel_for_each_value_and_both_axes():
    points = map_points(sweep("modular", ".LL.") + sweep("monolithic", "L...") + sweep("broken", "...."))
    colour = colours(dict.fromkeys(point.arm for point in points))
    svg = map_plot(points, colour)
    for text in ("sampled accuracy", "greedy accuracy", "strict format", "learning rate", "KL moved a step"):
        assert text in svg
    assert map_plot([], {}) is None


def test_a_point_without_kl_or_samples_is_drawn_where_it_can_be():
    rows = [row("modular", rate, 0, kl_final=0.0, sampled_accuracy=None) for rate in RATES]
    svg = map_plot(map_points(rows), {"modular": "#009e73"})
    assert "sampled accuracy" not in svg and "greedy accuracy" in svg
