"""What learned guessers make of the vignettes: nothing of the options alone, little once the key facts are hidden."""

from __future__ import annotations

import pytest
from vignette_guesses import accuracy, options_only, with_stem

from alignment.data.vignettes import families_of, generate
from alignment.data.vignettes.full import pairs
from alignment.data.vignettes.item import to_record

CHANCE = 0.25
FAMILIES = families_of("full")


def records(count: int, split: str, families=FAMILIES):
    return generate(count, 0, split, families, scope="full")


@pytest.mark.long
def test_the_options_alone_tell_nothing():
    test = records(4000, "eval")
    overall, score = accuracy(options_only, records(8000, "train"), test)
    print(f"\noptions only: {overall:.3f} on {len(test)} held-out items")
    for family in FAMILIES:
        print(f"{family}: {score([record for record in test if record.meta['family'] == family]):.3f}")
    assert abs(overall - CHANCE) <= 0.03


@pytest.mark.long
@pytest.mark.parametrize("family", FAMILIES)
def test_without_the_key_facts_a_learned_guesser_loses_at_least_half_its_margin(family):
    train, test = list(pairs(6000, 0, "train", (family,))), list(pairs(800, 0, "eval", (family,)))
    shown, score = accuracy(with_stem, [r for _, r in train], [r for _, r in test], quick=True)
    unsaid = [to_record(item, hidden=True) for item, _ in test]
    blind, _ = accuracy(with_stem, [to_record(item, hidden=True) for item, _ in train], unsaid, quick=True)
    print(f"\n{family}: {shown:.3f} with the key facts, {score(unsaid):.3f} without, {blind:.3f} taught without")
    if family != "calculation":  # arithmetic is not learned from words
        assert shown > CHANCE + 0.3
    assert max(score(unsaid), blind) - CHANCE <= (shown - CHANCE) / 2


def test_a_guesser_of_options_sees_a_length_that_tells():
    """The guesser works: where the longest option is the gold one, it finds it."""
    told = [
        record
        for record in records(600, "train", ("mechanism",))
        if record.gold_text == max(record.options.values(), key=len)
    ]
    assert len(told) > 80
    share, _ = accuracy(options_only, told[:60], told[60:])
    assert share > 0.5
