"""The signal in a gradient and the completions that it takes, by hand and from gradients of known signal and noise."""

from __future__ import annotations

import numpy as np
import pytest

from alignment.evaluation.training_power import (
    KEYS,
    completions_needed,
    signal_interval,
    signal_share,
    training_power,
)


def row(dot, first, second, **more):
    halves = {"power/dot": dot, "power/first": first, "power/second": second, "power/completions": 32.0}
    return halves | {"rollout/completions": 64.0, "groups/zero_variance": 0.25} | more


def test_the_share_and_the_completions_needed_by_hand():
    """(1 + 3) / ((4 + 6) / 2 + (2 + 8) / 2) = 0.4, and 32 x 0.6 / 0.4 = 48."""
    rows = [row(1.0, 4.0, 6.0), {"rollout/completions": 64.0, "groups/zero_variance": 0.75}, row(3.0, 2.0, 8.0)]
    summary = training_power(rows)
    assert summary["signal_share"] == pytest.approx(0.4) and summary["completions_needed"] == pytest.approx(48.0)
    low, high = summary["signal_share_ci95"]
    assert (low, high) == pytest.approx((1 / 5, 3 / 5))  # a resample holds the first, the second or both
    assert not summary["completions_needed_is_bound"]
    assert (summary["measured_steps"], summary["completions"], summary["completions_per_half"]) == (2, 192, 32.0)
    assert summary["groups_with_signal"] == pytest.approx((0.75 + 0.25 + 0.75) / 3)


def test_an_interval_that_holds_zero_gives_a_lower_bound():
    summary = training_power([row(-1.0, 5.0, 5.0), row(3.0, 5.0, 5.0)])
    assert summary["signal_share"] == pytest.approx(0.2) and summary["signal_share_ci95"] == pytest.approx([-0.2, 0.6])
    assert summary["completions_needed_is_bound"]
    assert summary["completions_needed"] == pytest.approx(32 * 0.4 / 0.6)


def test_gradients_without_signal_need_more_than_can_be_said():
    summary = training_power([row(-1.0, 5.0, 5.0), row(-2.0, 5.0, 5.0)])
    assert summary["signal_share"] < 0 and summary["completions_needed"] is None
    assert completions_needed(32, 1.0) == 0.0 and completions_needed(None, 0.5) is None


def test_rows_without_measurements_have_no_power():
    assert training_power([]) == dict.fromkeys(KEYS)
    broken = training_power([row(None, 1.0, 1.0), row(float("nan"), 1.0, 1.0), row(0.0, 0.0, 0.0)])
    assert broken["measured_steps"] == 1 and broken["signal_share"] is None and broken["signal_share_ci95"] is None


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_known_signal_and_noise_give_the_expected_share(noise):
    """|mu|^2 = 1 and sigma^2 / n = noise: c = 1 / (1 + noise), within four standard errors over 400 steps."""
    rng, size, steps = np.random.default_rng(0), 50, 400
    mu = np.full(size, size**-0.5)
    first, second = mu + rng.normal(scale=(noise / size) ** 0.5, size=(2, steps, size))
    halves = np.stack([(first * second).sum(1), (first**2).sum(1), (second**2).sum(1)], axis=1)
    expected = 1 / (1 + noise)
    error = (2 * noise / size + noise**2 / size) ** 0.5 / (1 + noise) / steps**0.5  # of the mean dot product
    assert signal_share(halves) == pytest.approx(expected, abs=4 * error)
    low, high = signal_interval(halves)
    assert low < expected < high and high - low < 8 * error
    assert completions_needed(32, expected) == pytest.approx(32 * noise)
