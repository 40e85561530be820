"""One question by hand."""

from __future__ import annotations

from evaluation.vignette import record, respond

from alignment.evaluation.ask import describe_response, question_of
from alignment.text.parser import parse
from alignment.text.templates import get_template


def test_lines_of_letters_at_the_end_are_options():
    question = question_of("A man coughs.\nWhat has he?\nA. asthma\nB) gout")
    assert question.question == "A man coughs.\nWhat has he?" and dict(question.options) == {"A": "asthma", "B": "gout"}
    assert not question_of("What does aspirin treat?").options
    assert not question_of("One option?\nA. aspirin").options


def test_sections_and_audit_marks_are_shown():
    text = describe_response(respond(), record())
    assert text.index("[reasoning]") < text.index("[answer]") < text.index("option: B") < text.index("audit:")
    assert "  yes  strict format" in text and "option coverage" in text
    free = describe_response(parse("Pain.", {}, get_template("think_answer")), question_of("What does it treat?"))
    assert "[text outside the two sections]\nPain." in free and "option" not in free
