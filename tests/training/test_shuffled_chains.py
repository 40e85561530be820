from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import records

from alignment.errors import UserError
from alignment.training.sft import shuffle_chains


@given(st.integers(2, 30), st.integers(0, 5))
def test_every_record_has_another_record_s_chain_and_its_own_answer(count, seed):
    plain = [replace(record, cot=f"chain {index}") for index, record in enumerate(records(count))]
    shuffled = shuffle_chains(plain, seed)
    assert all(before.cot != after.cot for before, after in zip(plain, shuffled, strict=True))
    assert sorted(record.cot for record in plain) == sorted(record.cot for record in shuffled)
    for before, after in zip(plain, shuffled, strict=True):
        assert (before.id, before.question, before.gold) == (after.id, after.question, after.gold)
    assert shuffle_chains(plain, seed) == shuffled


def test_one_record_cannot_be_shuffled():
    with pytest.raises(UserError, match="two records of SFT or more"):
        shuffle_chains(records(1), 0)
