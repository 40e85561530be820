"""Rows out of a local file, whatever its format, each remembering the place it came from."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from etils import epath

from alignment.errors import UserError


@dataclasses.dataclass(frozen=True)
class Row:
    """The fields of one row, and where it stands ("dev.jsonl, line 3") for messages."""

    where: str
    fields: Mapping[str, Any]
    key: str = ""  # the key of a row that stands in a JSON object keyed by id

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field, or `default` where it is absent or null."""
        value = self.fields.get(name)
        return default if value is None else value

    def text(self, name: str) -> str:
        """Return a field that must be text (numbers are written out), stripped; raises `UserError` where it is not."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            found = "is missing" if value is None else f"is {type(value).__name__}, not text"
            raise UserError(f"{self.where}: field {name!r} {found}; the row has {', '.join(map(str, self.fields))}")
        return str(value).strip()

    def integer(self, name: str) -> int:
        """Return a field that must be a whole number (text in CSV); raises `UserError` where it is not."""
        text = self.text(name)
        try:
            return int(text.removesuffix(".0"))  # a column with gaps is read as floats
        except ValueError:
            raise UserError(f"{self.where}: field {name!r} is {text!r}, not a whole number") from None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a field that must be a list of text, empty where it is absent; raises `UserError` otherwise."""
        value = self.get(name, [])
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            raise UserError(f"{self.where}: field {name!r} is {type(value).__name__}, not a list of text")
        return tuple(item.strip() for item in value)


def read_rows(path: str) -> list[Row]:
    """Return the rows of a `.jsonl`, `.json` (list, object keyed by id, or lines), `.csv` or `.parquet` file.

    Raises:
      UserError: no such file, another ending, no rows, or a row that is not an object (named by its line).
    """
    file = epath.Path(path)
    read = READERS.get(file.suffix.lower())
    if read is None:
        raise UserError(f"{path}: cannot read {file.suffix or 'a file without ending'}; known: {', '.join(READERS)}")
    if not file.exists() or file.is_dir():
        raise UserError(f"{path}: no such file; correct the path")
    rows = list(read(file))
    if not rows:
        raise UserError(f"{path}: the file holds no rows")
    return rows


def _text(file: epath.Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 text (byte {error.start}); convert the file") from None


def _jsonl(file: epath.Path) -> Iterator[Row]:
    for number, line in enumerate(_text(file).split("\n"), start=1):
        if line.strip():
            where = f"{file}, line {number}"
            yield Row(where, _object(_decode(line, where), where))


def _json(file: epath.Path) -> Iterator[Row]:
    text = _text(file)
    if "\n" in text.strip() and _is_object(text.strip().split("\n")[0]):  # JSON Lines under the name .json
        yield from _jsonl(file)
        return
    tree = _decode(text, str(file))
    if isinstance(tree, dict):
        for key, value in tree.items():
            where = f"{file}, key {key!r}"
            yield Row(where, _object(value, where), key)
    elif isinstance(tree, list):
        for number, value in enumerate(tree, start=1):
            where = f"{file}, row {number}"
            yield Row(where, _object(value, where))
    else:
        raise UserError(f"{file}: holds {type(tree).__name__}; a list or an object of rows is wanted")


def _csv(file: epath.Path) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(_text(file), newline=""))
    try:
        for number, fields in enumerate(reader, start=1):
            if None in fields or None in fields.values():
                raise UserError(f"{file}, row {number}: has not the {len(reader.fieldnames)} columns of the header")
            yield Row(f"{file}, row {number}", fields)
    except csv.Error as error:
        raise UserError(f"{file}, near line {reader.line_num}: not readable as CSV ({error})") from None


def _parquet(file: epath.Path) -> Iterator[Row]:
    import datasets  # late, because it takes a while

    try:  # streamed, so that no copy lands in a cache
        rows = list(datasets.load_dataset("parquet", data_files=str(file), split="train", streaming=True))
    except Exception as error:  # noqa: BLE001 - its readers raise many types for a damaged file
        raise UserError(f"{file}: not a readable Parquet file ({' '.join(str(error).split())[:200]})") from None
    for number, fields in enumerate(rows, start=1):
        yield Row(f"{file}, row {number}", fields)


READERS: dict[str, Callable[[epath.Path], Iterator[Row]]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".parquet": _parquet,
}


def _decode(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: not valid JSON ({error})") from None
    except RecursionError:
        raise UserError(f"{where}: JSON nested too deeply") from None


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"{where}: holds {type(value).__name__}, not an object with fields")
    return value


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
