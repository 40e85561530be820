"""Words, numbers and sentences."""

from __future__ import annotations

import pytest
from growth import grows_linearly

from alignment.text.words import STOP_WORDS, content_words, is_number, sentences, tokens


def test_tokens_are_lower_case_runs_of_letters_or_digits():
    assert tokens("A 45-year-old's BP: 142/88, 38.4°C; β-blocker_x") == [
        *("a", "45", "year", "old", "s", "bp", "142", "88", "38.4", "c", "β", "blocker", "x"),
    ]


def test_content_words_drop_short_words_and_stop_words_and_keep_numbers():
    assert content_words("The patient, 45, has had chest pain for 2.5 days; which option?") == [
        "45",
        "chest",
        "pain",
        "2.5",
        "days",
    ]


def test_stop_words_hold_the_words_of_the_templates():
    assert {"system", "intuitive", "analytical", "conclusion", "boxed", "answer", "option"} <= STOP_WORDS


def test_numbers_are_told_from_words():
    assert [word for word in tokens("38.4 or b12") if is_number(word)] == ["38.4", "12"]


def test_an_option_letter_at_the_head_of_a_line_ends_no_sentence():
    text = "Read on.\nA. gout\nB. sepsis. Vitamin C. Then"
    assert sentences(text) == ["Read on.", "A. gout", "B. sepsis.", "Vitamin C.", "Then"]


def test_sentences_keep_decimals_and_split_lines():
    text = "Temperature is 38.4 today. Is it fever? Yes!\n- cough\n\n"
    assert sentences(text) == ["Temperature is 38.4 today.", "Is it fever?", "Yes!", "- cough"]


@pytest.mark.parametrize("unit", ["1.", "a", " ", ".", ". ", "\n", "1", "é_"])
@pytest.mark.parametrize("read", [content_words, sentences])
def test_reading_is_linear_in_the_text(read, unit):
    assert grows_linearly(lambda size: read(unit * (size // len(unit))))
