"""What the files of a tokenizer folder say: how text becomes ids, which tokens have a role, and the chat template.

`tokenizer.json` alone decides how text becomes ids. transformers' AutoTokenizer does not hold to that: for `model_type`
qwen2 it keeps the vocabulary and replaces the normaliser and pre-tokeniser by Qwen2's. The side files may name tokens
of `tokenizer.json`; a side file that would add or move a token contradicts it and is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alignment.common.fields import read_object
from alignment.errors import UserError

CONFIG_FILE = "tokenizer_config.json"
BACKEND_FILE = "tokenizer.json"
TEMPLATE_FILE = "chat_template.jinja"
TEMPLATE_FOLDER = "additional_chat_templates"
_MAP_FILE, _ADDED_FILE = "special_tokens_map.json", "added_tokens.json"
# How Qwen2 splits text: contractions, letters, single digits, punctuation, line ends, spaces.
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_TEXT_END = "<|endoftext|>"
_ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_LISTS = ("extra_special_tokens", "additional_special_tokens")
_AGAIN = "save the tokenizer again, so that its files agree"


def unreadable(folder: Path, error: Exception) -> UserError:
    """Return the one line for an error of the tokenizer libraries, which raise many types for a damaged file."""
    reason = " ".join(str(error).split())[:200]
    return UserError(f"{folder}: the tokenizer cannot be read ({reason}); copy the checkpoint's files again")


def check_settings(folder: Path, fields: Mapping[str, Any]) -> None:
    """Raise `UserError` if `tokenizer_config.json` asks for another function than that of `tokenizer.json`."""
    path, auto_map = folder / CONFIG_FILE, fields.get("auto_map")
    if auto_map and (not isinstance(auto_map, dict) or auto_map.get("AutoTokenizer")):
        reason = "auto_map names code of the folder, which is never run"
        raise UserError(f"{path}: the tokenizer cannot be read ({reason}); use the base model's files")
    if fields.get("split_special_tokens"):
        raise UserError(f"{path}: split_special_tokens would encode chat tokens as plain text; set it to false")


# ------------------------------------------------------------------------------------------------------- text to ids


def read_backend(folder: Path, fields: Mapping[str, Any]) -> Any:
    """Return the `tokenizers.Tokenizer` of a folder: `tokenizer.json`, or Qwen2's of vocab.json and merges.txt.

    Args:
      folder: holds the files.
      fields: of its `tokenizer_config.json`.

    Raises:
      UserError: a file is damaged, encodes at random, or contradicts another about the id of a token.
    """
    path = folder / BACKEND_FILE
    backend = _from_file(path) if path.is_file() else _qwen2(folder, fields)
    if getattr(backend.model, "dropout", None):
        raise UserError(f"{path}: model.dropout is {backend.model.dropout}, so that ids are random; set it to null")
    # A length limit or padding stored with the tokenizer belongs to the batches of whoever wrote it.
    backend.no_truncation()
    backend.no_padding()
    added = added_ids(backend)
    for file, token, index in _stated_ids(folder, fields):
        if added.get(token.content) != index:
            other = f"{added.get(token.content)} in {path.name}"
            raise UserError(f"{file}: token {token.content!r} has id {index}, but {other}; {_AGAIN}")
    return backend


def added_ids(backend: Any) -> dict[str, int]:
    """Return {text: id} of the tokens that are matched before text is split."""
    return {token.content: index for index, token in backend.get_added_tokens_decoder().items()}


def _from_file(path: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 - the library raises a plain Exception
        raise unreadable(path.parent, error) from error


def _qwen2(folder: Path, fields: Mapping[str, Any]) -> Any:
    """Build a backend from vocab.json and merges.txt, which say nothing of how text is split: Qwen2's way is taken."""
    from tokenizers import Tokenizer, models

    kind = fields.get("tokenizer_class", "Qwen2Tokenizer")
    if kind not in ("Qwen2Tokenizer", "Qwen2TokenizerFast"):
        reason = (
            f"{BACKEND_FILE} is missing, and vocab.json with merges.txt is read for Qwen2Tokenizer alone, not {kind}"
        )
        raise UserError(f"{folder}: {reason}; save the tokenizer as {BACKEND_FILE}")
    vocab = read_object(folder / "vocab.json")
    try:
        lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
        merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
        backend = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    except Exception as error:  # noqa: BLE001 - as above
        raise unreadable(folder, error) from error
    split_as_qwen2(backend)
    stated = sorted(_stated_ids(folder, fields), key=lambda entry: entry[2])
    backend.add_tokens([token for _, token, _ in stated])
    return backend


def split_as_qwen2(backend: Any) -> None:
    """Give a byte-level `tokenizers.Tokenizer` the normaliser, pre-tokeniser and decoder of Qwen2, in place."""
    from tokenizers import Regex, decoders, normalizers, pre_tokenizers

    split = pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated")
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.normalizer, backend.decoder = normalizers.NFC(), decoders.ByteLevel()
    backend.pre_tokenizer = pre_tokenizers.Sequence([split, as_bytes])


def _stated_ids(folder: Path, fields: Mapping[str, Any]) -> Iterator[tuple[Path, Any, int]]:
    """Yield (file, AddedToken, id) for every added token that a side file gives an id."""
    from tokenizers import AddedToken

    path = folder / CONFIG_FILE
    try:
        for index, entry in (fields.get("added_tokens_decoder") or {}).items():
            options = {name: value for name, value in entry.items() if name != "__type"}
            yield path, AddedToken(**options), int(index)
        path = folder / _ADDED_FILE
        for content, index in read_object(path).items() if path.is_file() else ():
            yield path, AddedToken(content, normalized=False), int(index)
    except (AttributeError, TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: its added tokens cannot be read ({error}); {_AGAIN}") from error


# ------------------------------------------------------------------------------------------------------------- tokens


def special_tokens(folder: Path, fields: Mapping[str, Any], added: Mapping[str, int]) -> dict[str, str]:
    """Return {role: token} such as {"eos_token": "<|im_end|>"}, of tokenizer_config.json and special_tokens_map.json.

    Roles that both leave out are those of Qwen2's tokenizer class: `<|endoftext|>` ends a text and fills up.

    Raises:
      UserError: the two files disagree, or a token they name is not in `added`: it would get an id of its own.
    """
    files = {folder / CONFIG_FILE: fields}
    if (folder / _MAP_FILE).is_file():
        files[folder / _MAP_FILE] = read_object(folder / _MAP_FILE)
    roles: dict[str, str | None] = {}
    for path, named in files.items():
        for name, text in _named(path, named):
            if text is not None and text not in added:
                raise UserError(f"{path}: {name} {text!r} is not an added token of {folder / BACKEND_FILE}; {_AGAIN}")
            if name in _ROLES and text is not None and roles.get(name) not in (None, text):
                raise UserError(f"{path}: {name} is {text!r}, and {roles[name]!r} in {CONFIG_FILE}; {_AGAIN}")
            if name in _ROLES and (text is not None or name not in roles):
                roles[name] = text
    if _TEXT_END in added:
        roles = {"eos_token": _TEXT_END, "pad_token": _TEXT_END} | roles
    return {name: text for name, text in roles.items() if text is not None}


def _named(path: Path, fields: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield (key, text) for every token that a file names, alone or in a list."""
    for name, value in fields.items():
        # Beside the roles that every model has, transformers reads those of one model, such as image_token.
        if name in _ROLES or (name.endswith("_token") and isinstance(value, str | dict)):
            yield name, _text(value, name, path)
        elif name in _LISTS and value is not None:
            if not isinstance(value, list | dict):
                raise UserError(f"{path}: {name} is {value!r}; it must be a list of tokens")
            for entry in value.values() if isinstance(value, dict) else value:
                yield name, _text(entry, name, path)


def _text(value: Any, name: str, path: Path) -> str | None:
    """The text of a token written as a string or as the fields of an AddedToken."""
    text = value.get("content") if isinstance(value, dict) else value
    if (text is None and value is not None) or not isinstance(text, str | None) or text == "":
        raise UserError(f"{path}: {name} holds {value!r}; it must be the text of a token")
    return text


# ------------------------------------------------------------------------------------------------------ chat template


def read_template(folder: Path, fields: Mapping[str, Any]) -> str:
    """Return the source of the chat template: `chat_template.jinja`, or `chat_template` of tokenizer_config.json.

    Of several templates with names it is the one called "default", as in transformers. Those in the folder
    `additional_chat_templates` serve other purposes, such as tools.

    Raises:
      UserError: there is none, several and none is the default, or one that is no text.
    """
    path = folder / TEMPLATE_FILE
    if (folder / TEMPLATE_FOLDER / "default.jinja").exists():
        raise UserError(f"{folder / TEMPLATE_FOLDER}: holds default.jinja; move it to {path}")
    if path.is_file():
        try:
            source: Any = path.read_text(encoding="utf-8")
        except ValueError as error:
            raise UserError(f"{path}: not UTF-8 ({error}); copy the file again from the checkpoint") from error
    else:
        path, source = folder / CONFIG_FILE, fields.get("chat_template")
    if isinstance(source, list | dict):
        try:
            named = source if isinstance(source, dict) else {entry["name"]: entry["template"] for entry in source}
        except (TypeError, KeyError) as error:
            raise UserError(
                f"{path}: chat_template is no list of templates with name and template; correct it"
            ) from error
        if named and "default" not in named:
            names = ", ".join(map(str, named))
            raise UserError(f"{path}: none of the chat templates ({names}) is called default; name one so")
        source = named.get("default")
    if not source:
        raise UserError(f"{folder}: no chat template; add {TEMPLATE_FILE} or {CONFIG_FILE}'s chat_template")
    if not isinstance(source, str):
        raise UserError(f"{path}: chat_template is {source!r}; it must be the text of a template")
    return source
