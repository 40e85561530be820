"""The tokenizer of a GGUF file, built anew from its metadata: byte-level BPE with the model's way of splitting text.

A GGUF file names how text is split before merging (`tokenizer.ggml.pre`); the patterns are those of llama.cpp's
src/llama-vocab.cpp for these names, and of the tokenizer.json of the models they stand for. A name that is not in
`PRE_TOKENIZERS` is refused, since text split in another way gets other ids than the model was trained on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from alignment.common.fields import shorten
from alignment.common.gguf_file import Gguf, field
from alignment.errors import UserError
from alignment.text.chat_tokenizer import ChatTokenizer

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED = 1, 2, 3, 4, 5  # kinds of tokens
_ROLES = {"bos_token": "bos", "eos_token": "eos", "pad_token": "padding", "unk_token": "unknown"}
_ENDS = ("eos", "eot", "eom")  # of a text, of a turn, of a message
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + _REST
_LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + _REST
_DEFAULT = (r"[\p{P}\$\+<=>\^~\|]+", _WORDS, r"\p{N}+", "[0-9][0-9][0-9]")  # one within the pieces of another


def _splits(*patterns: str) -> pre_tokenizers.PreTokenizer:
    splits = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]
    return pre_tokenizers.Sequence([*splits, _byte_level(split=False)])


def _byte_level(split: bool = True) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split)


PRE_TOKENIZERS: dict[str, Callable[[], Any]] = {
    "qwen2": lambda: _splits(_QWEN2),
    "smollm": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), _byte_level()]),
    "llama-bpe": lambda: _splits(_LLAMA3),
    "gpt-2": _byte_level,
    "default": lambda: _splits(*_DEFAULT),
}


def build_tokenizer(source: Gguf) -> ChatTokenizer:
    """Return the tokenizer and the chat template that the metadata of a GGUF file describe.

    Raises:
      UserError: another kind of tokenizer, a way of splitting that is not known, a vocabulary or merges that contradict
        themselves, a token with a role that is none, or no chat template.
    """
    tokens, kinds = _vocabulary(source)
    pre = field(source, "tokenizer.ggml.pre", str)
    if pre not in PRE_TOKENIZERS:
        known = ", ".join(PRE_TOKENIZERS)
        raise UserError(f"{source.path}: tokenizer.ggml.pre is {shorten(pre)}; only {known} can be rebuilt exactly")
    if field(source, "tokenizer.ggml.add_space_prefix", bool, False):
        raise UserError(f"{source.path}: tokenizer.ggml.add_space_prefix is true, which is not supported")
    vocabulary = {token: index for index, token in enumerate(tokens) if kinds[index] != _UNUSED}
    merges = _merges(source, vocabulary)
    # Llama 3 takes a word that is a token as it is, though merges might not lead to it.
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=pre == "llama-bpe"))
    if pre == "qwen2":
        backend.normalizer = normalizers.NFC()  # which the tokenizer.json of these models has
    backend.pre_tokenizer, backend.decoder = PRE_TOKENIZERS[pre](), decoders.ByteLevel()
    added = [index for index, kind in enumerate(kinds) if kind in (_UNKNOWN, _CONTROL, _USER_DEFINED)]
    backend.add_tokens(
        [AddedToken(tokens[index], normalized=False, special=bool(kinds[index] != _USER_DEFINED)) for index in added]
    )
    roles = {
        role: tokens[index] for role, name in _ROLES.items() if (index := _token_id(source, name, added)) is not None
    }
    return ChatTokenizer(backend, _template(source), roles)


def _vocabulary(source: Gguf) -> tuple[list[str], list[int]]:
    """Return the text and the kind of every token."""
    model = field(source, "tokenizer.ggml.model", str)
    if model != "gpt2":
        raise UserError(
            f"{source.path}: tokenizer.ggml.model is {shorten(model)}; only gpt2 (byte-level BPE) is supported"
        )
    tokens = field(source, "tokenizer.ggml.tokens", list)
    kinds = field(source, "tokenizer.ggml.token_type", np.ndarray)
    if len(kinds) != len(tokens) or kinds.dtype.kind not in "iu":
        raise UserError(
            f"{source.path}: tokenizer.ggml.token_type does not fit the {len(tokens)} tokens; fetch it again"
        )
    strange = sorted(set(kinds.tolist()) - {_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED})
    if strange:
        raise UserError(
            f"{source.path}: a token of kind {strange[0]}, which byte-level BPE does not have; fetch it again"
        )
    if len(set(tokens)) != len(tokens) or "" in tokens:
        twice = next(token for index, token in enumerate(tokens) if not token or token in set(tokens[:index]))
        raise UserError(f"{source.path}: token {shorten(twice)} is empty or stands there twice; fetch it again")
    return tokens, kinds.tolist()


def _merges(source: Gguf, vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    merges = [tuple(merge.split(" ")) for merge in field(source, "tokenizer.ggml.merges", list)]
    for merge in merges:
        if len(merge) != 2 or not {*merge, "".join(merge)} <= vocabulary.keys():
            raise UserError(
                f"{source.path}: merge {shorten(' '.join(merge))} is not of two tokens to one; fetch it again"
            )
    return merges


def _token_id(source: Gguf, name: str, added: list[int]) -> int | None:
    """Return the id of the token with a role, None where the file names none."""
    index = field(source, f"tokenizer.ggml.{name}_token_id", int, None)
    if index is not None and index not in added:
        raise UserError(
            f"{source.path}: tokenizer.ggml.{name}_token_id is {index}, which is no special token; fetch it again"
        )
    return index


def _template(source: Gguf) -> str:
    template = field(source, "tokenizer.chat_template", str, "")
    if not template:
        raise UserError(f"{source.path}: no chat template (tokenizer.chat_template); use the file of an instruct model")
    return template


def end_ids(source: Gguf) -> list[int]:
    """Return the ids that end a completion by the metadata: those of the ends of a text, a turn and a message."""
    kinds = field(source, "tokenizer.ggml.token_type", np.ndarray).tolist()
    added = [index for index, kind in enumerate(kinds) if kind in (_UNKNOWN, _CONTROL, _USER_DEFINED)]
    ids = (_token_id(source, name, added) for name in _ENDS)
    return [index for index in dict.fromkeys(ids) if index is not None]


def tokenizer_files(source: Gguf) -> dict[str, str]:
    """Return {name: content} of the tokenizer files that a checkpoint folder of the model would have."""
    tokenizer = build_tokenizer(source)
    settings = {
        "clean_up_tokenization_spaces": False,
        "tokenizer_class": "PreTrainedTokenizerFast",
        **tokenizer.roles,
    }
    return {
        "tokenizer.json": tokenizer.backend_tokenizer.to_str(pretty=True),
        "tokenizer_config.json": json.dumps(settings, indent=2),
        "chat_template.jinja": tokenizer.chat_template,
        "generation_config.json": json.dumps({"eos_token_id": end_ids(source)}),
    }
