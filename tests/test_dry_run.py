"""What a run would take and could show, from hand-made estimates and recorded rows, and once for a whole run."""

from __future__ import annotations

import json

import pytest
from etils import epath
from tiny import experiment_config

from alignment import ablate, cli
from alignment.arms import STAGES
from alignment.benchmarks.fit.grid import SIZES
from alignment.benchmarks.fit.recipe import GIB, Need, Verdict, model_size
from alignment.benchmarks.flops import rollout_bytes
from alignment.benchmarks.machines import Machine
from alignment.benchmarks.setting import Setting
from alignment.config import default_config, nano_config
from alignment.dry_run import (
    FEW_STEPS,
    REPORT_BYTES,
    Lengths,
    StageEstimate,
    detectable_points,
    disk_line,
    measured_step,
    memory_line,
    minutes,
    power_lines,
    recorded_rows,
    rollout_seconds,
    step_seconds,
    time_lines,
    workdir_bytes,
)
from alignment.errors import UserError
from alignment.evaluation.statistics import planned_std


def estimate(stage="reward", seconds=60.0, finished=(), completions=1920):
    return StageEstimate(STAGES[stage], 30, completions, seconds, False, finished)


def lines_for(tmp_path, rows, **leaves):
    config = nano_config()
    config.arms, config.seeds = ("sft_cot", "modular"), (0, 1)
    config.eval.update(leaves)
    (tmp_path / "results.json").write_text(json.dumps(rows))
    return list(power_lines(config, 400, {"reward": estimate()}, epath.Path(tmp_path)))


def test_the_detectable_change_by_hand():
    """(1.96 + 0.84) sqrt(2 a (1 - a) / (seeds samples)) / sqrt(400) in points."""
    assert detectable_points(400, 1) == pytest.approx(280.16 * 0.5**0.5 / 20, rel=1e-4)
    assert detectable_points(400, 2, 4) == pytest.approx(280.16 * (0.5 / 8) ** 0.5 / 20, rel=1e-4)
    assert detectable_points(400, 1, accuracy=0.1) == pytest.approx(280.16 * 0.18**0.5 / 20, rel=1e-4)


@pytest.mark.parametrize(("accuracy", "word"), [(0.0, "wrong"), (1.0, "right")])
def test_without_headroom_there_is_no_power_estimate(tmp_path, accuracy, word):
    with pytest.raises(UserError, match=f"no power estimate: all answers are {word}, .*skip_without_headroom=true"):
        planned_std(1, accuracy=accuracy)
    _, line = lines_for(tmp_path, [{"arm": "sft_cot", "seed": 0, "accuracy": accuracy}])
    assert f"start sft_cot: no power estimate: all answers are {word}" in line


def test_recorded_rows_take_the_place_of_assumptions(tmp_path):
    rows = [
        {"arm": "sft_cot", "seed": 0, "accuracy": 0.3, "samples": 16, "majority_at_k": 0.5, "sampled_accuracy": 0.25},
        {"arm": "modular", "seed": 0, "completions_per_half": 32.0, "signal_share": 32 / 5032},
    ]
    head, line = lines_for(tmp_path, rows, samples=4)
    assert head.startswith("test power: 400 questions and 2 seeds detect a change of 7.0 points greedy or 3.5 points")
    assert line == (
        "  modular: 1,920 completions; from 30.0% of sft_cot a change of 6.4 points is detected; headroom 25.0 points "
        "(majority@16 minus pass@1); its gradient needed 5,000 completions when it was measured: too few"
    )


def test_without_records_the_headroom_is_unknown(tmp_path):
    _, line = lines_for(tmp_path, [])
    assert line.endswith("its start sft_cot has not answered, so that its headroom is unknown")
    (tmp_path / "results.json").write_text("{damaged")
    assert recorded_rows(epath.Path(tmp_path)) == recorded_rows(epath.Path(tmp_path / "none")) == []


def test_finished_seeds_take_no_time():
    config = nano_config()
    config.arms, config.seeds = ("modular",), (0, 1, 2)
    estimates = [estimate("reasoning", 60.0, (0, 1, 2), 0), estimate(finished=(1,))]
    head, reasoning, reward = time_lines(config, estimates, 20.0)
    assert head.startswith("time: about 3 min on ") and "the evaluation takes 60 s" in head
    assert reasoning == "  reasoning: 3 x 30 steps, about 0 s, 3 of 3 seeds finished"
    assert reward == "  reward: 3 x 30 steps, 1,920 completions a seed, about 2 min, 1 of 3 seeds finished"
    named, *_ = time_lines(config, estimates, 20.0, "h100")
    assert named.startswith("time: about 3 min on one h100, by the rates of its maker, of which")
    unknown, _ = time_lines(config, [estimate(seconds=None)], None)
    assert unknown.startswith("time: unknown for a model of unknown size")
    assert [minutes(seconds) for seconds in (3.2, 600, 7200)] == ["4 s", "10 min", "2.0 h"]


def test_the_median_of_the_steps_after_the_first_is_what_a_step_took(tmp_path):
    folder = tmp_path / "seed0" / "reward"
    folder.mkdir(parents=True)
    rows = [{"step": step, "time/step": 100.0 if step == 1 else 2.0} for step in range(1, FEW_STEPS + 2)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert measured_step(epath.Path(tmp_path), STAGES["reward"], (0, 1)) == 2.0
    assert measured_step(epath.Path(tmp_path), STAGES["reasoning"], (0,)) is None


def test_a_step_takes_time_in_proportion_to_its_completions():
    config, size = nano_config(), model_size("")
    lengths, machine = Lengths(150, 80), Machine("", 0.0, 1e11, 1e15)
    once = step_seconds(config, STAGES["reward"], lengths, size, machine)
    config.grpo.prompts *= 3
    assert step_seconds(config, STAGES["reward"], lengths, size, machine) == pytest.approx(3 * once)
    fast = machine._replace(products=2e11)
    assert step_seconds(config, STAGES["reward"], lengths, size, fast) == pytest.approx(1.5 * once)
    assert step_seconds(config, STAGES["joint"], lengths, size, machine) > 3 * once
    assert 0 < step_seconds(config, STAGES["reasoning"], lengths, size, machine) < once


def test_a_rollout_of_few_sequences_is_bound_by_reading_the_weights():
    """7B in bfloat16 for 100 tokens of 8 completions, one at a time or all at once, at 1e12 bytes a second."""
    setting = Setting("update", SIZES["7b"].size, 1, 8, 1, 100, "bfloat16", tied=False)
    machine = Machine("", 0.0, 1e18, 1e12)
    at_once, in_turn = (rollout_seconds(setting, sequences, machine) for sequences in (0, 1))
    assert at_once == pytest.approx(rollout_bytes(setting) / 5e11)
    assert 7 * at_once < in_turn < 8.1 * at_once
    assert at_once == pytest.approx(100 * 2 * 7.07e9 / 5e11, rel=0.02)  # of 7.6e9 parameters the embedding is not read


def test_the_disk_of_a_run_by_hand(tmp_path):
    """Ranks 32 and 16 at three seeds; three checkpoints, two of them kept, of three copies of the larger."""
    config = default_config()
    config.seeds, config.model.path = (0, 1, 2), "Qwen/Qwen2.5-0.5B-Instruct"
    stages = [STAGES["reasoning"], STAGES["reward"]]
    model = Setting("update", SIZES["0.5b"].size).config
    rank_one = 8_798_208 / 16  # numbers of an adapter of rank 1 on all seven projections of 0.5B
    assert workdir_bytes(config, stages, model) == REPORT_BYTES + 4 * rank_one * (3 * 48 + 3 * 3 * 32)
    line = disk_line(config, stages, epath.Path(tmp_path / "runs" / "new"))
    assert line.startswith("disk: about 0.9 GiB in the workdir; 0.9 GiB of weights in the Hub's cache, unless")
    assert line.endswith(" GiB are free")
    assert "free" not in disk_line(config, stages, epath.Path(tmp_path), "h100")
    config.model.path = "someone/else"
    assert disk_line(config, stages, epath.Path(tmp_path)).startswith("disk: unknown for a model of unknown size")


def test_the_part_that_needs_most_memory_is_named():
    needs = (Need("a rollout", 2 * GIB), Need("a GRPO update", 6 * GIB))
    assert memory_line(Verdict(True, needs, 8 * GIB)) == "memory: a GRPO update needs 6.0 of 8.0 GiB: fits"
    assert "does not fit in 90% of that" in memory_line(Verdict(False, needs, 6 * GIB))
    assert "unknown size" in memory_line(None)
    assert "6.0 of 8.0 GiB of one l4, as the compiler of this machine plans it: fits" in memory_line(
        Verdict(True, needs, 8 * GIB), "l4"
    )


def test_another_machine_is_for_estimates_alone(tmp_path, capsys):
    assert ablate.main([f"--workdir={tmp_path / 'run'}", "--machine=h100"]) == 2
    assert "only an estimate can be for another machine; add --dry_run" in capsys.readouterr().err
    assert ablate.main([f"--workdir={tmp_path / 'run'}", "--dry_run", "--machine=abacus"]) == 2
    assert "invalid choice: 'abacus'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.ci
def test_a_dry_run_prints_its_estimates_and_writes_nothing(tmp_path, capsys):
    config = experiment_config(tmp_path / "tiny")
    config.arms = ("sft_cot", "modular")
    flags = [f"--config.{name}={cli.show(value)}" for name, value in cli.leaves(config).items()]
    assert ablate.main([f"--workdir={tmp_path / 'run'}", "--dry_run", *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    heads = ["memory", "disk", "time", "  reasoning", "  reward", "test power", "  modular"]
    assert [line.partition(":")[0] for line in lines[-7:]] == heads
    assert "5 steps, 40 completions a seed" in lines[-3]
    assert not (tmp_path / "run").exists()
