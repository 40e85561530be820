from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.data.batches import batch_indices, bucketed_order, epoch_order, host_part, position, steps_in

SIZES = st.integers(1, 40)


def test_worked_by_hand():
    assert (steps_in(10, 4, 1), steps_in(10, 5, 2), steps_in(3, 8, 1)) == (3, 4, 1)
    assert position(10, 4, 0) == (0, 0)
    assert position(10, 4, 2) == (0, 8)
    assert position(10, 4, 3) == (1, 2)


def test_a_batch_may_straddle_two_epochs():
    first, second = epoch_order(10, 7, 0), epoch_order(10, 7, 1)
    np.testing.assert_array_equal(batch_indices(10, 4, 2, 7), [*first[8:], *second[:2]])


@given(SIZES, SIZES, st.integers(1, 3), st.integers(0, 2**31))
def test_every_record_is_seen_exactly_once_an_epoch(size, batch_size, epochs, seed):
    steps = steps_in(size, batch_size, epochs)
    stream = np.concatenate([batch_indices(size, batch_size, step, seed) for step in range(steps)])
    assert stream.shape == (steps * batch_size,)
    for epoch in range(epochs):
        assert sorted(stream[epoch * size : (epoch + 1) * size]) == list(range(size))


@given(SIZES, SIZES, st.integers(0, 50), st.integers(0, 2**31))
def test_a_step_depends_on_its_number_and_the_seed_alone(size, batch_size, step, seed):
    np.testing.assert_array_equal(
        batch_indices(size, batch_size, step, seed), batch_indices(size, batch_size, step, seed)
    )
    assert 0 <= position(size, batch_size, step)[1] < size


def test_epochs_and_seeds_have_different_orders():
    orders = [tuple(epoch_order(100, seed, epoch)) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == 9


@pytest.mark.parametrize("size, batch_size", [(0, 4), (4, 0)])
def test_nothing_to_take(size, batch_size):
    with pytest.raises(ValueError, match="cannot take batches"):
        batch_indices(size, batch_size, 0, 0)


LENGTHS = st.lists(st.integers(1, 99), min_size=1, max_size=60).map(np.array)


@given(LENGTHS, st.integers(1, 9), st.integers(0, 5), st.integers(0, 2**31))
def test_a_bucketed_epoch_holds_every_record_once(lengths, batch_size, epoch, seed):
    assert sorted(bucketed_order(lengths, batch_size, seed, epoch)) == list(range(len(lengths)))


def test_bucketed_batches_are_alike_in_length_and_new_in_every_epoch():
    lengths = np.random.default_rng(0).integers(1, 1000, 203)  # no multiple of the batch
    steps = steps_in(203, 8, 3)
    batches = [batch_indices(203, 8, step, 5, lengths) for step in range(steps)]
    spreads = [int(np.ptp(lengths[batch])) for batch in batches]
    plain = [int(np.ptp(lengths[batch_indices(203, 8, step, 5)])) for step in range(steps)]
    assert np.median(spreads) < 100 < np.median(plain)
    stream = np.concatenate(batches)
    for epoch in range(3):
        assert sorted(stream[epoch * 203 : (epoch + 1) * 203]) == list(range(203))
    assert {tuple(sorted(batch)) for batch in batches[:25]} != {tuple(sorted(batch)) for batch in batches[26:51]}


@given(st.integers(1, 6), st.integers(1, 6))
def test_hosts_share_a_batch_without_rest(hosts, each):
    batch = np.arange(hosts * each) * 3
    parts = [host_part(batch, host, hosts) for host in range(hosts)]
    assert all(len(part) == each for part in parts)
    np.testing.assert_array_equal(np.concatenate(parts), batch)
