from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.evaluation.stability import KEYS, grad_spikes, is_harmed, reward_drawdown, smooth, stability, windows

HEALTHY = {
    "loss": 0.0,
    "grad_norm": 1.0,
    "reward/mean": 1.0,
    "reward/min": -0.25,
    "reward/max": 2.75,
    "kl/mean": 0.01,
    "entropy/mean": 0.8,
    "clip/low": 0.0,
    "clip/high": 0.0,
    "completion/strict": 0.9,
    "completion/length_mean": 100.0,
    "completion/truncated": 0.0,
    "groups/zero_variance": 0.3,
}


def run(steps: int, **series: list[float]) -> list[dict]:
    """A healthy run with some metrics replaced; `strict` stands for `completion/strict` and so on."""
    names = {name.split("/")[-1] if name != "reward/mean" else "reward": name for name in HEALTHY}
    names |= {"kl": "kl/mean", "entropy": "entropy/mean"}
    rows = []
    for step in range(steps):
        rows.append({"step": step + 1, **HEALTHY, **{names[key]: values[step] for key, values in series.items()}})
    return rows


def test_no_reward_stage_is_null_throughout():
    assert stability(None) == stability([]) == dict.fromkeys(KEYS)


def test_a_healthy_run():
    summary = stability(run(40))
    assert tuple(summary) and set(summary) == set(KEYS)
    assert (summary["collapsed"], summary["never_learned"], summary["reasons"]) == (False, False, [])
    assert (summary["reward_drawdown"], summary["reward_change"], summary["reward_change_se"]) == (0.0, 0.0, 0.0)
    assert (summary["steps"], summary["steps_to_90"], summary["grad_spikes"]) == (40, 1, 0)


@pytest.mark.parametrize(
    ("steps", "sustained", "tail", "fifth"),
    [
        (1, 1, 1, 1),
        (2, 2, 2, 1),
        (10, 3, 3, 2),
        (40, 4, 4, 8),
        (190, 19, 19, 38),
        (191, 20, 20, 38),
        (1000, 20, 100, 200),
    ],
)
def test_windows_scale_with_the_run(steps, sustained, tail, fifth):
    assert windows(steps) == {"sustained": sustained, "tail": tail, "fifth": fifth}


def test_the_change_of_training_accuracy_by_hand():
    # Fifths of 10 steps are 2: 0.4 to 0.2, each window with a variance of 0.0002.
    rows = [row | {"reward/accuracy": x} for row, x in zip(run(10), [0.39, 0.41, *[0.9] * 6, 0.19, 0.21], strict=True)]
    summary = stability(rows)
    assert (summary["accuracy_change"], summary["accuracy_change_se"]) == pytest.approx((-0.2, 0.0002**0.5))
    assert stability(run(10))["accuracy_change"] is None, "a preset without the channel"


def test_smoothing_by_hand():
    assert smooth([1.0, 2.0, 0.0]) == pytest.approx([1.0, 1.1, 0.99])
    assert smooth([]) == []


def test_drawdown_by_hand():
    # E = 1, 1.1, 0.99, 0.991: the fall is 0.11; single completions range from -0.25 to 2.75
    assert reward_drawdown(run(4, reward=[1.0, 2.0, 0.0, 1.0])) == pytest.approx(0.11 / 3.0)


def test_drawdown_falls_back_on_the_means_where_rows_lack_the_extremes():
    rows = [{"step": t + 1, "reward/mean": r} for t, r in enumerate([1.0, 2.0, 0.0, 1.0])]
    assert reward_drawdown(rows) == pytest.approx(0.11 / 2.0)


def test_drawdown_does_not_depend_on_where_the_reward_puts_its_zero():
    rewards = [1.0, 2.0, 0.0, 1.0]
    shifted = run(4, reward=[value - 1.05 for value in rewards])
    for row in shifted:
        row["reward/min"] -= 1.05
        row["reward/max"] -= 1.05
    assert reward_drawdown(shifted) == pytest.approx(reward_drawdown(run(4, reward=rewards)))


def test_drawdown_of_a_constant_reward_is_zero_and_not_a_division_by_zero():
    rows = [{"step": step, "reward/mean": 0.5} for step in (1, 2, 3)]
    assert reward_drawdown(rows) == 0.0


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=60))
def test_drawdown_is_a_share(rewards):
    assert 0.0 <= reward_drawdown([{"step": 1, "reward/mean": value} for value in rewards]) <= 1.0 + 1e-9


def test_collapse_by_drawdown():
    # from the top of the range to the bottom, long enough for the smoothed reward to follow: 1 - 0.9^20 = 88 %
    summary = stability(run(40, reward=[2.75] * 20 + [-0.25] * 20))
    assert summary["reward_drawdown"] == pytest.approx(1 - 0.9**20)
    assert summary["collapsed"] and summary["reasons"] == ["reward fell by 88% of its range"]


def test_a_drawdown_of_less_than_half_is_no_collapse():
    # 1 - 0.9^20 = 0.878 of a fall by 1.65 and by 1.75, over a range of 3: 0.483 and 0.512
    within, lost = (stability(run(40, reward=[2.0] * 20 + [after] * 20)) for after in (0.35, 0.25))
    assert within["reward_drawdown"] == pytest.approx(0.483, abs=1e-3) and not within["collapsed"]
    assert lost["reward_drawdown"] == pytest.approx(0.512, abs=1e-3) and lost["collapsed"]


def test_collapse_by_losing_the_format():
    summary = stability(run(40, strict=[0.9] * 36 + [0.4] * 4))
    assert summary["collapsed"] and not summary["never_learned"]
    lost, fell = summary["reasons"]
    assert lost == "strict format lost: 40% over the last 4 steps"
    assert fell == "strict format ended 25 points below its beginning"
    assert not stability(run(40, strict=[0.9] * 37 + [0.4] * 3))["collapsed"]  # (0.9 + 3 x 0.4) / 4 = 0.525


def test_format_had_at_the_start_alone_can_be_lost():
    assert stability(run(40, strict=[0.6] + [0.0] * 39))["collapsed"]


def test_never_learned_is_not_collapsed():
    # one lucky step is no window of four
    summary = stability(run(40, strict=[0.1] * 20 + [0.6] + [0.1] * 19))
    assert summary["never_learned"] and not summary["collapsed"]
    assert summary["reasons"] == ["the strict format never reached half of the completions"]


def test_never_learned_holds_beside_other_losses_but_they_are_named():
    summary = stability(run(40, strict=[0.1] * 40, reward=[2.75] * 20 + [-0.25] * 20))
    assert summary["never_learned"] and not summary["collapsed"]
    assert len(summary["reasons"]) == 2


def test_a_format_learned_and_kept_is_neither():
    summary = stability(run(40, strict=[0.0] * 20 + [0.9] * 20))
    assert not summary["never_learned"] and not summary["collapsed"]


def test_without_format_metrics_nothing_is_said_about_format():
    rows = [{name: value for name, value in row.items() if name != "completion/strict"} for row in run(40)]
    summary = stability(rows)
    assert summary["never_learned"] is False and summary["collapsed"] is False


def test_collapse_by_length():
    # a tenth of 100 is 10; four steps in a row count at 40 steps, three do not
    assert stability(run(40, length_mean=[100.0] * 10 + [9.0] * 4 + [100.0] * 26))["collapsed"]
    assert not stability(run(40, length_mean=[100.0] * 10 + [9.0] * 3 + [100.0] * 27))["collapsed"]
    assert not stability(run(40, length_mean=[100.0] * 10 + [10.0] * 30))["collapsed"]


def test_collapse_by_truncation():
    summary = stability(run(40, truncated=[0.1] * 10 + [0.6] * 4 + [0.1] * 26))
    assert summary["collapsed"] and summary["reasons"] == ["over half of the completions truncated for 4 steps"]
    assert not stability(run(40, truncated=[0.1] * 10 + [0.6] * 3 + [0.5] + [0.6] * 3 + [0.1] * 23))["collapsed"]


def test_truncation_from_the_start_that_ends_is_learning():
    assert not stability(run(40, truncated=[0.9] * 10 + [0.1] * 30))["collapsed"]


def test_collapse_by_entropy_needs_both_signs():
    gone = [0.8] * 20 + [0.04] * 20
    assert stability(run(40, entropy=gone, zero_variance=[0.95] * 40))["collapsed"]
    assert not stability(run(40, entropy=gone))["collapsed"]
    assert not stability(run(40, zero_variance=[0.95] * 40))["collapsed"]


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
@pytest.mark.parametrize("metric", ["loss", "grad_norm", "reward/mean", "kl/mean", "entropy/mean"])
def test_a_value_that_is_not_finite_is_collapse(metric, value):
    rows = run(40)
    for row in rows[29:]:
        row[metric] = value
    summary = stability(rows)
    assert summary["collapsed"] and summary["reasons"] == [f"{metric} is not finite from step 30"]
    json.dumps(summary, allow_nan=False)  # the finite steps still give finite figures


def test_not_finite_outranks_never_learned():
    rows = run(40, strict=[0.0] * 40)
    rows[5]["loss"] = math.nan
    summary = stability(rows)
    assert summary["collapsed"] and not summary["never_learned"]


def test_a_run_that_is_nowhere_finite_still_gives_a_row():
    summary = stability([{"step": step, "loss": math.nan, "reward/mean": math.nan} for step in (1, 2)])
    assert summary["collapsed"] and summary["reward_drawdown"] is None and summary["reward_change"] is None


def test_gradient_spikes_by_hand():
    norms = [1.0] * 10
    norms[2] = 50.0  # not judged: fewer than five steps before it
    norms[7] = 5.0  # not above 5 x 1
    norms[8] = 5.1
    assert grad_spikes(norms) == 1
    assert grad_spikes([1.0, 9.0, 9.0]) == 0


def test_spikes_are_judged_by_the_recent_past():
    # The level rises slowly to 8, far above five times the first steps, without a spike.
    assert grad_spikes([1.0] * 50 + [2.0] * 50 + [4.0] * 50 + [8.0] * 50) == 0


def test_magnitudes_by_hand():
    reward = [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.5]
    kl = [0.0, 0.1, 0.5, 0.3, 0.2, 0.2, 0.2, 0.2, 0.2, 0.25]
    summary = stability(run(10, reward=reward, kl=kl, low=[0.1] * 10, high=[0.0, 0.2] * 5))
    assert summary["reward_change"] == pytest.approx(2.25 - 0.5)  # two steps a fifth
    assert summary["reward_change_se"] == pytest.approx(math.sqrt(0.5 / 2 + 0.125 / 2))
    assert summary["late_reward_std"] == pytest.approx(math.sqrt(0.125))
    assert (summary["kl_peak"], summary["kl_final"]) == (0.5, 0.25)
    assert summary["clip_fraction"] == pytest.approx(0.2)
    assert summary["zero_variance"] == pytest.approx(0.3)


def test_steps_to_90_by_hand():
    # E above the floor of 0: 1, 1, 1.9, 2.71, 3.439; 90 % of 3.439 is 3.0951, reached at the fifth step
    rows = [{"step": t + 1, "reward/mean": r} for t, r in enumerate([1.0, 1.0, 10.0, 10.0, 10.0])]
    rows[0]["reward/min"] = 0.0
    assert stability(rows)["steps_to_90"] == 5
    for row in rows:
        row["reward/mean"] = 1.0
    assert stability(rows)["steps_to_90"] == 1


def test_a_run_of_one_step():
    summary = stability(run(1))
    assert (summary["reward_change"], summary["late_reward_std"], summary["collapsed"]) == (None, None, False)


def test_a_run_that_ends_below_its_beginning_is_harmed_whatever_its_reward_did():
    rising = [step / 40 for step in range(40)]
    accuracy = [0.6, 0.62] * 4 + [0.5] * 24 + [0.55, 0.57] * 4
    rows = [row | {"reward/accuracy": value} for row, value in zip(run(40, reward=rising), accuracy, strict=True)]
    summary = stability(rows)
    assert not summary["collapsed"] and summary["reward_change"] > 0.5
    assert summary["harmed"] and summary["reasons"] == ["training accuracy ended 5 points below its beginning"]
    assert stability(run(40, strict=[0.99, 1.0] * 4 + [0.5] * 24 + [0.9, 0.91] * 4))["harmed"]


@pytest.mark.parametrize(
    "strict",
    [
        [0.92, 0.94] * 16 + [0.90, 0.91] * 4,  # 2.5 points, inside the margin
        [0.6, 1.0] * 16 + [0.5, 1.0] * 4,  # 5 points, less than two errors
    ],
)
def test_a_small_or_unclear_fall_is_no_harm(strict):
    summary = stability(run(40, strict=strict))
    assert summary["strict_change"] < 0 and not summary["harmed"]


def test_one_step_a_window_says_nothing_of_harm():
    assert stability(run(5, strict=[1.0, 1.0, 1.0, 1.0, 0.6]))["harmed"] is False


def test_a_row_is_harmed_by_training_or_by_a_verdict():
    assert is_harmed({"harmed": True}) and is_harmed({"verdicts": {"greedy": "learned", "sampled": "harmed"}})
    assert not is_harmed({"harmed": False, "verdicts": {"greedy": "learned"}}) and not is_harmed({})
