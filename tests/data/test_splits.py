from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.data.splits import drop_questions, questions, shares, split_by_question
from alignment.errors import UserError
from alignment.record import Record

OPTIONS = {"A": "x", "B": "y"}


def make(count, copies=1):
    return [
        Record(f"{index}.{copy}", "s", f"Question {index}?", OPTIONS, "A")
        for index in range(count)
        for copy in range(copies)
    ]


@pytest.mark.parametrize(
    "total, counts, wanted",
    [
        (10, [2, 3], [2, 8]),  # all fits; the last takes the rest
        (10, [4, 4, 2], [4, 4, 2]),
        (10, [4, 0, 0], [4, 3, 3]),  # named counts first, the others share the rest
        (10, [0, 4], [6, 4]),
        (10, [0, 10], [5, 5]),  # does not fit: 0 asks for all 10
        (9, [0, 0, 0], [3, 3, 3]),
        (10, [20, 20], [5, 5]),
        (1272, [400, 1000, 2000], [149, 374, 749]),  # 1272 * 400 / 3400 = 149.6, 1272 * 1000 / 3400 = 374.1
        (3, [1000, 1, 1], [1, 1, 1]),
        (3, [1, 1, 1000], [1, 1, 1]),
        (7, [0], [7]),
    ],
)
def test_shares_by_hand(total, counts, wanted):
    assert shares(total, counts) == wanted


@given(st.integers(1, 200), st.lists(st.integers(0, 300), min_size=1, max_size=3))
def test_shares_add_up_and_none_is_empty(total, counts):
    if total < len(counts):
        with pytest.raises(UserError, match="cannot be split"):
            shares(total, counts)
        return
    sizes = shares(total, counts)
    assert sum(sizes) == total and min(sizes) >= 1
    assert all(size <= count for size, count in zip(sizes[:-1], counts, strict=False) if count)


@given(st.integers(3, 60), st.integers(1, 3), st.lists(st.integers(0, 40), min_size=3, max_size=3), st.integers(0, 9))
def test_parts_are_disjoint_by_question_complete_and_blind_to_the_order_of_the_file(count, copies, counts, seed):
    records = make(count, copies)
    requested = dict(zip("abc", counts, strict=True))
    parts = split_by_question(records, requested, seed)
    assert sorted(record.id for part in parts.values() for record in part) == sorted(record.id for record in records)
    held = [questions(part) for part in parts.values()]
    assert sum(map(len, held)) == len(set.union(*held)) == count
    again = split_by_question(records[::-1], requested, seed)
    assert {part: {r.id for r in rows} for part, rows in again.items()} == {
        p: {r.id for r in rows} for p, rows in parts.items()
    }


def test_the_first_part_stays_when_later_counts_change_and_moves_with_the_seed():
    def first(later, seed=0):
        return [record.id for record in split_by_question(make(100), {"eval": 20, "rl": later}, seed)["eval"]]

    assert first(10) == first(70) and len(first(10)) == 20
    assert first(10) != first(10, seed=1)
    assert first(10) != [record.id for record in make(20)]


def test_differently_typed_copies_of_a_question_stay_together():
    records = make(20) + [Record(f"c{index}", "s", f" question  {index} ", OPTIONS, "B") for index in range(20)]
    parts = split_by_question(records, {"a": 10, "b": 10}, 0)
    assert [len(part) for part in parts.values()] == [20, 20]


def test_drop_questions():
    assert [record.id for record in drop_questions(make(3), {"question 1"})] == ["0.0", "2.0"]
