"""Tokenizers rebuilt from the metadata of GGUF files: the real Qwen2.5's ids, and how each known name splits text."""

from __future__ import annotations

import json
from pathlib import Path

import made_gguf
import numpy as np
import pytest
from tiny import CHAT_TEMPLATE
from tokenizers import Tokenizer

from alignment.common.gguf_file import Gguf
from alignment.errors import UserError
from alignment.text.gguf_tokenizer import PRE_TOKENIZERS, build_tokenizer, end_ids, tokenizer_files
from alignment.text.tokenizer import check_tokenizer, load_tokenizer, pad_id, stop_ids


def source(architecture: str = "llama", **changes) -> Gguf:
    """A file of metadata alone."""
    entries = made_gguf.metadata(architecture, **changes)
    path, lists = Path("model.gguf"), ("tokenizer.ggml.token_type",)
    entries |= {name: np.asarray(entries[name]) for name in lists if isinstance(entries.get(name), list)}
    return Gguf(path, (path,), entries, {})


def test_ids_by_hand():
    """Merges join in their order; a special token is one id wherever it stands; unused ids have no token."""
    tokenizer = build_tokenizer(source(tokenizer__ggml__pre="qwen2"))
    ids = tokenizer("<|im_start|>the pain<|im_end|>", add_special_tokens=False)["input_ids"]
    texts = ["<|im_start|>", "t", "he", "Ġpain", "<|im_end|>"]
    assert ids == [made_gguf.TOKENS.index(text) for text in texts]
    assert tokenizer.decode(ids) == "<|im_start|>the pain<|im_end|>"
    assert len(tokenizer) == len(made_gguf.TOKENS) - len(made_gguf.UNUSED)
    assert not tokenizer.get_vocab().keys() & set(made_gguf.UNUSED)
    assert tokenizer.roles == {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    check_tokenizer(tokenizer, "model.gguf")


@pytest.mark.parametrize(
    ("name", "text", "pieces"),
    [
        ("qwen2", "We'LL see 123  now\n\n", "We 'LL Ġsee Ġ 1 2 3 Ġ Ġnow ĊĊ"),
        ("llama-bpe", "We'LL see 12345!\n", "We 'LL Ġsee Ġ 123 45 !Ċ"),
        ("smollm", "We'll see 123!!\n", "We 'll Ġsee Ġ 1 2 3 !! Ċ"),
        ("gpt-2", "We'll see 123!!\n", "We 'll Ġsee Ġ123 !! Ċ"),
        ("default", "We'll see 12345!", "We ' ll Ġsee Ġ 123 45 !"),
    ],
)
def test_text_is_split_as_the_name_says(name, text, pieces):
    assert [piece for piece, _ in PRE_TOKENIZERS[name]().pre_tokenize_str(text)] == pieces.split(" ")


def test_a_word_that_is_a_token_is_taken_whole_by_llama3_alone():
    """Here " pain" has a token that its merges do not lead to."""
    merges = [merge for merge in made_gguf.MERGES if merge != "Ġp ain"]
    for name, count in (("llama-bpe", 1), ("qwen2", 2)):
        tokenizer = build_tokenizer(source(tokenizer__ggml__pre=name, tokenizer__ggml__merges=merges))
        assert len(tokenizer(" pain", add_special_tokens=False)["input_ids"]) == count


def test_the_ends_of_a_completion(tmp_path):
    tokens = [*made_gguf.TOKENS, "<|eot|>"]
    changes = {"tokenizer__ggml__tokens": tokens, "tokenizer__ggml__token_type": [*made_gguf.KINDS, 4]}
    named = source(tokenizer__ggml__eot_token_id=len(tokens) - 1, **changes)
    assert end_ids(named) == [2, len(tokens) - 1]
    path = made_gguf.write_model(tmp_path / "a.gguf")
    tokenizer = load_tokenizer(path)
    assert stop_ids(tokenizer, path) == (2,) and pad_id(tokenizer) == 0


def test_the_files_of_a_folder_are_the_same_tokenizer(tmp_path):
    for name, content in tokenizer_files(source()).items():
        (tmp_path / name).write_text(content)
    ours, theirs = build_tokenizer(source()), load_tokenizer(tmp_path)
    text = "<|im_start|>user\nthe pain is  12 <|im_end|>"
    assert theirs(text) == ours(text) and theirs.roles == ours.roles
    assert stop_ids(theirs, tmp_path) == (2,)
    assert theirs.chat_template == ours.chat_template == CHAT_TEMPLATE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokenizer__ggml__model": "llama"}, "tokenizer.ggml.model is 'llama'; only gpt2"),
        ({"tokenizer__ggml__pre": "tekken"}, "tokenizer.ggml.pre is 'tekken'; only qwen2, smollm"),
        ({"tokenizer__ggml__pre": None}, "tokenizer.ggml.pre is missing"),
        ({"tokenizer__ggml__pre": 3}, "tokenizer.ggml.pre is 3; it must be text"),
        ({"tokenizer__ggml__add_space_prefix": True}, "add_space_prefix is true"),
        ({"tokenizer__chat_template": None}, r"no chat template \(tokenizer.chat_template\)"),
        ({"tokenizer__ggml__tokens": None}, "tokenizer.ggml.tokens is missing"),
        ({"tokenizer__ggml__tokens": "abc"}, "tokenizer.ggml.tokens is 'abc'; it must be a list of texts"),
        ({"tokenizer__ggml__token_type": [1, 1]}, "token_type does not fit the"),
        ({"tokenizer__ggml__token_type": [6] * len(made_gguf.TOKENS)}, "a token of kind 6, which"),
        ({"tokenizer__ggml__tokens": ["a"] * len(made_gguf.TOKENS)}, "token 'a' is empty or stands there twice"),
        ({"tokenizer__ggml__merges": ["a b"]}, "merge 'a b' is not of two tokens to one"),
        ({"tokenizer__ggml__merges": ["i"]}, "merge 'i' is not of two tokens to one"),
        ({"tokenizer__ggml__eos_token_id": 2**31}, "eos_token_id is 2147483648, which is no special token"),
        ({"tokenizer__ggml__eos_token_id": 70}, "eos_token_id is 70, which is no special token"),
    ],
)
def test_what_cannot_be_rebuilt_is_refused_by_name(changes, message):
    with pytest.raises(UserError, match=message) as error:
        build_tokenizer(source(**changes))
    assert str(error.value).startswith("model.gguf: ") and "\n" not in str(error.value)


def test_a_template_that_does_not_render_is_refused(tmp_path):
    entries = made_gguf.metadata("llama", tokenizer__chat_template="{{ messages[7]['role'] }}{% bad")
    path = made_gguf.write(tmp_path / "a.gguf", "llama", made_gguf.stored_tensors("llama", "F32"), entries)
    with pytest.raises(UserError, match=r"a.gguf: the chat template fails"):
        load_tokenizer(path)


@pytest.mark.ci  # the whole vocabulary is built three times
def test_the_real_tokenizer_of_qwen(clinical_data):
    """Its tokenizer.json as a converter stores it gives the ids of llama.cpp and of transformers."""
    folder = clinical_data / "qwen25_tokenizer"
    real = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    tokens = [real.id_to_token(index) or f"[PAD{index}]" for index in range(151_936)]
    added = real.get_added_tokens_decoder()
    kinds = [3 if index in added else 5 if text.startswith("[PAD") else 1 for index, text in enumerate(tokens)]
    changes = {"tokenizer__ggml__tokens": tokens, "tokenizer__ggml__token_type": kinds}
    changes |= {"tokenizer__ggml__merges": model["merges"], "tokenizer__ggml__bos_token_id": None}
    changes |= {"tokenizer__ggml__eos_token_id": 151_645, "tokenizer__ggml__padding_token_id": 151_643}
    tokenizer = build_tokenizer(source("qwen2", **changes))
    assert tokenizer.get_vocab() == real.get_vocab()
    texts = (folder / "llamacpp-qwen2.inp").read_bytes().decode().split("\n__ggml_vocab_test__\n")
    lines = (folder / "llamacpp-qwen2.out").read_text().splitlines()
    for text, line in zip(texts, lines, strict=False):
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == [int(word) for word in line.split()]
    for line in (folder / "golden_encode.jsonl").read_text().splitlines():
        case = json.loads(line)
        assert tokenizer(case["text"], add_special_tokens=False)["input_ids"] == case["ids"]
