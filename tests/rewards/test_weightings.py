"""Weightings on golden numbers, and the properties the weights must have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.errors import UserError
from alignment.rewards.weightings import WEIGHTINGS, get_weighting, rvpo, saw, static, tri_factor
from alignment.rewards.weightings.schema import ChannelRewards
from alignment.rewards.weightings.tri_factor import TriFactorState

ON = {"weakness": 1.0, "risk": 1.0, "redundancy": 1.0, "rvpo": 1.0, "saw": 3.0}

# The golden case of methods, section 3.4.
START = np.array([0.40, 0.30, 0.90, 0.60])
MEAN = np.array([0.46, 0.34, 0.93, 0.95])
TARGET = np.array([0.70, 0.60, 1.0, 0.98])
SEVERITY = np.array([1, 1, 3, 0.5])
VIOLATION = np.array([0.54, 0.30, 0.07, 0.05])
CORRELATION = np.full((4, 4), 0.05)
CORRELATION[0, 1] = CORRELATION[1, 0] = 0.55
CORRELATION[1, 2] = CORRELATION[2, 1] = 0.20
np.fill_diagonal(CORRELATION, 1.0)


def rewards(raw, step=1, base=None, target=None, constants=None, start_mean=np.nan, **columns) -> ChannelRewards:
    raw = np.asarray(raw, np.float64)
    channels = len(raw)
    columns = {"severities": np.ones(channels), "floors": np.full(channels, 0.5), "normalised": raw} | columns
    return ChannelRewards(
        names=tuple("abcdefgh"[:channels]),
        raw=raw,
        base_weights=np.ones(channels) if base is None else np.asarray(base, np.float64),
        targets=np.ones(channels) if target is None else target,
        start_means=np.full(channels, start_mean),
        step=step,
        constants=ON if constants is None else ON | constants,
        **columns,
    )


def golden_state() -> TriFactorState:
    return TriFactorState(np.ones(4, np.float32), MEAN, VIOLATION, CORRELATION, START, np.int32(20))


def golden_factors(**constants):
    channels = rewards(np.zeros((4, 1, 2)), target=TARGET, severities=SEVERITY, constants=constants)
    return tri_factor.compute_factors(channels, golden_state())


def test_golden_factors():
    """Computed in float64, so the tolerances are half a unit of the last digit written."""
    factors = golden_factors()
    np.testing.assert_allclose(factors.gap, [0.8, 0.8667, 0.7, 0.0789], atol=5e-5)
    np.testing.assert_allclose(factors.redundancy, [0.21667, 0.26667, 0.10, 0.05], atol=5e-6)
    np.testing.assert_allclose(factors.weakness_factor, [2.2255, 2.3790, 2.0138, 1.0821], atol=5e-5)
    np.testing.assert_allclose(factors.risk_factor, [1.54, 1.30, 1.21, 1.025], atol=5e-5)
    np.testing.assert_allclose(factors.redundancy_factor, [0.8219, 0.7895, 0.9091, 0.9524], atol=5e-5)
    np.testing.assert_allclose(factors.target_weights, [1.3210, 1.1449, 1.0387, 0.4954], atol=5e-5)


def test_golden_moves():
    np.testing.assert_allclose(
        tri_factor.step_towards(np.ones(4), golden_factors().target_weights),
        [1.0321, 1.0145, 1.0039, 0.9495],
        atol=5e-5,
    )
    np.testing.assert_allclose(
        tri_factor.step_towards(np.ones(4), np.array([3.8, 0.08, 0.06, 0.06])),
        [1.2214, 0.9262, 0.9262, 0.9262],
        atol=5e-5,
    )


@pytest.mark.parametrize(
    ("constant", "factor"),
    [("weakness", "weakness_factor"), ("risk", "risk_factor"), ("redundancy", "redundancy_factor")],
)
def test_each_factor_can_be_switched_off(constant, factor):
    factors = golden_factors(**{constant: 0.0})
    np.testing.assert_array_equal(getattr(factors, factor), np.ones(4))
    assert np.abs(factors.target_weights - golden_factors().target_weights).max() > 0.01


def test_correlation_of_a_constant_channel_is_0_and_of_one_channel_nothing():
    covariance = np.array([[4.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(tri_factor.correlation(covariance), [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 0]])
    alone = tri_factor.compute_factors(rewards(np.zeros((1, 1, 2))), tri_factor.init(np.ones(1)))
    assert alone.redundancy[0] == 0.0 and alone.target_weights[0] == 1.0


# --- over steps -------------------------------------------------------------------------------------------------------


def run(raw, steps: int, **columns) -> tuple[TriFactorState, list[np.ndarray], dict[str, float]]:
    """Feed the same rollout for some steps; return the last state, the weights after each step and the last metrics."""
    state = tri_factor.init(np.asarray(columns.get("base", np.ones(len(raw))), np.float64))
    history, metrics = [], {}
    for step in range(1, steps + 1):
        _, state, metrics = tri_factor.combine(rewards(raw, step, **columns), state)
        history.append(state.weights)
    return state, history, metrics


NOISE = np.random.default_rng(0).random((3, 8, 4))


def test_weights_move_first_at_step_30_and_then_every_10():
    _, history, _ = run(NOISE, 45)
    moves = [step for step in range(2, 46) if (history[step - 1] != history[step - 2]).any()]
    assert moves == [30, 40]


def test_the_total_of_a_step_uses_the_weights_before_it():
    state = tri_factor.init(np.array([1.0, 3.0]))
    np.testing.assert_allclose(state.weights, [0.5, 1.5])  # K w0 / sum w0
    total, after, _ = tri_factor.combine(rewards(NOISE[:2], step=30, base=[1.0, 3.0]), state)
    np.testing.assert_allclose(total, 0.5 * NOISE[0] + 1.5 * NOISE[1])
    assert (after.weights != state.weights).any()


def test_averages_by_hand():
    """m starts at mu: .95 * .4 + .05 * .75; v at the first rollout's share below the floor, 1 of 4."""
    raw = np.array([[[1.0, 1.0], [1.0, 0.0]]])
    state = tri_factor.update_averages(rewards(raw, start_mean=0.4), tri_factor.init(np.ones(1)))
    assert float(state.mean[0]) == pytest.approx(0.4175) and float(state.start_mean[0]) == pytest.approx(0.4)
    assert float(state.violation[0]) == pytest.approx(0.25)
    state = tri_factor.update_averages(rewards(np.zeros((1, 2, 2))), state)
    assert float(state.violation[0]) == pytest.approx(0.95 * 0.25 + 0.05) and int(state.steps) == 2
    assert (
        float(tri_factor.update_averages(rewards(raw), tri_factor.init(np.ones(1))).start_mean[0]) == 0.75
    )  # not measured


def test_a_reward_at_its_floor_is_no_violation():
    state = tri_factor.update_averages(rewards(np.full((1, 1, 2), 0.5)), tri_factor.init(np.ones(1)))
    assert float(state.violation[0]) == 0.0


def test_a_channel_that_does_not_apply_keeps_its_averages():
    raw = np.array([[[1.0, 0.0]], [[np.nan, np.nan]]])
    before = tri_factor.update_averages(rewards(np.array([[[1.0, 0.0]], [[1.0, 0.0]]])), tri_factor.init(np.ones(2)))
    after = tri_factor.update_averages(rewards(raw), before)
    assert after.mean[1] == before.mean[1] and after.violation[1] == before.violation[1]
    assert all(np.isfinite(leaf).all() for leaf in after)


def test_a_solved_channel_loses_weight():
    raw = np.stack([np.ones((8, 4)), NOISE[0] * 0.4, NOISE[1] * 0.4])
    _, history, metrics = run(raw, 200, start_mean=0.2)
    assert history[-1][0] < 0.7 < 1.0 < min(history[-1][1:])
    assert metrics["gap/a"] < 0.01 < metrics["gap/b"] and metrics["weight/a"] == pytest.approx(history[-1][0], rel=0.1)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_a_duplicated_uncorrelated_channel_pulls_less_than_twice(channels):
    """Its two copies together pull 2 / (1 + gam / K) times as hard, against another channel, as it alone did."""
    alone = np.eye(channels)
    doubled = np.eye(channels + 1)
    doubled[0, -1] = doubled[-1, 0] = 1.0

    def pull(covariance):
        count = len(covariance)
        flat = tri_factor.init(np.ones(count))._replace(covariance=covariance, violation=np.zeros(count))
        target_weights = tri_factor.compute_factors(rewards(np.zeros((count, 1, 2))), flat).target_weights
        copies = target_weights[0] + (target_weights[-1] if count > channels else 0)
        return copies / target_weights[1]

    assert pull(doubled) / pull(alone) == pytest.approx(2 / (1 + 1 / channels))


@given(st.integers(3, 8), st.integers(0, 10_000))
def test_weights_sum_to_k_and_stay_within_the_bounds(channels, seed):
    rng = np.random.default_rng(seed)
    weights = np.ones(channels, np.float32)
    for _ in range(60):
        target_weights = rng.dirichlet(np.full(channels, 0.05)) * channels
        weights = tri_factor.step_towards(weights, target_weights)
        assert weights.sum() == pytest.approx(channels, rel=1e-5)
        assert weights.min() >= 0.09375 - 1e-6
        assert weights.max() <= 3 * channels / (3 + 0.1 * (channels - 1)) + 1e-5


def test_metrics_name_every_channel():
    _, _, metrics = run(NOISE, 1)
    assert set(metrics) == {f"{label}/{name}" for label in ("weight", "gap", "risk", "redundancy") for name in "abc"}


@pytest.mark.parametrize("base", [[1.0, -0.5], [0.0, 0.0]])
def test_weights_it_cannot_start_from(base):
    with pytest.raises(UserError, match="tri_factor needs weights"):
        tri_factor.init(np.array(base))


# --- the others -------------------------------------------------------------------------------------------------------


def test_static_is_the_weighted_sum_of_what_applies():
    total, state, metrics = static.combine(rewards([[[1.0, 2.0]], [[np.nan, 4.0]]], base=[2.0, 0.5]), ())
    np.testing.assert_allclose(total, [[2.0, 6.0]])
    assert state == () and metrics == {}


@pytest.mark.parametrize(("k", "expected"), [(0.1, 0.13005), (1, -0.20774), (2, -0.48364), (10, -0.89014)])
def test_rvpo_golden(k, expected):
    channels = rewards(np.array([1.0, -1.0, 0.5]).reshape(3, 1, 1), constants={"rvpo": k})
    assert float(rvpo.combine(channels, ()).total[0, 0]) == pytest.approx(expected, abs=5e-6)


def test_rvpo_lies_between_mean_and_minimum_and_leaves_out_what_does_not_apply():
    values = np.array([[1.0, np.nan], [-2.0, 3.0], [4.0, 3.0]])
    weights = np.array([1.0, 1.0, 2.0])
    assert rvpo.soft_minimum(values, weights, 1e-6)[0] == pytest.approx((1 - 2 + 8) / 4, abs=1e-4)
    assert rvpo.soft_minimum(values, weights, 200.0)[0] == pytest.approx(-2.0, abs=0.01)
    assert rvpo.soft_minimum(values, weights, 1.0)[1] == pytest.approx(3.0)
    assert rvpo.soft_minimum(np.full((2, 1), np.nan), np.ones(2), 1.0)[0] == 0.0


# [P, G] = [2, 2]. a: mean .5, std .57735, CV 1.1547. b: mean .75, std .5, CV .66667. signed + 3: mean 3, std 1.1547,
# CV .3849.
SAW = np.array([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, 0.0]], [[-1.0, 1.0], [-1.0, 1.0]]])


def test_saw_by_hand():
    np.testing.assert_allclose(saw.variation_weights(SAW[:2], 3.0), [1.26795, 0.73205], atol=5e-6)
    np.testing.assert_allclose(saw.variation_weights(SAW, 3.0), [1.57012, 0.90651, 0.52337], atol=5e-6)
    weighted = saw.combine(rewards(SAW[:2], base=[2.0, 0.5]), ())
    np.testing.assert_allclose(weighted.total, [[2 * 1.26795 + 0.36603, 0.36603], [0.36603, 2 * 1.26795]], atol=2e-5)
    assert weighted.state == () and weighted.metrics["weight/a"] == pytest.approx(1.26795, abs=5e-6)


def test_saw_reads_the_shift_from_the_config():
    before, after = (saw.combine(rewards(SAW, constants={"saw": shift}), ()).metrics for shift in (3.0, 30.0))
    assert after["weight/c"] < 0.2 < before["weight/c"]


def test_saw_of_what_does_not_vary_or_apply():
    np.testing.assert_array_equal(saw.variation_weights(np.ones((2, 1, 2)), 3.0), [1.0, 1.0])
    np.testing.assert_array_equal(saw.variation_weights(np.full((2, 1, 3), 0.1), 3.0), [1.0, 1.0])  # rounding
    partly = np.array([[[1.0, 0.0, np.nan, np.nan]], [[np.nan] * 4], [[1.0] * 4]])
    np.testing.assert_allclose(saw.variation_weights(partly, 3.0), [3.0, 0.0, 0.0])


@given(st.integers(1, 6), st.integers(0, 10_000))
def test_saw_weights_sum_to_k_whatever_the_scale(channels, seed):
    values = np.random.default_rng(seed).random((channels, 3, 4))
    weights = saw.variation_weights(values, 3.0)
    assert weights.sum() == pytest.approx(channels) and weights.min() >= 0
    np.testing.assert_allclose(saw.variation_weights(7.0 * values, 3.0), weights)


def test_an_unknown_weighting_names_the_nearest():
    assert get_weighting("rvpo") is WEIGHTINGS["rvpo"]
    with pytest.raises(UserError, match="'trifactor'; did you mean 'tri_factor'"):
        get_weighting("trifactor")
