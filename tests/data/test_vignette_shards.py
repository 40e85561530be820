from __future__ import annotations

import itertools

import pytest

from alignment.data import vignette_shards
from alignment.data.ids import fingerprint, normalised_question
from alignment.data.vignette_shards import distinct_vignettes, in_order
from alignment.data.vignettes import FAMILIES, generate, right_letters
from alignment.errors import UserError


def make(count, seed=0, split="train", families=FAMILIES, workers=1):
    return list(distinct_vignettes(count, seed, split, families, workers))


def test_no_two_questions_are_equal_once_normalised_and_all_are_right():
    records = make(2500)
    assert len({normalised_question(record) for record in records}) == len(records) == 2500
    assert {record.split for record in records} == {"train"}
    assert all(right_letters(record) == [record.gold] and record.cot for record in records[::50])


@pytest.mark.ci
def test_rows_depend_on_the_seed_and_not_on_the_number_of_processes():
    alone, together = make(2100), make(2100, workers=2)
    assert fingerprint(alone) == fingerprint(together) != fingerprint(make(2100, seed=1))
    assert make(500) == alone[:500]


def test_train_and_eval_share_no_case():
    cases = [
        {(r.meta["condition"], *sorted(r.meta["findings"])) for r in make(1500, split=s)} for s in ("train", "eval")
    ]
    assert not cases[0] & cases[1]


def test_equal_questions_of_later_shards_are_left_out(monkeypatch):
    monkeypatch.setattr(vignette_shards, "SHARD", 10)
    shard = generate(10, 0, "train")
    monkeypatch.setattr(vignette_shards.vignettes, "generate", lambda *args: shard)
    with pytest.raises(UserError, match="hardly more than 10 different train questions"):
        make(11)
    assert [record.id for record in make(10)] == [record.id for record in shard]


def test_an_unknown_family_is_refused():
    with pytest.raises(UserError, match="unknown families"):
        make(10, families=("surgery",))


def test_shards_come_in_order_whoever_is_first():
    assert list(itertools.islice(in_order(str, 3), 9)) == [str(number) for number in range(9)]
