from __future__ import annotations

import pytest

from alignment.data.locations import Location, keep_equal_options, parse_location
from alignment.errors import UserError


def test_a_plain_path_has_no_choices():
    assert parse_location("a/b.jsonl") == Location("a/b.jsonl") and not parse_location("a/b.jsonl").on_hub


def test_choices_follow_a_question_mark():
    location = parse_location("hf://cais/mmlu?name=anatomy&split=test&revision=abc&keep=dev&cop=1&refuse=0.2")
    assert location == Location("hf://cais/mmlu", "anatomy", "test", "abc", "dev", "1", 0.2) and location.on_hub


@pytest.mark.parametrize(
    "path, split",
    [
        ("hf://a/b", "train"),
        ("hf://a/b?split=test", "test"),
        ("runs/train/dev.jsonl", "dev"),
        ("medqa_us_dev_5opt.jsonl", "dev"),
        ("phrases_no_exclude_test.jsonl", "test"),
        ("pqal_nontest_500.json", ""),  # "test" is no word of its own
        ("train_test.jsonl", ""),  # two say nothing
        ("a.jsonl?split=test", "test"),
    ],
)
def test_the_split_is_chosen_or_in_the_name(path, split):
    assert parse_location(path).stated_split == split


@pytest.mark.parametrize(
    "query",
    [
        "spilt=test",
        "split=",
        "split",
        "split=a&split=b",
        "path=x",
        "refuse=2",
        "refuse=x",
        "refuse=nan",
        "equal_options=drop",
    ],
)
def test_an_unknown_choice_is_refused(query):
    with pytest.raises(UserError, match=r"^a\.jsonl\?"):
        parse_location(f"a.jsonl?{query}")


def test_keeping_equal_options_is_a_choice_beside_others():
    for text in ("a.jsonl", "a.jsonl?split=test", "a.jsonl?equal_options=keep"):
        location = parse_location(keep_equal_options(text))
        assert location.equal_options == "keep" and location.split == ("test" if "split" in text else "")
