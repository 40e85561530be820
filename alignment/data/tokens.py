"""Records tokenised once: an Arrow table on disk, made with `datasets` and mapped into memory by later stages and runs.

A table's name is a hash of everything its contents depend on: the records, the tokenizer, the template, and the source
of the code that renders and encodes; its hash is stored beside it. A damaged table is made again, and where none can be
written, the tokens stay in memory: no run depends on this cache.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from alignment.common.files import read_text, reason_of, write_text
from alignment.common.manifest import sha256
from alignment.common.progress import progress, warn
from alignment.data.ids import fingerprint
from alignment.record import Record
from alignment.text import chat_template, chat_tokenizer, templates, tokenizer

Encode = Callable[[Record], tuple[list[int], list[int]]]  # ids and loss mask
MEMORY = 256  # rows kept in memory while a table is made


@dataclasses.dataclass(frozen=True)
class Examples:
    """Token ids and loss masks of N examples, in a table of `datasets` that is read row by row."""

    table: Any  # columns `ids` and `mask`, lists of one length
    lengths: np.ndarray  # [N], tokens

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, indices: Iterable[int]) -> tuple[list[list[int]], list[list[int]]]:
        """Return ids and masks of the examples at `indices`, in that order."""
        rows = self.table[[int(index) for index in indices]]
        return rows["ids"], rows["mask"]


def tokenise(records: Sequence[Record], encode: Encode, what: str, cache: str = "") -> Examples:
    """Return `encode` of every record, from the table of an earlier run where there is one.

    Args:
      records: what to encode, in order.
      encode: gives ids and loss mask of a record; may raise `UserError`.
      what: everything beside the records that `encode` depends on; see `encoding_key`.
      cache: folder of the tables; "" is `tokens` in the user's cache folder.
    """
    import datasets  # late, because it takes a while
    import pyarrow.compute as pc

    key = hashlib.sha256(f"{what}\n{fingerprint(records)}".encode()).hexdigest()
    folder = pathlib.Path(cache) if cache else user_cache()
    path = folder / f"{key}.arrow"
    table = _stored(path, len(records))
    if table is None:
        numbers = datasets.Dataset.from_dict({"number": np.arange(len(records))})

        def make(**where: Any) -> Any:
            with progress(len(records), "tokenising", "example") as shown:

                def encode_row(row: Mapping[str, int]) -> dict[str, Any]:
                    shown.update()
                    return dict(zip(("ids", "mask"), encode(records[row["number"]]), strict=True))

                return numbers.map(
                    encode_row,
                    remove_columns=["number"],
                    features=_features(),
                    load_from_cache_file=False,
                    new_fingerprint=key,
                    writer_batch_size=MEMORY,
                    **where,
                )

        datasets.disable_progress_bars()  # they go into a log by carriage return, and know of no --quiet
        try:
            folder.mkdir(parents=True, exist_ok=True)
            table = make(cache_file_name=str(path))
            write_text(_hash_file(path), sha256(path))
        except OSError as error:
            _warn(folder, reason_of(error))
            table = make(keep_in_memory=True)
    return Examples(table, pc.list_value_length(table.data["ids"]).to_numpy().astype(np.int64))


@functools.cache  # once a folder
def _warn(folder: pathlib.Path, reason: str) -> None:
    warn(
        f"warning: {folder}: tokens cannot be kept there ({reason}), so every run tokenises anew; name another folder "
        "with --config.data.cache"
    )


def encoding_key(reader: chat_tokenizer.ChatTokenizer, **choices: Any) -> str:
    """Return a text that changes whenever the tokenizer, a choice of the caller or the code that encodes does."""
    modules = chat_template, chat_tokenizer, templates, tokenizer
    code = [pathlib.Path(module.__file__).read_bytes() for module in modules]
    vocabulary = reader.backend_tokenizer.to_str() + reader.chat_template
    digest = hashlib.sha256(b"\n".join([*code, vocabulary.encode()])).hexdigest()
    return f"{digest} {sorted(choices.items())}"


def user_cache() -> pathlib.Path:
    """The folder of tokenised records where `--config.data.cache` names none."""
    folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    return folder / "clinical-alignment" / "tokens"


def _features() -> Mapping[str, Any]:
    import datasets

    return datasets.Features(
        {"ids": datasets.List(datasets.Value("int32")), "mask": datasets.List(datasets.Value("int8"))}
    )


def _hash_file(path: pathlib.Path) -> pathlib.Path:
    return path.with_suffix(".sha256")


def _stored(path: pathlib.Path, rows: int) -> Any:
    import datasets

    if not os.path.lexists(path):
        return None
    with contextlib.suppress(Exception):  # a damaged file raises whatever Arrow meets first
        if read_text(_hash_file(path)) == sha256(path):
            table = datasets.Dataset.from_file(str(path))
            if len(table) == rows and table.features == _features():
                return table
    warn(f"{path}: damaged; tokenised again")
    with contextlib.suppress(OSError):
        path.unlink()
    return None
