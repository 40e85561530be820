"""Rows of a file or of the Hub in any format, each with the file and line it came from."""

from __future__ import annotations

import collections
import contextlib
import csv
import dataclasses
import difflib
import io
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from etils import epath

from alignment.common.progress import shows_bars
from alignment.data.locations import HUB, Location, parse_location
from alignment.errors import UserError
from alignment.hub import snapshot

# Of a data set on the Hub: tables, plain or compressed, and the card that describes them; no images, no archives.
HUB_FILES = (
    *("*.parquet", "*.json", "*.jsonl", "*.csv", "*.tsv", "*.txt", "*.arrow", "*.gz", "*.zst"),
    *("*.md", "*.yaml"),
)
SURROGATE = re.compile("[\ud800-\udfff]")


@dataclasses.dataclass(frozen=True)
class Row:
    """The fields of one row, and its position ("dev.jsonl, line 3") for messages."""

    where: str
    fields: Mapping[str, Any]
    key: str = ""  # the key of a row in a JSON object keyed by id
    error: str = ""  # why the row could not be read, naming file and row; it then has no fields

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field, or `default` where it is absent, null or NaN (what a table writes for nothing)."""
        value = self.fields.get(name)
        return default if value is None or (isinstance(value, float) and math.isnan(value)) else value

    def optional(self, name: str) -> str:
        """Return a field as stripped text, "" where there is none; raises `UserError` where it is no text."""
        return "" if self.get(name) is None else self.text(name)

    def text(self, name: str) -> str:
        """Return a field that must be text (numbers are written out), stripped; raises `UserError` where it is not."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            problem = f"is missing; {self._present(name)}" if value is None else f"is {type(value).__name__}, not text"
            raise UserError(f"{self.where}: field {name!r} {problem}")
        return self._sound(name, str(value).strip())

    def _sound(self, name: str, text: str) -> str:
        """`text`, unless it cannot be written as UTF-8 (and hashed)."""
        if SURROGATE.search(text):
            raise UserError(f"{self.where}: field {name!r} holds half of a surrogate pair; mend the row's encoding")
        return text

    def _present(self, name: str) -> str:
        """What the row has instead of `name`: a column may have been renamed."""
        names = [str(field) for field in self.fields]
        near = difflib.get_close_matches(name, [field for field in names if field != name], n=1)
        return f"the row has {', '.join(names)}" + (f" (was it renamed to {near[0]!r}?)" if near else "")

    def integer(self, name: str) -> int:
        """Return a field that must be a whole number (text in CSV); raises `UserError` where it is not."""
        text = self.text(name)
        try:
            return int(text.removesuffix(".0"))  # a column with gaps is read as floats
        except ValueError:
            raise UserError(f"{self.where}: field {name!r} is {text!r}, not a whole number") from None

    def number(self, name: str) -> float:
        """Return a field that must be a finite number (text in CSV); raises `UserError` where it is not."""
        text = self.text(name)
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise UserError(f"{self.where}: field {name!r} is {text!r}, not a finite number")
        return number

    def inner(self, name: str) -> Row:
        """Return the fields of an object inside the row, as a row; raises `UserError` where there is none."""
        value = self.get(name)
        if not isinstance(value, Mapping):
            problem = f"is missing; {self._present(name)}" if value is None else f"is {type(value).__name__}"
            raise UserError(f"{self.where}: field {name!r} must be an object and {problem}")
        return Row(f"{self.where}, field {name!r}", value)

    def options(self, name: str) -> dict[str, str]:
        """Return an object that maps letters to texts; raises `UserError` where it is none or leaves a letter out.

        Parquet gives every row the union of all letters, so those at the end may be null; one in between is missing.
        A list of {letter, content} is read as such an object (MedXpertQA's files).
        """
        listed = self.get(name)
        if isinstance(listed, (list, tuple)) and all(isinstance(item, Mapping) for item in listed):
            entries = [Row(f"{self.where}, field {name!r}", item) for item in listed]
            pairs = [(entry.text("letter"), entry.text("content")) for entry in entries]
            if len(dict(pairs)) < len(pairs):
                raise UserError(f"{self.where}: field {name!r} names a letter twice; correct the row")
            return dict(pairs)
        inner = self.inner(name)
        present = [letter for letter in inner.fields if inner.get(letter) is not None]
        letters = list(inner.fields)[: list(inner.fields).index(present[-1]) + 1] if present else []
        return {str(letter): inner.text(letter) for letter in letters}

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a field that must be a list of text, empty where it is absent; raises `UserError` otherwise."""
        value = self.get(name, [])
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            raise UserError(f"{self.where}: field {name!r} is {type(value).__name__}, not a list of text")
        return tuple(self._sound(name, item.strip()) for item in value)


def scan_rows(path: str) -> list[Row]:
    """Return the rows of a location, including those that cannot be read, with the reason as their `error`.

    JSON may be a list, an object keyed by id, or lines.

    Raises:
      UserError: no such file or Hub data set, another ending, a file that is broken as a whole, or no rows.
    """
    location = parse_location(path)
    if location.on_hub:
        return list(_hub(location))
    file = epath.Path(location.path)
    read = READERS.get(file.suffix.lower())
    if read is None:
        raise UserError(f"{path}: cannot read {file.suffix or 'a file without ending'}; known: {', '.join(READERS)}")
    if not file.exists() or file.is_dir():
        raise UserError(f"{path}: no such file; correct the path")
    rows = list(read(file))
    if not rows:
        raise UserError(f"{path}: the file holds no rows")
    return rows


def _hub(location: Location) -> Iterator[Row]:
    import datasets  # late, because it takes a while

    if not shows_bars():
        datasets.disable_progress_bars()
    name, split = location.path.removeprefix(HUB), location.stated_split
    folder = name
    if not os.path.isdir(name):  # fetched as models are: resumed, pinned to a commit and complete offline
        file = "-".join(part for part in (*name.strip("/").split("/"), location.name, split) if part) + ".parquet"
        remedy = (
            f"give a file instead: path={file}, written elsewhere by "
            f"datasets.load_dataset(...).to_parquet({file!r}), or "
        )
        folder = snapshot(name, "dataset", HUB_FILES, location.revision or None, remedy)
    try:
        rows = datasets.load_dataset(folder, location.name or None, split=split)
    except Exception as error:  # noqa: BLE001 - its builders raise many types for wrong choices and damaged files
        raise UserError(
            f"{location.path}: cannot be read, split {split!r} ({_one_line(error)}); choose with ?name=...&split=..."
        ) from None
    for number, fields in enumerate(rows, start=1):
        yield Row(f"{location.path}, {split} row {number}", fields)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _jsonl(file: epath.Path) -> Iterator[Row]:
    for number, line in enumerate(file.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        where, fields, error = f"{file}, line {number}", {}, ""
        try:
            fields = _decode(line.decode(), where)
            if not isinstance(fields, dict):
                fields, error = {}, f"{where}: holds {type(fields).__name__}, not an object with fields"
        except UnicodeDecodeError as problem:
            error = f"{where}: not UTF-8 text (byte {problem.start}); convert the line"
        except UserError as problem:
            error = str(problem)
        yield Row(where, fields, error=error)


def _json(file: epath.Path) -> Iterator[Row]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 text (byte {error.start}); convert the file") from None
    first, newline, _ = text.strip().partition("\n")
    is_lines = False
    with contextlib.suppress(ValueError, RecursionError):
        is_lines = bool(newline) and isinstance(json.loads(first), dict)
    if is_lines:  # JSON Lines under the name .json
        yield from _jsonl(file)
        return
    tree = _decode(text, str(file))
    if isinstance(tree, dict):
        entries = [(f"{file}, key {key!r}", value, key) for key, value in tree.items()]
    elif isinstance(tree, list):
        entries = [(f"{file}, row {number}", value, "") for number, value in enumerate(tree, start=1)]
    else:
        raise UserError(f"{file}: holds {type(tree).__name__}; a list or an object of rows is wanted")
    for where, value, key in entries:
        if isinstance(value, dict):
            yield Row(where, value, key)
        else:
            yield Row(where, {}, key, error=f"{where}: holds {type(value).__name__}, not an object with fields")


def _csv(file: epath.Path) -> Iterator[Row]:
    # Bytes that are not UTF-8 become lone surrogates, so that only the rows with such bytes are refused.
    text = file.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        for number, fields in enumerate(reader, start=1):
            where, error = f"{file}, row {number}", ""
            if None in fields or None in fields.values():
                error = f"{where}: has not the {len(reader.fieldnames)} columns of the header"
            elif any(map(SURROGATE.search, fields.values())):
                error = f"{where}: not UTF-8 text; convert the row"
            yield Row(where, {} if error else fields, error=error)
    except csv.Error as error:
        raise UserError(f"{file}, near line {reader.line_num}: not readable as CSV ({error})") from None


def _parquet(file: epath.Path) -> Iterator[Row]:
    import datasets  # late, because it takes a while

    try:  # streamed, so that no copy lands in a cache
        rows = list(datasets.load_dataset("parquet", data_files=str(file), split="train", streaming=True))
    except Exception as error:  # noqa: BLE001 - its readers raise many types for a damaged file
        raise UserError(f"{file}: not a readable Parquet file ({_one_line(error)})") from None
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
        return json.loads(text, object_pairs_hook=_without_repeats)
    except ValueError as error:  # JSONDecodeError is one
        raise UserError(f"{where}: not valid JSON ({error})") from None
    except RecursionError:
        raise UserError(f"{where}: JSON nested too deeply") from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose keys all differ; of two equal ones the parser would silently drop the first."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        counts = collections.Counter(name for name, _ in pairs)
        raise ValueError(f"key {counts.most_common(1)[0][0]!r} stands twice in one object")
    return fields
