from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.text.templates import get_template
from alignment.traces.reply import BadReply, Reply, error_code, error_words, read_reply, sound

TEMPLATE = get_template("think_answer")


def read(tree) -> Reply:
    body = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return read_reply(body, TEMPLATE, (100, 200))


def tree(message=None, **fields):
    choice = {
        "message": {"content": "hello"} if message is None else message,
        "finish_reason": fields.pop("finish", "stop"),
    }
    return {"model": "m", "choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 4}} | fields


def test_a_plain_reply():
    assert read(tree()) == Reply("hello", "stop", "m", (3, 4))
    assert read(b"\xef\xbb\xbf" + json.dumps(tree()).encode()).text == "hello"


@pytest.mark.parametrize(
    "message, text",
    [
        ({"content": None}, ""),
        ({}, ""),
        ({"content": 7}, ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "image"}, "x", {"text": 1}, {"text": "b"}]}, "ab"),
        ({"content": "<answer>A</answer>", "reasoning_content": " why "}, "<think>\nwhy\n</think>\n<answer>A</answer>"),
        ({"content": "<answer>A</answer>", "reasoning": "why"}, "<think>\nwhy\n</think>\n<answer>A</answer>"),
        ({"content": "<think>own</think>", "reasoning_content": "why"}, "<think>own</think>"),
        ({"content": "a \ud83d b"}, "a \N{REPLACEMENT CHARACTER} b"),
    ],
)
def test_where_the_text_stands(message, text):
    assert read(tree(message)).text == text


@pytest.mark.parametrize(
    "finish, refusal, expected",
    [
        ("stop", None, "stop"),
        ("length", None, "length"),
        ("max_tokens", None, "length"),
        ("content_filter", None, "refused"),
        ("stop", "I cannot", "refused"),
        (None, None, "stop"),
        ("tool_calls", None, "stop"),
    ],
)
def test_how_it_ended(finish, refusal, expected):
    assert read(tree({"content": "x", "refusal": refusal}, finish=finish)).finish == expected


@pytest.mark.parametrize(
    "usage",
    [
        None, [], {}, {"prompt_tokens": 3}, {"prompt_tokens": -1, "completion_tokens": 4},
        {"prompt_tokens": "3", "completion_tokens": 4}, {"prompt_tokens": True, "completion_tokens": 4},
        {"prompt_tokens": 101, "completion_tokens": 4}, {"prompt_tokens": 3, "completion_tokens": 201},
        {"prompt_tokens": 3.5, "completion_tokens": 4},
    ],
)  # fmt: skip
def test_a_usage_that_cannot_be_is_not_believed(usage):
    assert read(tree(usage=usage)).usage is None


@pytest.mark.parametrize(
    "body, words",
    [
        (b"", "no JSON"),
        (b"<html><body>Sign in</body></html>", "no JSON"),
        (json.dumps(tree()).encode()[:40], "cut off"),
        (b"\xff\xfe{}", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "list"),
        (b"{}", "no choices"),
        (b'{"choices": []}', "no choices"),
        (b'{"choices": ["x"]}', "no choices"),
        (b'{"choices": [{"text": "x"}]}', "no message"),
        (b'{"error": {"message": "overloaded"}}', "overloaded"),
    ],
)
def test_a_body_that_is_no_completion(body, words):
    with pytest.raises(BadReply, match=words):
        read(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["choices", "message", "content", "usage", "model", "error"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_any_body_is_a_reply_or_a_bad_one(body):
    try:
        reply = read(body)
    except BadReply:
        return
    reply.text.encode()
    reply.model.encode()


@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_an_error_is_one_short_line_whatever_it_is(body):
    assert len(error_words(body)) <= 200 and "\n" not in error_words(body)
    error_code(body)


def test_what_an_error_says():
    assert error_words(b'{"error": {"message": "too\\nlong", "code": "x"}}') == "too long"
    assert error_words(b'{"error": "plain"}') == error_words(b'{"detail": "plain"}') == "plain"
    assert error_words(b"<h1>Bad gateway</h1>") == "<h1>Bad gateway</h1>"
    assert error_code(b'{"error": {"code": "insufficient_quota"}}') == "insufficient_quota"
    assert error_code(b"{}") == error_code(b"oops") == ""


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_sound_text_is_left_alone(text):
    assert sound(text) == text
