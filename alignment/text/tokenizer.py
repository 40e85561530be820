"""The checkpoint's own tokenizer, ChatML through its own chat template, and our own loss mask.

Qwen2.5's chat template carries no marker for generated text, so which tokens are trained on is decided here: the
assistant's content and the `<|im_end|>` that closes it, nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alignment.errors import UserError
from alignment.record import Record
from alignment.text.templates import Template, messages

TURN_END = "<|im_end|>"
_VOCABULARIES = (("tokenizer.json",), ("vocab.json", "merges.txt"))


def load_tokenizer(folder: str | Path) -> Any:
    """Return the transformers tokenizer of a local checkpoint folder; nothing is downloaded and no remote code runs.

    Raises:
      UserError: the folder or its tokenizer files are missing or damaged, or there is no chat template.
    """
    folder = Path(folder)
    _require_files(folder)
    from transformers import AutoTokenizer  # Heavy: only who tokenises pays for it.

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # noqa: BLE001 - transformers and tokenizers raise many types for a damaged file
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{folder}: the tokenizer cannot be read ({reason}); copy the checkpoint's files again"
        ) from error
    if not tokenizer.chat_template:
        raise UserError(f"{folder}: no chat template; add chat_template.jinja or tokenizer_config.json's chat_template")
    if TURN_END not in tokenizer.get_vocab():
        raise UserError(f"{folder}: the vocabulary has no {TURN_END}; use a tokenizer of the Qwen2 family (ChatML)")
    return tokenizer


def _require_files(folder: Path) -> None:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; --config.model.path must name one with the tokenizer files")
    if not (folder / "tokenizer_config.json").is_file():
        raise UserError(f"{folder}: tokenizer_config.json is missing; copy the checkpoint's tokenizer files there")
    if not any(all((folder / name).is_file() for name in names) for names in _VOCABULARIES):
        raise UserError(
            f"{folder}: tokenizer.json (or vocab.json and merges.txt) is missing; copy the checkpoint's own"
        )


def stop_ids(tokenizer: Any, folder: str | Path) -> tuple[int, ...]:
    """Return the ids that end a completion: those of generation_config.json, the tokenizer's own, and `<|im_end|>`.

    The last is what the loss mask teaches a model to stop with, yet a base checkpoint names only `<|endoftext|>`.
    """
    path = Path(folder) / "generation_config.json"
    listed = _read_json(path).get("eos_token_id") if path.is_file() else None
    listed = [] if listed is None else [listed] if isinstance(listed, int) else list(listed)
    candidates = (*listed, tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(TURN_END))
    return tuple(dict.fromkeys(id_ for id_ in candidates if id_ is not None))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}); copy the file again from the checkpoint") from error


def pad_id(tokenizer: Any) -> int:
    """Return the id used as filler; masks say what is real, so it may equal an end-of-text id."""
    return tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id


def encode_prompt(tokenizer: Any, record: Record, template: Template, max_tokens: int | None = None) -> list[int]:
    """Return the prompt's ids, up to and including the header that opens the assistant's turn.

    Raises:
      UserError: the prompt is longer than `max_tokens` tokens (None: no limit).
    """
    ids = _encode(tokenizer, _render(tokenizer, messages(record, template), generate=True))
    if max_tokens is not None and len(ids) > max_tokens:
        raise UserError(
            f"record {record.id!r}: its prompt has {len(ids)} tokens, over the limit of {max_tokens}; "
            "raise --config.prompt.max_tokens or leave the record out"
        )
    return ids


def encode_chat(tokenizer: Any, chat: Sequence[dict[str, str]]) -> tuple[list[int], list[int]]:
    """Return (ids, loss mask) of a whole chat; the mask is 1 exactly on assistant content and its `<|im_end|>`.

    Each turn of the assistant is encoded apart from what precedes it, so that no token straddles the border: the ids
    before it are those a sampler would be given as prompt (a content that opens with a newline would otherwise fuse
    with the header's own).
    """
    text = _render(tokenizer, chat)
    ids: list[int] = []
    mask: list[int] = []
    cursor = 0
    for start, end in [*_assistant_spans(tokenizer, chat, text), (len(text), len(text))]:
        for piece, trained in ((text[cursor:start], 0), (text[start:end], 1)):
            encoded = _encode(tokenizer, piece)
            ids += encoded
            mask += [trained] * len(encoded)
        cursor = end
    return ids, mask


def encode_example(tokenizer: Any, record: Record, template: Template, response: str) -> tuple[list[int], list[int]]:
    """Return (ids, loss mask) of the record's prompt answered by `response`; the ids start with `encode_prompt`'s."""
    return encode_chat(tokenizer, [*messages(record, template), {"role": "assistant", "content": response}])


def _assistant_spans(tokenizer: Any, chat: Sequence[dict[str, str]], text: str) -> list[tuple[int, int]]:
    """Return the [start, end) character span of every assistant content with its closing token."""
    spans = []
    for index, message in enumerate(chat):
        if message["role"] != "assistant":
            continue
        if index == 0:
            raise UserError("a chat cannot open with the assistant; put a system or user message first")
        before = _render(tokenizer, chat[:index], generate=True)
        turn = before + message["content"] + TURN_END
        if not text.startswith(turn):
            raise UserError("the checkpoint's chat template is not plain ChatML; use the one that ships with Qwen2.5")
        spans.append((len(before), len(turn)))
    return spans


def _render(tokenizer: Any, chat: Sequence[dict[str, str]], generate: bool = False) -> str:
    # As text: apply_chat_template's tokenised result is a list in transformers 4 and a BatchEncoding in 5.
    return tokenizer.apply_chat_template(list(chat), tokenize=False, add_generation_prompt=generate)


def _encode(tokenizer: Any, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]
