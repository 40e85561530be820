"""Chats of Llama 3: its headers, its end of a turn, content that is stripped, and a date that does not change."""

from __future__ import annotations

from pathlib import Path

import made_gguf
import numpy as np
import pytest

from alignment.common.gguf_file import Gguf
from alignment.errors import UserError
from alignment.record import Record
from alignment.text.gguf_tokenizer import build_tokenizer
from alignment.text.templates import TEMPLATES
from alignment.text.tokenizer import check_tokenizer, encode_chat, encode_prompt, pad_id, stop_ids, turn_end

SPECIAL = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|end_of_text|>")
TOKENS = (*SPECIAL, *made_gguf.TOKENS[len(made_gguf.SPECIAL) : -len(made_gguf.UNUSED)])
# The template of Llama-3.2-Instruct without its branches for tools.
TEMPLATE = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""
RECORD = Record("1", "made", "Which pain?", {"A": "a", "B": "b"}, "A")


@pytest.fixture(scope="module")
def tokenizer():
    entries = made_gguf.metadata(
        "llama",
        tokenizer__ggml__pre="llama-bpe",
        tokenizer__ggml__tokens=list(TOKENS),
        tokenizer__ggml__token_type=np.asarray([3] * len(SPECIAL) + [1] * (len(TOKENS) - len(SPECIAL))),
        tokenizer__ggml__eos_token_id=3,
        tokenizer__ggml__padding_token_id=None,
        tokenizer__chat_template=TEMPLATE,
    )
    built = build_tokenizer(Gguf(Path("llama.gguf"), (Path("llama.gguf"),), entries, {}))
    check_tokenizer(built, "llama.gguf")
    return built


def test_a_prompt_has_one_beginning_and_one_date(tokenizer):
    ids = encode_prompt(tokenizer, RECORD, TEMPLATES["think_answer"])
    assert ids.count(0) == 1 == ids[0] + 1 and ids.count(1) == 3
    text = tokenizer.decode(ids)
    assert "Today Date: 26 Jul 2024\n\n" in text
    assert text.endswith("<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n")


@pytest.mark.parametrize("answer", ["the pain", " the pain\n"])
def test_what_is_trained_on_is_the_stripped_answer_and_the_end_of_its_turn(tokenizer, answer):
    chat = [{"role": "user", "content": "12"}, {"role": "assistant", "content": answer}]
    ids, mask = encode_chat(tokenizer, chat)
    trained = [index for index, is_trained in zip(ids, mask, strict=True) if is_trained]
    assert tokenizer.decode(trained) == "the pain<|eot_id|>"
    assert ids[: mask.index(1)] == tokenizer.apply_chat_template(chat[:1], tokenize=True, add_generation_prompt=True)


def test_a_turn_ends_with_its_own_token(tokenizer):
    assert turn_end(tokenizer) == "<|eot_id|>"
    assert stop_ids(tokenizer, "no folder") == (3,) and pad_id(tokenizer) == 3


def test_a_vocabulary_without_an_end_of_a_turn_is_refused():
    tokens = ["<|endoftext|>", *TOKENS[len(SPECIAL) :]]
    entries = made_gguf.metadata(
        "llama",
        tokenizer__ggml__tokens=tokens,
        tokenizer__ggml__token_type=np.asarray([3] + [1] * (len(tokens) - 1)),
        tokenizer__ggml__eos_token_id=0,
    )
    built = build_tokenizer(Gguf(Path("a.gguf"), (Path("a.gguf"),), entries, {}))
    with pytest.raises(UserError, match=r"a.gguf: the vocabulary has no <\|im_end\|> and no <\|eot_id\|>; use a"):
        check_tokenizer(built, "a.gguf")
