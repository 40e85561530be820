"""The tokenizer of a checkpoint folder, its golden vectors, and the loss mask."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.errors import UserError
from alignment.record import Record
from alignment.text.parser import parse
from alignment.text.templates import TEMPLATES, cot_response, messages
from alignment.text.tokenizer import (
    encode_chat,
    encode_example,
    encode_prompt,
    load_tokenizer,
    opened_block,
    pad_id,
    stop_ids,
)

THINK = TEMPLATES["think_answer"]
RECORD = Record("case-1", "test", "Which?", {"A": "this", "B": "that"}, "B", cot="That fits better than this.")
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_tiny_tokenizer(folder: Path, eos: str = "<|im_end|>", chat_template: str = CHAT_TEMPLATE) -> Path:
    """Write a byte-level Qwen2 tokenizer with one token a byte, the merge of two newlines, and the chat tokens."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    newline = "\u010a"  # how the byte-level alphabet writes "\n"
    vocab = {piece: index for index, piece in enumerate([*sorted(ByteLevel.alphabet()), newline * 2])}
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=[(newline, newline)], eos_token=eos, pad_token="<|endoftext|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = chat_template
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    return write_tiny_tokenizer(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def tiny(tiny_folder):
    return load_tokenizer(tiny_folder)


def qwen_folder(source: Path, target: Path, config: str) -> Path:
    for name in ("vocab.json", "merges.txt", "tokenizer.json"):
        (target / name).symlink_to(source / name)
    shutil.copy(source / config, target / "tokenizer_config.json")
    return target


@pytest.fixture(scope="module")
def golden(clinical_data):
    return clinical_data / "qwen25_tokenizer"


@pytest.fixture(scope="module")
def instruct(golden, tmp_path_factory):
    folder = qwen_folder(golden, tmp_path_factory.mktemp("instruct"), "tokenizer_config.json")
    shutil.copy(golden / "generation_config.Qwen2.5-0.5B-Instruct.json", folder / "generation_config.json")
    return folder


@pytest.fixture(scope="module")
def base(golden, tmp_path_factory):
    return qwen_folder(golden, tmp_path_factory.mktemp("base"), "tokenizer_config.base.json")


def read_jsonl(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# --- the real tokenizer -------------------------------------------------------------------------------------------


def test_golden_texts(instruct, golden):
    tokenizer = load_tokenizer(instruct)
    cases = read_jsonl(golden / "golden_encode.jsonl")
    assert len(cases) == 55
    for case in cases:
        ids = tokenizer(case["text"], add_special_tokens=False)["input_ids"]
        assert ids == case["ids"]
        assert tokenizer.decode(ids) == case["decoded"]


def test_llama_cpp_texts(instruct, golden):
    tokenizer = load_tokenizer(instruct)
    texts = (golden / "llamacpp-qwen2.inp").read_bytes().decode().split("\n__ggml_vocab_test__\n")
    lines = (golden / "llamacpp-qwen2.out").read_text().splitlines()
    # The input ends with a separator, after which nothing is left to encode.
    assert len(lines) == 46
    for text, line in zip(texts, lines, strict=False):
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == [int(word) for word in line.split()]


def test_golden_chats(instruct, golden):
    tokenizer = load_tokenizer(instruct)
    cases = read_jsonl(golden / "golden_chat.jsonl")
    assert len(cases) == 6
    for case in cases:
        generate = case["add_generation_prompt"]
        text = tokenizer.apply_chat_template(case["messages"], tokenize=False, add_generation_prompt=generate)
        assert text == case["rendered"]
        if not generate:
            ids, mask = encode_chat(tokenizer, case["messages"])
            assert ids == case["ids"]
            trained = [
                message["content"] + "<|im_end|>" for message in case["messages"] if message["role"] == "assistant"
            ]
            assert trained_text(tokenizer, ids, mask) == "".join(trained)


def test_instruct_and_base_stop_and_pad(instruct, base):
    tokenizer = load_tokenizer(instruct)
    assert stop_ids(tokenizer, instruct) == (151645, 151643)
    assert pad_id(tokenizer) == 151643
    tokenizer = load_tokenizer(base)
    assert tokenizer.eos_token == "<|endoftext|>"
    assert stop_ids(tokenizer, base) == (151643, 151645)
    assert pad_id(tokenizer) == 151643


def test_base_template_renders_our_system_line(base):
    text = load_tokenizer(base).decode(encode_prompt(load_tokenizer(base), RECORD, THINK))
    assert text.startswith(f"<|im_start|>system\n{THINK.system}<|im_end|>\n<|im_start|>user\n")
    assert text.endswith("B. that<|im_end|>\n<|im_start|>assistant\n")


# --- the loss mask ------------------------------------------------------------------------------------------------


def trained_text(tokenizer, ids, mask) -> str:
    assert len(ids) == len(mask)
    assert set(mask) <= {0, 1}
    return tokenizer.decode([id_ for id_, trained in zip(ids, mask, strict=True) if trained])


def test_mask_covers_every_assistant_turn_and_its_end(tiny):
    chat = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "first"},
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": "second\n"},
    ]
    ids, mask = encode_chat(tiny, chat)
    assert trained_text(tiny, ids, mask) == "first<|im_end|>second\n<|im_end|>"
    assert tiny.decode(ids) == tiny.apply_chat_template(chat, tokenize=False)


def test_content_that_opens_with_a_newline_does_not_fuse_with_the_header(tiny):
    # This tokenizer has the merge "\n\n": encoding the chat in one go would swallow the header's newline.
    assert len(tiny("\n\n", add_special_tokens=False)["input_ids"]) == 1
    ids, mask = encode_chat(tiny, [*messages(RECORD, THINK), {"role": "assistant", "content": "\nB"}])
    assert trained_text(tiny, ids, mask) == "\nB<|im_end|>"


def test_example_continues_the_prompt(tiny):
    prompt = encode_prompt(tiny, RECORD, THINK)
    ids, mask = encode_example(tiny, RECORD, THINK, cot_response(RECORD, THINK))
    assert ids[: len(prompt)] == prompt
    assert not any(mask[: len(prompt)])
    assert trained_text(tiny, ids, mask) == cot_response(RECORD, THINK) + "<|im_end|>"


@settings(max_examples=50, deadline=None)
@given(response=st.text(max_size=60))
def test_any_response_is_trained_on_exactly(tiny, response):
    ids, mask = encode_example(tiny, RECORD, THINK, response)
    prompt = encode_prompt(tiny, RECORD, THINK)
    assert ids[: len(prompt)] == prompt
    content = tiny(response + "<|im_end|>", add_special_tokens=False)["input_ids"]
    assert [id_ for id_, trained in zip(ids, mask, strict=True) if trained] == content


def test_chat_without_an_answer_has_an_empty_mask(tiny):
    ids, mask = encode_chat(tiny, messages(RECORD, THINK))
    assert ids
    assert not any(mask)


def test_chat_that_opens_with_the_assistant_is_refused(tiny):
    with pytest.raises(UserError, match="cannot open with the assistant"):
        encode_chat(tiny, [{"role": "assistant", "content": "hello"}])


def test_template_that_is_not_chatml_is_refused(tmp_path):
    altered = CHAT_TEMPLATE.replace("m.content", "m.content | upper")
    tokenizer = load_tokenizer(write_tiny_tokenizer(tmp_path, chat_template=altered))
    with pytest.raises(UserError, match="not plain ChatML"):
        encode_chat(tokenizer, [*messages(RECORD, THINK), {"role": "assistant", "content": "b"}])


# --- chat templates that open the reasoning block ---------------------------------------------------------------------

HEADER = "<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("written", "opened"),
    [
        ("", ""),
        ("<think>\n", "<think>\n"),
        ("<think>", "<think>"),
        ("<think>\n\n</think>\n\n", "<think>\n\n</think>\n\n"),  # a block that is closed at once
        ("<dx>\n", ""),  # the tag of another of our templates
        ("{{ '<th' + 'ink>' }}", "<think>"),  # what is rendered counts, not what the template's source shows
    ],
)
def test_what_a_chat_template_writes_in_the_models_place_is_taken_from_what_it_renders(tmp_path, written, opened):
    prefilled = CHAT_TEMPLATE.replace(HEADER, HEADER + written)
    tokenizer = load_tokenizer(write_tiny_tokenizer(tmp_path, chat_template=prefilled))
    assert opened_block(tokenizer, THINK) == opened
    assert tokenizer.decode(encode_prompt(tokenizer, RECORD, THINK)).endswith(opened)
    assert opened_block(tokenizer, TEMPLATES["dx_conclusion"]) == ("<dx>\n" if "dx" in written else "")


def test_an_example_is_trained_from_inside_a_block_that_is_open(tmp_path):
    prefilled = CHAT_TEMPLATE.replace(HEADER, HEADER + "<think>\n")
    tokenizer = load_tokenizer(write_tiny_tokenizer(tmp_path, chat_template=prefilled))
    prompt = encode_prompt(tokenizer, RECORD, THINK)
    for response, whole in (
        (cot_response(RECORD, THINK), cot_response(RECORD, THINK)),
        ("<answer>\nB\n</answer>", "<think>\n</think>\n<answer>\nB\n</answer>"),
    ):
        ids, mask = encode_example(tokenizer, RECORD, THINK, response)
        assert ids[: len(prompt)] == prompt and not any(mask[: len(prompt)]) and all(mask[len(prompt) :])
        assert tokenizer.decode(ids).endswith(whole + "<|im_end|>")
        assert parse(trained_text(tokenizer, ids, mask), "AB", THINK, opening="<think>\n").text == whole


def test_a_block_that_the_chat_template_closes_itself_cannot_be_trained(tmp_path):
    prefilled = CHAT_TEMPLATE.replace(HEADER, HEADER + "<think>\n\n</think>\n")
    tokenizer = load_tokenizer(write_tiny_tokenizer(tmp_path, chat_template=prefilled))
    with pytest.raises(UserError, match="writes a whole <think> block"):
        encode_example(tokenizer, RECORD, THINK, cot_response(RECORD, THINK))


# --- stop, pad, limits and damaged folders ------------------------------------------------------------------------


@pytest.mark.parametrize("listed", [[1, 2], 1, None])
def test_stop_ids_join_config_and_tokenizer(tiny, tmp_path, listed):
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": listed}))
    turn_end = tiny.convert_tokens_to_ids("<|im_end|>")
    expected = {None: (turn_end,), 1: (1, turn_end)}.get(
        listed if not isinstance(listed, list) else 0, (1, 2, turn_end)
    )
    assert stop_ids(tiny, tmp_path) == expected


def test_base_checkpoint_also_stops_at_the_end_of_a_turn(tmp_path):
    tokenizer = load_tokenizer(write_tiny_tokenizer(tmp_path, eos="<|endoftext|>"))
    assert stop_ids(tokenizer, tmp_path) == tuple(tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_end|>"]))


def test_pad_falls_back_to_the_end_token(tiny_folder):
    tokenizer = load_tokenizer(tiny_folder)
    assert pad_id(tokenizer) == tokenizer.convert_tokens_to_ids("<|endoftext|>")
    unpadded = dataclasses.replace(tokenizer, roles={"eos_token": "<|im_end|>"})
    assert pad_id(unpadded) == tokenizer.convert_tokens_to_ids("<|im_end|>")


def test_long_prompt_names_record_length_limit_and_flag(tiny):
    length = len(encode_prompt(tiny, RECORD, THINK))
    assert encode_prompt(tiny, RECORD, THINK, max_tokens=length) == encode_prompt(tiny, RECORD, THINK)
    with pytest.raises(UserError) as raised:
        encode_prompt(tiny, RECORD, THINK, max_tokens=length - 1)
    for part in ("'case-1'", f"{length} tokens", f"limit of {length - 1}", "--config.prompt.max_tokens"):
        assert part in str(raised.value)


def test_missing_folder_and_files_are_named(tiny_folder, tmp_path):
    with pytest.raises(UserError, match="no such folder; --config.model.path"):
        load_tokenizer(tmp_path / "nowhere")
    with pytest.raises(UserError, match="tokenizer_config.json is missing"):
        load_tokenizer(tmp_path)
    shutil.copy(tiny_folder / "tokenizer_config.json", tmp_path)
    with pytest.raises(UserError, match=r"tokenizer.json \(or vocab.json and merges.txt\) is missing"):
        load_tokenizer(tmp_path)


def test_truncated_tokenizer_file_is_one_clear_line(tiny_folder, tmp_path):
    shutil.copytree(tiny_folder, tmp_path, dirs_exist_ok=True)
    whole = (tmp_path / "tokenizer.json").read_text()
    (tmp_path / "tokenizer.json").write_text(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="the tokenizer cannot be read") as raised:
        load_tokenizer(tmp_path)
    assert "\n" not in str(raised.value)


def test_damaged_generation_config_is_named(tiny, tmp_path):
    (tmp_path / "generation_config.json").write_text("{")
    with pytest.raises(UserError, match="generation_config.json: not valid JSON"):
        stop_ids(tiny, tmp_path)


def test_tokenizer_without_chat_template_is_refused(tmp_path):
    write_tiny_tokenizer(tmp_path, chat_template="")
    (tmp_path / "chat_template.jinja").unlink(missing_ok=True)
    with pytest.raises(UserError, match="no chat template"):
        load_tokenizer(tmp_path)


def test_vocabulary_without_the_end_of_a_turn_is_refused(tiny_folder, tmp_path):
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        text = (tiny_folder / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("<|im_end|>", "<|turn_end|>"), encoding="utf-8")
    with pytest.raises(UserError, match=r"the vocabulary has no <\|im_end\|>"):
        load_tokenizer(tmp_path)


def test_a_folder_never_runs_its_own_code(tiny_folder, tmp_path):
    shutil.copytree(tiny_folder, tmp_path, dirs_exist_ok=True)
    marker = tmp_path / "it_ran"
    (tmp_path / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Evil: ...\n")
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    config |= {"auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}, "tokenizer_class": "Evil"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="the tokenizer cannot be read"):
        load_tokenizer(tmp_path)
    assert not marker.exists()
