"""The page of the stability map says what results.json and verdicts.json hold."""

from __future__ import annotations

import json
from pathlib import Path

import make_stability
import pytest

from alignment import cli
from alignment.arms import get_arm
from alignment.config import default_config

ROOT = Path(__file__).parents[1]
RATES = ("1e-4", "2e-4", "4e-4")


def made_up():
    """`modular` learns at all rates, `monolithic` is harmed at the highest; the middle rate is best for both."""
    rows, verdicts = [], []
    for arm, rate, seed in (
        (arm, rate, seed) for arm in ("modular", "monolithic") for rate in RATES for seed in (0, 1)
    ):
        label, score = f"{arm}@learning_rate={rate}", 0.6 if rate == "2e-4" else 0.5
        row = {"arm": label, "seed": seed, "n": 200, "accuracy": score + 0.1 * (arm == "modular"), "strict_rate": 1.0}
        row |= {"sampled_accuracy": score, "dev": {"sampled_accuracy": score}, "kl_final": 0.1, "steps": 20}
        rows.append(row | {"collapsed": False, "harmed": False})
        harmed = arm == "monolithic" and rate == "4e-4"
        verdicts += [judged(label, side, seed, harmed) for side in ("greedy", "sampled")]
    for label in {row["arm"]: None for row in rows}:
        verdicts += [judged(label, side, None, False) for side in ("greedy", "sampled")]
    return rows, verdicts


def judged(label, decoding, seed, harmed):
    verdict = {"arm": label, "decoding": decoding, "seed": seed, "verdict": "harmed" if harmed else "learned"}
    return verdict | {"start_accuracy": 0.3, "change": 0.25, "ci95": [0.2, 0.3], "seeds_up": 2, "seeds": 2}


def test_the_page_has_widths_best_rates_and_every_point():
    page = make_stability.page(*made_up(), "On paper.")
    assert "On paper." in page and "{" not in page
    assert "| modular | 3 | 3.0 to 3.0 | 3+, 3+ | 0.0001 to 0.0004, 0.0001 to 0.0004 | 0.0002 | 60.0 % |" in page
    assert "| monolithic | 2 | 2.0 to 2.0 | 2+, 2+ |" in page
    assert "| modular | monolithic | +1 | 1.0 to 1.0 |" in page
    assert "| `modular@learning_rate=2e-4` | sampled | 30.0 % | +25.0 | +20.0 to +30.0 | 2 of 2 | learned |" in page
    assert "`modular@learning_rate=1e-4`" not in page
    assert "| modular | monolithic | accuracy | +10.0 | +10.0 to +10.0 |" in page
    assert "| monolithic | 0.0004 |" in page and "harmed, harmed" in page and "200 of them" in page


def test_the_command_copies_a_run_and_makes_the_same_page_of_the_copy(tmp_path, capsys):
    run, out = tmp_path / "run", tmp_path / "out"
    run.mkdir()
    for name, content in zip(("results.json", "verdicts.json"), made_up(), strict=True):
        (run / name).write_text(json.dumps(content))
    assert make_stability.main([f"--workdir={run}", f"--out={out}", "--machine=On paper."]) == 0
    first = (out / "README.md").read_text()
    assert (out / "map.png").stat().st_size > 1000 and "map.png" in first
    assert make_stability.main([f"--out={out}"]) == 0
    assert (out / "README.md").read_text() == first and "On paper." in first


def test_a_folder_without_a_run_or_a_sweep_is_one_line(tmp_path, capsys):
    assert make_stability.main([f"--workdir={tmp_path}", f"--out={tmp_path / 'out'}"]) == 2
    assert "results.json is missing" in capsys.readouterr().err
    for name in ("results.json", "verdicts.json"):
        (tmp_path / name).write_text("[]")
    assert make_stability.main([f"--workdir={tmp_path}", f"--out={tmp_path / 'out'}"]) == 2
    assert "three rates" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(("variant", "arms"), [("two", 2), ("matched", 3)])
def test_the_sweep_has_seven_rates_of_each_arm_beside_their_starts(variant, arms):
    config = cli.load_config(f"{ROOT}/configs/stability_map.py:{variant}", default_config())
    mapped = [label for label in config.arms if "@" in label]
    assert len(mapped) == 7 * arms and len(config.seeds) == 3
    rates = sorted({float(label.partition("=")[2]) for label in mapped})
    assert [high / low for low, high in zip(rates, rates[1:], strict=False)] == pytest.approx([2] * 6)
    assert all(get_arm(label).serves for label in config.arms)


def test_the_sweep_is_on_the_task_and_budget_of_the_control():
    """So that what the control shows to be learnable holds of the map, which samples half of its prompts."""
    sweep, control = (
        cli.leaves(cli.load_config(f"{ROOT}/configs/{name}.py", default_config()))
        for name in ("stability_map", "control_planted")
    )
    assert {name for name, value in sweep.items() if value != control[name]} == {
        *("arms", "seeds", "data.eval.count", "data.dev.count", "grpo.learning_rate", "grpo.power_every"),
        *("grpo.prompts", "grpo.steps", "preregistration"),
    }
