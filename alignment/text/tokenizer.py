"""The checkpoint's own tokenizer, chats through its own chat template, and our own loss mask.

Qwen2.5's chat template carries no marker for generated text, so which tokens are trained on is decided here: the
assistant's content and the token that closes its turn (`<|im_end|>`, of Llama 3 `<|eot_id|>`), nothing else.
"""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from pathlib import Path

from alignment.common.fields import read_object
from alignment.common.gguf_file import is_gguf, read_gguf
from alignment.errors import UserError
from alignment.record import Record
from alignment.text.chat_tokenizer import ChatTokenizer
from alignment.text.gguf_tokenizer import build_tokenizer, end_ids
from alignment.text.templates import TURN_ENDS, Template, messages
from alignment.text.tokenizer_files import (
    BACKEND_FILE,
    CONFIG_FILE,
    added_ids,
    check_settings,
    read_backend,
    read_template,
    special_tokens,
)

_VOCABULARIES = ((BACKEND_FILE,), ("vocab.json", "merges.txt"))
_PROBE = ({"role": "user", "content": "1 + 1"},)


def load_tokenizer(folder: str | Path) -> ChatTokenizer:
    """Return a tokenizer that encodes as the `tokenizer.json` of a local checkpoint folder says, or a GGUF file.

    Nothing is downloaded and no remote code runs. A folder without `tokenizer.json` is read by `vocab.json`,
    `merges.txt` and the added tokens of its side files, the way of Qwen2.

    Raises:
      UserError: the folder or its tokenizer files are missing or damaged, or contradict each other; there is no chat
        template, or one that cannot be used.
    """
    if is_gguf(folder):
        tokenizer = build_tokenizer(read_gguf(folder))
        check_tokenizer(tokenizer, folder)
        return tokenizer
    folder = Path(folder)
    _require_files(folder)
    fields = read_object(folder / CONFIG_FILE)
    check_settings(folder, fields)
    backend = read_backend(folder, fields)
    added = added_ids(backend)
    roles = special_tokens(folder, fields, added)
    tokenizer = ChatTokenizer(backend, read_template(folder, fields), roles)
    check_tokenizer(tokenizer, folder)
    return tokenizer


def check_tokenizer(tokenizer: ChatTokenizer, source: str | Path) -> None:
    """Raise `UserError` naming `source` if a tokenizer has no end of a turn, or no chat template that can be used."""
    if all(tokenizer.convert_tokens_to_ids(token) is None for token in TURN_ENDS):
        known = f"the vocabulary has no {' and no '.join(TURN_ENDS)}"
        raise UserError(f"{source}: {known}; use a tokenizer of the Qwen2 family (ChatML) or of Llama 3")
    if turn_end(tokenizer) not in added_ids(tokenizer.backend_tokenizer):
        raise UserError(
            f"{source}: {BACKEND_FILE} splits {turn_end(tokenizer)}; make it an added token, as Qwen2's does"
        )
    _check_template(tokenizer, source)


def turn_end(tokenizer: ChatTokenizer) -> str:
    """Return the token that closes every turn of a chat."""
    return next(token for token in TURN_ENDS if tokenizer.convert_tokens_to_ids(token) is not None)


def _require_files(folder: Path) -> None:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; --config.model.path must name one with the tokenizer files")
    if not (folder / CONFIG_FILE).is_file():
        raise UserError(f"{folder}: {CONFIG_FILE} is missing; copy the checkpoint's tokenizer files there")
    if not any(all((folder / name).is_file() for name in names) for names in _VOCABULARIES):
        raise UserError(
            f"{folder}: {BACKEND_FILE} (or vocab.json and merges.txt) is missing; copy the checkpoint's own"
        )


def _check_template(tokenizer: ChatTokenizer, source: str | Path) -> None:
    try:
        turn, prompt = (_render(tokenizer, _PROBE, generate=generate) for generate in (False, True))
    except UserError as error:
        raise UserError(f"{source}: {error}") from error
    if _PROBE[0]["content"] not in turn or not prompt.startswith(turn) or prompt == turn:
        raise UserError(
            f"{source}: the chat template drops the question or the header that opens the assistant's turn "
            "(add_generation_prompt); use the one that ships with Qwen2.5"
        )


def stop_ids(tokenizer: ChatTokenizer, folder: str | Path) -> tuple[int, ...]:
    """Return the ids that end a completion: those of the checkpoint, the tokenizer's own, and of a turn.

    The last is what the loss mask teaches a model to stop with, yet a base checkpoint names only `<|endoftext|>`.

    Raises:
      UserError: generation_config.json is damaged, or its `eos_token_id` names no tokens of the tokenizer.
    """
    path = Path(folder) / "generation_config.json"
    if is_gguf(folder):
        value = end_ids(read_gguf(folder))
    else:
        value = read_object(path).get("eos_token_id") if path.is_file() else None
    listed = value if isinstance(value, list) else [] if value is None else [value]
    known = set(tokenizer.get_vocab().values())
    unknown = [id_ for id_ in listed if isinstance(id_, bool) or not isinstance(id_, int) or id_ not in known]
    if unknown:
        raise UserError(
            f"{path}: eos_token_id holds {unknown[0]!r}, which is no id of this tokenizer; name an id, a list, or null"
        )
    candidates = (*listed, tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(turn_end(tokenizer)))
    return tuple(dict.fromkeys(id_ for id_ in candidates if id_ is not None))


def pad_id(tokenizer: ChatTokenizer) -> int:
    """Return the id used as filler; masks say what is real, so it may equal an id that ends a completion."""
    candidates = (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(turn_end(tokenizer)))
    return next(id_ for id_ in candidates if id_ is not None)


def encode_prompt(
    tokenizer: ChatTokenizer, record: Record, template: Template, max_tokens: int | None = None
) -> list[int]:
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


def opened_block(tokenizer: ChatTokenizer, template: Template) -> str:
    r"""Return what the chat template writes in the model's place of the reasoning block, such as "<think>\n"; else "".

    It is taken from what the template renders, so that a completion that begins inside the block is read as such
    without anybody having to say so.
    """
    chat = [{"role": "system", "content": template.system}, {"role": "user", "content": "?"}]
    prompt, plain = (_render(tokenizer, chat, generate) for generate in (True, False))
    header = prompt[len(os.path.commonprefix((prompt, plain))) :]
    return header[header.find(template.literals[0]) :] if template.literals[0] in header else ""


def encode_chat(tokenizer: ChatTokenizer, chat: Sequence[dict[str, str]]) -> tuple[list[int], list[int]]:
    """Return (ids, loss mask) of a whole chat; the mask is 1 exactly on assistant content and its end of turn.

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


def encode_example(
    tokenizer: ChatTokenizer, record: Record, template: Template, response: str
) -> tuple[list[int], list[int]]:
    """Return (ids, loss mask) of the record's prompt answered by `response`; the ids start with `encode_prompt`'s.

    Where the chat template opens the reasoning block itself, the response is trained from inside the block on.

    Raises:
      UserError: the chat template changes what the assistant writes, or it closes the block it has opened.
    """
    opened = opened_block(tokenizer, template)
    if not opened:
        return encode_chat(tokenizer, [*messages(record, template), {"role": "assistant", "content": response}])
    prompt = encode_prompt(tokenizer, record, template)
    opening, closing = template.literals[:2]
    if closing in opened:
        raise UserError(
            f"the checkpoint's chat template writes a whole {opening} block for the model; use one that leaves it open"
        )
    rest = response[len(opening) :] if response.startswith(opening) else f"\n{closing}\n{response}"
    trained = _encode(tokenizer, (rest.lstrip("\n") if opened.endswith("\n") else rest) + turn_end(tokenizer))
    return prompt + trained, [0] * len(prompt) + [1] * len(trained)


def _assistant_spans(tokenizer: ChatTokenizer, chat: Sequence[dict[str, str]], text: str) -> list[tuple[int, int]]:
    """Return the [start, end) character span of every assistant content with its closing token."""
    spans = []
    for index, message in enumerate(chat):
        if message["role"] != "assistant":
            continue
        if index == 0:
            raise UserError("a chat cannot open with the assistant; put a system or user message first")
        before = _render(tokenizer, chat[:index], generate=True)
        turn = before + message["content"].strip() + turn_end(tokenizer)  # Llama 3's template strips what it writes
        if not text.startswith(turn):
            turn = before + message["content"] + turn_end(tokenizer)
        if not text.startswith(turn):
            raise UserError("the checkpoint's chat template is not plain ChatML; use the one that ships with Qwen2.5")
        spans.append((len(before), len(turn)))
    return spans


def _render(tokenizer: ChatTokenizer, chat: Sequence[dict[str, str]], generate: bool = False) -> str:
    try:
        return tokenizer.apply_chat_template(chat, add_generation_prompt=generate)
    except Exception as error:  # noqa: BLE001 - a template is a program of the checkpoint and fails in its own ways
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"the chat template fails ({reason}); use the one that ships with Qwen2.5") from error


def _encode(tokenizer: ChatTokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]
