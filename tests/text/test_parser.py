r"""The response parser: definitions by example, properties, and time."""

from __future__ import annotations

import pytest
from growth import grows_linearly
from hypothesis import example, given
from hypothesis import strategies as st

from alignment.errors import UserError
from alignment.record import Record
from alignment.text.parser import Response, parse
from alignment.text.templates import END_TOKENS, TEMPLATES, cot_response

LETTERS = ("A", "B", "C", "D")
THINK = TEMPLATES["think_answer"]
GOOD = "<think>\nwhy\n</think>\n<answer>\nB. text \\boxed{B}\n</answer>"


def read(text: str, letters=LETTERS, **options) -> Response:
    return parse(text, letters, THINK, **options)


def block(answer: str) -> str:
    return f"<think>why</think><answer>{answer}</answer>"


# --- the strict format --------------------------------------------------------------------------------------------


def test_a_good_completion_field_by_field():
    assert read(GOOD) == Response(
        text=GOOD,
        reasoning="why",
        answer="B. text \\boxed{B}",
        letter="B",
        letter_source="boxed",
        boxes=("B",),
        tag_counts={"<think>": 1, "</think>": 1, "<answer>": 1, "</answer>": 1},
        strict=True,
        violations=(),
        truncated=False,
        all_boxes=("B",),
        spans={"reasoning": (7, 12), "answer": (29, 48)},
    )


@pytest.mark.parametrize(
    "text",
    [
        "<think>x</think><answer>y</answer>",  # no white space, and no box is required
        "\n <think>x</think> \n\t<answer>y</answer>\n\n",
        "<think>x</think><answer>y</answer><|im_end|>",
        "<think>x</think><answer>y</answer> <|endoftext|><think>",
        "<think>x</Think></think><answer>y<THINK></answer>",  # other spellings are ordinary text
    ],
)
def test_strict(text):
    assert read(text).strict


@pytest.mark.parametrize(
    ("text", "violations"),
    [
        ("", ("missing <think>", "missing </think>", "missing <answer>", "missing </answer>")),
        ("<think>x</think><answer>y", ("missing </answer>",)),
        ("<think>x<think></think><answer>y</answer>", ("repeated <think>",)),
        ("<think>x</think><answer>y</answer></answer>", ("repeated </answer>",)),
        ("<Think>x</think><answer>y</answer>", ("missing <think>",)),
        ("<answer>y</answer><think>x</think>", ("order",)),
        ("<think>x<answer>y</answer></think>", ("order",)),
        ("</think>x<think><answer>y</answer>", ("order",)),
        ("So: <think>x</think><answer>y</answer>", ("outside",)),
        ("<think>x</think>so<answer>y</answer>", ("outside",)),
        ("<think>x</think><answer>y</answer>.", ("outside",)),
        ("<think> \n</think><answer>y</answer>", ("empty <think>",)),
        ("<think>x</think><answer></answer>", ("empty <answer>",)),
        ("a<think></think><answer> </answer>", ("outside", "empty <think>", "empty <answer>")),
        # The end token comes first: what follows was never part of the completion.
        ("<think>x</think><answer>y<|im_end|></answer>", ("missing </answer>",)),
    ],
)
def test_not_strict_and_why(text, violations):
    response = read(text)
    assert not response.strict
    assert response.violations == violations


def test_truncated_is_never_strict():
    response = read(GOOD, truncated=True)
    assert response.violations == ("truncated",)
    assert not response.strict
    assert response.letter == "B"  # the answer block is complete all the same


def test_sections_need_one_pair_in_order():
    assert read("<think>a</think>").reasoning == "a"
    assert read("<think>a</think>").answer is None
    assert read("</think>a<think>").reasoning is None
    assert read("<think>a</think><think>b</think>").reasoning is None
    assert read("<think></think>").reasoning == ""


def test_cut_at_the_first_of_the_given_end_tokens():
    assert read(" a <|endoftext|> b <|im_end|> c").text == "a"
    assert read("a STOP b", end_tokens=("STOP",)).text == "a"
    assert read("a <|im_end|>", end_tokens=()).text == "a <|im_end|>"


def test_tags_come_from_the_template():
    dx = TEMPLATES["dx_conclusion"]
    text = "<dx>x</dx><conclusion>\\boxed{C}</conclusion>"
    response = parse(text, LETTERS, dx)
    assert response.strict
    assert (response.reasoning, response.letter) == ("x", "C")
    assert list(response.tag_counts) == ["<dx>", "</dx>", "<conclusion>", "</conclusion>"]
    assert not parse(text, LETTERS, THINK).strict


def test_what_the_chat_template_wrote_is_judged_with_the_completion():
    rest = GOOD.removeprefix("<think>\n")
    assert read(rest).violations == ("missing <think>",)
    for opening in ("<think>\n", "<think>"):
        response = read(rest, opening=opening)
        assert response.strict and (response.reasoning, response.letter) == ("why", "B")
    assert read(GOOD, opening="<think>\n").violations == ("repeated <think>",)
    assert read("why", opening="<think>", truncated=True).text == "<think>why"


# --- the answer ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "letter", "source"),
    [
        ("\\boxed{B}", "B", "boxed"),
        ("because \\boxed{ B } of it.", "B", "boxed"),
        ("\\boxed {B}", "B", "boxed"),
        ("the answer is A \\boxed{B} or C", None, "none"),  # two choices
        ("\\boxed{\\text{B}}", "B", "boxed"),
        ("\\boxed{b}", None, "none"),
        ("\\boxed{E}", None, "none"),  # not an option of this question
        ("\\boxed{}", None, "none"),
        ("\\boxed{B. text}", "B", "boxed"),
        ("\\boxed{B", None, "none"),
        ("\\boxed B", None, "none"),
        ("\\boxed{A} \\boxed{A}", "A", "boxed"),
        ("\\boxed{A} \\boxed{B}", None, "none"),
        ("\\boxed{x} The answer is C", None, "none"),  # a box is there, however wrong: no fallback
        ("C", "C", "fallback"),
        ("C.", "C", "fallback"),
        ("(C)", "C", "fallback"),
        ("(C).", "C", "fallback"),
        ("The answer is C", "C", "fallback"),
        ("Answer: C.", "C", "fallback"),
        ("Therefore, option C)", "C", "fallback"),
        ("it fits best\nC", "C", "fallback"),
        ("A 45-year-old", None, "none"),
        ("A 45-year-old needs vitamin C", None, "none"),
        ("He lacks vitamin C.", None, "none"),
        ("It is hepatitis B", None, "none"),
        ("group A", None, "none"),
        ("IgA", None, "none"),
        ("The answer is E", None, "none"),
        ("The answer is c", None, "none"),
        ("C is the answer", "C", "fallback"),
        ("C. Ceftriaxone", "C", "fallback"),
        ("It is B, not option A", "B", "fallback"),
        ("Conclusion: (B). Eliminated: (A), (C), (D).", "B", "fallback"),
        ("His blood group is B.", None, "none"),
        (",, A", None, "none"),
        ("", None, "none"),
    ],
)
def test_answer_extraction(answer, letter, source):
    response = read(block(answer))
    assert (response.letter, response.letter_source) == (letter, source)


def test_letters_are_those_of_the_question():
    assert read(block("\\boxed{J}"), letters=("I", "J")).letter == "J"
    assert read(block("The answer is A"), letters=("I", "J")).letter is None
    assert read(block("\\boxed{}"), letters="AB").letter is None  # "" is a substring, not a letter


def test_boxes_in_the_reasoning_do_not_count_beside_an_answer_block():
    response = read("<think>\\boxed{A} or \\boxed{C}</think><answer>\\boxed{B}</answer>")
    assert (response.letter, response.boxes) == ("B", ("B",))
    assert read("<think>\\boxed{A}</think><answer>none</answer>").letter is None


def test_without_an_answer_block_the_whole_text_is_read_leniently():
    for text, lenient in (
        ("I would say \\boxed{D} here", "D"),
        ("The answer is D.", "D"),
        ("<answer>\\boxed{A}</answer><answer>\\boxed{B}</answer>", None),
    ):
        assert (read(text).letter, read(text).lenient) == (None, lenient)


def test_the_end_of_a_truncated_text_is_no_answer():
    assert read("so the answer is A", truncated=True).lenient is None
    assert read("\\boxed{A} and then", truncated=True).lenient == "A"


# --- properties ---------------------------------------------------------------------------------------------------

fragments = st.sampled_from(
    [
        *THINK.literals,
        *END_TOKENS,
        "\\boxed{",
        "\\boxed{A}",
        "}",
        "{",
        "B",
        "answer is ",
        "vitamin C",
        " ",
        "\n",
        ".",
        ")",
    ]
)
pieces = st.lists(st.one_of(fragments, st.text(max_size=5)), max_size=20).map("".join)
blocks = st.tuples(st.text(), st.sampled_from(["", "\n", " x "]), st.text()).map(
    lambda parts: "<think>{}</think>{}<answer>{}</answer>".format(*parts)
)
completions = st.one_of(st.text(), pieces, blocks)


@given(completions, st.booleans())
@example(", A", False)
def test_any_text_gives_a_consistent_response(text, truncated):
    response = read(text, truncated=truncated)
    assert response.strict == (not response.violations)
    assert (response.letter is None) == (response.letter_source == "none")
    assert response.letter is None or response.letter in LETTERS
    assert not any(token in response.text for token in END_TOKENS)
    assert response.tag_counts == {literal: response.text.count(literal) for literal in THINK.literals}
    if response.letter_source == "boxed":
        assert response.answer is not None and response.boxes
    assert response.lenient == (response.letter or response.stated)
    assert response.letter is None or response.stated is None


@given(completions)
def test_strict_text_can_be_put_together_again(text):
    response = read(text)
    if response.strict:
        assert set(response.tag_counts.values()) == {1}
        assert response.reasoning and response.answer
        original = "".join(response.text.split())
        again = f"<think>{response.reasoning}</think><answer>{response.answer}</answer>"
        assert "".join(again.split()) == original


plain = st.text(min_size=1, max_size=40).filter(str.strip)


@given(plain, st.lists(plain, min_size=2, max_size=5), st.data(), st.sampled_from(sorted(TEMPLATES)))
def test_gold_completion_parses_back(cot, texts, data, name):
    options = dict(zip("ABCDE", texts, strict=False))
    gold = data.draw(st.sampled_from(sorted(options)))
    record = Record("r", "test", "q", options, gold, cot=cot)
    try:
        text = cot_response(record, TEMPLATES[name])
    except UserError:  # the record's own text holds markup
        return
    response = parse(text + "<|im_end|>", record.options, TEMPLATES[name])
    assert response.strict
    assert (response.letter, response.letter_source) == (gold, "boxed")
    reasoning = response.reasoning
    for label in TEMPLATES[name].systems:  # put in where the chain of thought has parts to label
        reasoning = reasoning.replace(label, "", 1)
    assert "".join(reasoning.split()) == "".join(cot.split())


# --- the two systems ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "first", "second"),
    [
        ("(System 1: Intuitive) a b (System 2: Analytical) c", ": Intuitive) a b (", ": Analytical) c"),
        ("SYSTEM\n1 x System2 y system 1", "x", "y system 1"),
        ("System 2 x System 1 y", None, None),
        ("System 1 x", None, None),
        ("Ecosystem 1 x System 2 y", None, None),  # at word boundaries
        ("System 10 x System 2 y", None, None),
        ("System 1 System 2", "", ""),
    ],
)
def test_systems(body, first, second):
    response = read(f"<think>{body}</think><answer>A</answer>")
    assert (response.system_1, response.system_2) == (first, second)


def test_systems_outside_the_reasoning_are_none():
    response = read("System 1 a System 2 b<think>x</think><answer>System 1 a System 2 b</answer>")
    assert response.system_1 is None and response.system_2 is None


# --- spans, boxes and repairs -------------------------------------------------------------------------------------


@given(completions)
@example("<think>System 1 a System 2 b</think><answer>The answer is B.</answer>")
def test_spans_cut_out_what_the_fields_hold(text):
    response = read(text)
    for name in ("reasoning", "answer", "system_1", "system_2", "stated"):
        part = getattr(response, name)
        assert (part is None) == (name not in response.spans)
        if part is not None:
            start, end = response.spans[name]
            assert response.text[start:end].strip() == part


def test_all_boxes_tell_empty_from_malformed():
    assert read("\\boxed{A} <answer>\\boxed{}</answer> \\boxed A \\boxed{B").all_boxes == ("A", "", None, None)


def test_backslash_closed_tags_are_mended_in_a_second_reading():
    response = read("<think>x<\\think><answer>\\boxed{A}<\\answer>")
    assert not response.strict and response.repaired.strict
    assert response.best_repaired is response.repaired
    assert response.repaired.repaired is None
    assert read(GOOD).repaired is None and read(GOOD).best_repaired.strict


# --- time ---------------------------------------------------------------------------------------------------------

UNITS = [
    "<think>",
    "</answer><answer>",
    "<think></think>",
    "\\boxed{",
    "\\boxed{}",
    "\\boxed",
    "}",
    "<",
    " ",
    "\n",
    " B",
    "answer is ",
    "answer ",
    "B is the best ",
    "System 1 System 2 ",
    "system",
    "<\\think>",
]


@pytest.mark.parametrize("unit", [*UNITS, "<|im_end|", "B.", ",", "a,b "])
def test_adversarial_completions_take_time_linear_in_their_length(unit):
    def read_all(size):
        long = unit * (size // len(unit))
        for text in (long, block(long), long + "}", f"<think>{long}</think>", long + "\\boxed{A}"):
            read(text)

    assert grows_linearly(read_all, size=3000)
