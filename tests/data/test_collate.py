from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_data import examples_of

from alignment.data.batches import batch_indices
from alignment.data.collate import BATCHINGS, Host, check_batching, collate, fill_rows
from alignment.errors import UserError

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(3, 60, 40)
# Tokens say whose they are and where they stand: 1000 * example + place, so nothing can be moved unseen.
EXAMPLES = examples_of(
    [
        ([1000 * (n + 1) + p for p in range(size)], [int(p >= size // 2) for p in range(size)])
        for n, size in enumerate(LENGTHS)
    ]
)


def sequences(arrays):
    """{example: (tokens, trained)} of a batch, whatever its layout."""
    rows = {}
    segments = arrays.get("segments", (arrays["tokens"] != 0).astype(int))
    for row, marks in enumerate(segments):
        for segment in range(1, marks.max() + 1):
            at = marks == segment
            tokens = arrays["tokens"][row][at]
            assert np.array_equal(np.flatnonzero(at), np.arange(at.argmax(), at.argmax() + len(tokens)))
            rows.setdefault(int(tokens[0]) // 1000 - 1, []).append(
                (tokens.tolist(), arrays["loss_mask"][row][at].tolist())
            )
    assert not arrays["loss_mask"][segments == 0].any() and not arrays["tokens"][segments == 0].any()
    return rows


def whole(index):
    ids, masks = EXAMPLES.take([index])
    return ids[0], [bool(value) for value in masks[0]]


@pytest.mark.parametrize("batching", BATCHINGS)
@settings(max_examples=20)
@given(size=st.integers(1, 12), step=st.integers(0, 30), seed=st.integers(0, 99), parts=st.integers(1, 3))
def test_every_layout_holds_the_chosen_examples_whole_and_nothing_else(batching, size, step, seed, parts):
    arrays = collate(EXAMPLES, size, step, seed, batching=batching, parts=parts)
    lengths = EXAMPLES.lengths if batching == "bucketed" else None
    chosen = batch_indices(len(EXAMPLES), size, step, seed, lengths).tolist()
    rows = sequences(arrays)
    assert sorted(index for index, copies in rows.items() for _ in copies) == sorted(chosen)
    assert all(copy == whole(index) for index, copies in rows.items() for copy in copies)
    if batching == "packed":
        assert len(arrays["tokens"]) % parts == 0 and len(arrays["tokens"]) <= max(size * 1.5, parts) + parts


@pytest.mark.parametrize("batching", BATCHINGS)
def test_hosts_together_make_the_batch_of_one(batching):
    for step in range(4):
        alone = sequences(collate(EXAMPLES, 8, step, 1, batching=batching))
        shares = [collate(EXAMPLES, 8, step, 1, batching=batching, host=Host(host, 4)) for host in range(4)]
        assert len({share["tokens"].shape for share in shares}) == 1
        together = {}
        for share in shares:
            for index, copies in sequences(share).items():
                together.setdefault(index, []).extend(copies)
        assert together == alone


@pytest.mark.parametrize("batching", BATCHINGS)
def test_a_run_that_begins_anywhere_takes_the_same_records(batching):
    straight = [collate(EXAMPLES, 6, step, 3, batching=batching) for step in range(12)]
    for start in (1, 5, 11):
        again = collate(EXAMPLES, 6, start, 3, batching=batching)
        assert all(np.array_equal(straight[start][name], array) for name, array in again.items())


def test_buckets_and_packs_pad_less():
    def filled(batching):
        arrays = [collate(EXAMPLES, 4, step, 0, batching=batching) for step in range(10)]
        return sum(int((array["tokens"] != 0).sum()) for array in arrays) / sum(
            array["tokens"].size for array in arrays
        )

    shares = {name: filled(name) for name in BATCHINGS}
    assert shares["shuffled"] < shares["bucketed"] and shares["shuffled"] < shares["packed"]


def test_a_batch_that_hosts_cannot_share_equally_is_refused():
    with pytest.raises(UserError, match="batch of 6 cannot be shared by 4 hosts"):
        collate(EXAMPLES, 6, 0, 0, host=Host(0, 4))


def test_an_unknown_layout_is_refused():
    with pytest.raises(UserError, match="--config.sft.batching=sorted is unknown; use one of shuffled"):
        check_batching("sorted")


@given(st.lists(st.integers(1, 10), max_size=40))
def test_rows_hold_every_example_once_and_never_too_much(lengths):
    rows = fill_rows(lengths, 10)
    assert sorted(number for row in rows for number in row) == list(range(len(lengths)))
    totals = [sum(lengths[number] for number in row) for row in rows]
    assert all(total <= 10 for total in totals)
    assert sum(total * 2 <= 10 for total in totals) <= 1  # two half-empty rows would have been one


def test_rows_by_hand():
    assert fill_rows([4, 8, 1, 4, 2, 1], 10) == [[1, 4], [0, 3, 2, 5]]
    with pytest.raises(ValueError, match="11 tokens does not fit into a row of 10"):
        fill_rows([11], 10)
