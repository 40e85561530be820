from __future__ import annotations

import pytest

from alignment.data.refusals import check_share, make_all, refusal_note
from alignment.errors import UserError


def positive(number):
    if number < 0:
        raise UserError(f"{number} is below 0")
    return number * 2


def test_what_raises_is_left_out_with_its_index_and_reason():
    assert make_all([1, -2, 3, -4], positive) == ([2, 6], {1: "-2 is below 0", 3: "-4 is below 0"})
    with pytest.raises(ZeroDivisionError):  # a defect is no bad record
        make_all([0], lambda number: 1 // number)


@pytest.mark.parametrize(
    ("bad", "total", "share", "passes"),
    [
        (0, 10, 0.0, True),
        (1, 10, 0.0, False),
        (1, 10, 0.02, True),  # one always may
        (2, 10, 0.02, False),
        (2, 100, 0.02, True),
        (3, 100, 0.02, False),
        (1, 1, 1.0, False),  # nothing would be left
        (9, 10, 1.0, True),
    ],
)
def test_a_share_may_be_left_out(bad, total, share, passes):
    reasons = [f"reason {index}" for index in range(bad)]
    if passes:
        check_share(reasons, total, share, "remedy")
        return
    with pytest.raises(UserError, match=rf"reason 0 \({bad} of {total} cannot be used, \d+ are let pass; remedy\)"):
        check_share(reasons, total, share, "remedy")


def test_a_note_counts_all_and_spells_out_three():
    assert refusal_note(["a", "b"], 9, "rows") == "2 of 9 rows left out, as they cannot be used: a; b"
    assert refusal_note(list("abcde"), 9, "rows").endswith(": a; b; c; and 2 more")
