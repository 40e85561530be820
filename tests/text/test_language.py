from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.text.language import CLINICAL, PLAIN, drifts, effective_share, other_script_share, speaks_foreign

QUESTION = "A man has fever and a stiff neck. Which test is next?"


def test_share_of_other_scripts_by_hand():
    assert other_script_share("ab患者") == 0.5
    assert other_script_share("µg, α-blocker, Sjögren, 37 °C, Đặng") == 0.0
    assert other_script_share("12 : ") == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "El paciente tiene fiebre y por eso la punción es para descartar una infección como las otras del grupo.",
        "Der Patient hat Fieber und das ist nicht mit einer Migräne zu erklären.",
        "Les signes sont ceux des infections, qui est une urgence dans ce cas.",
        "La febbre e il dolore sono segni della meningite, che non è questo caso.",
        "Os sinais são uma urgência, não com outra causa.",
    ],
)
def test_other_european_languages_are_heard(text):
    assert speaks_foreign(text) and drifts(text, QUESTION, 0.05)


@pytest.mark.parametrize(
    "text",
    [
        "The patient may die: per os intake is poor, IL-6 is high, SLE and LE cells were seen, EM is next.",
        "Fever, stiff neck, photophobia. Lumbar puncture.",
        "",
    ],
)
def test_clinical_english_is_no_drift(text):
    assert not drifts(text, QUESTION, 0.05)


def test_what_the_question_does_itself_is_no_drift():
    assert drifts("患者发热", QUESTION, 0.05) and not drifts("患者发热", "患者有什么病?", 0.05)
    spanish = "¿Cuál es la causa más probable para una mujer que no come pero bebe?"
    assert not drifts("Es una úlcera que no sangra pero duele para una mujer.", spanish, 0.05)


@given(st.text())
def test_any_text_has_a_share(text):
    assert 0.0 <= other_script_share(text) <= 1.0
    assert not drifts(text, text, 0.05)


def test_the_share_of_effective_characters_by_hand():
    assert effective_share("") == 0 and effective_share("abc患") == 0.75
    assert effective_share("µ°–α", PLAIN) == 0 and effective_share("µ°–α", CLINICAL) == 1
