"""The container of GGUF files: metadata, and tensors as they lie in the file, with everything checked against its size.

The format is documented at https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The reader of the `gguf` package
believes the counts that a damaged header names and takes seconds for a vocabulary, so the header is read here in one
pass; the types, their block sizes and their dequantisation are those of the package.
"""

from __future__ import annotations

import functools
import math
import os
import pathlib
import re
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from alignment.common.fields import shorten
from alignment.errors import UserError

SUFFIX = ".gguf"
_MAGIC, _VERSIONS = b"GGUF", (2, 3)
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_MOST_AXES = 4
_LEAST_ENTRY, _LEAST_TENSOR = 8 + 4 + 1, 8 + 4 + 8 + 4 + 8  # bytes of an entry of the header, with an empty name
_PART = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<parts>\d{5})\.gguf")
_NAMES = {
    **{int: "a whole number", float: "a number", bool: "true or false"},
    **{str: "text", list: "a list of texts", np.ndarray: "a list of numbers"},
}


class Tensor(NamedTuple):
    """One tensor of a file, not yet dequantised."""

    type: str  # such as "Q4_1"
    shape: tuple[int, ...]  # in numpy's order, the reverse of the file's
    data: np.ndarray  # uint8 [..., bytes of a row], mapped into memory


class Gguf(NamedTuple):
    """A model: one file, or all files of one that is split."""

    path: pathlib.Path  # of the first file
    files: tuple[pathlib.Path, ...]
    metadata: Mapping[str, Any]  # numbers, texts, lists of texts and arrays of numbers
    tensors: Mapping[str, Tensor]


class _Damaged(Exception):
    """What is wrong with a file, in words that follow its path."""


def is_gguf(path: str | os.PathLike) -> bool:
    """Return whether `path` names a GGUF file, by the end of its name."""
    return str(path).lower().endswith(SUFFIX) and not pathlib.Path(path).is_dir()


def read_gguf(path: str | os.PathLike) -> Gguf:
    """Read the header of a GGUF file, or of all files of a split one, and map its tensors into memory.

    Raises:
      UserError: a file is missing, truncated or damaged, of another version or byte order, or not the first of a split
        model's files.
    """
    metadata, tensors = _read_file(path)
    count, number = (_part_number(path, metadata, f"split.{name}") for name in ("count", "no"))
    if count <= 1:
        return Gguf(pathlib.Path(path), (pathlib.Path(path),), metadata, tensors)
    files = _part_files(path, count, number)
    for file in files[1:]:
        more, others = _read_file(file)
        if (_part_number(file, more, "split.count"), tensors.keys() & others.keys()) != (count, set()):
            raise UserError(f"{file}: not a part of the model that {path} begins; fetch all {count} files again")
        tensors = tensors | others
    total = metadata.get("split.tensors.count", len(tensors))
    if total != len(tensors):
        raise UserError(f"{path}: its {count} files hold {len(tensors)} tensors, not {total}; fetch them again")
    return Gguf(pathlib.Path(path), files, metadata, tensors)


def _part_number(path: str | os.PathLike, metadata: Mapping[str, Any], key: str) -> int:
    value = metadata.get(key, 0)
    if type(value) is not int or not 0 <= value < 100_000:
        raise UserError(f"{path}: {key} is {shorten(value)}; it must be a whole number, fetch the file again")
    return value


def _part_files(path: str | os.PathLike, count: int, number: int) -> tuple[pathlib.Path, ...]:
    """Return the paths of all parts of a split model, whose names the format fixes."""
    name = pathlib.Path(path).name
    match = _PART.fullmatch(name)
    if not match or (int(match["part"]), int(match["parts"])) != (number + 1, count):
        raise UserError(
            f"{path}: part {number + 1} of {count} by its header; call it NAME-{number + 1:05d}-of-{count:05d}.gguf"
        )
    if number:
        first = f"{match['stem']}-00001-of-{count:05d}.gguf"
        raise UserError(f"{path}: part {number + 1} of {count} of a split model; name the first, {first}")
    names = (f"{match['stem']}-{part:05d}-of-{count:05d}.gguf" for part in range(1, count + 1))
    return tuple(pathlib.Path(path).with_name(each) for each in names)


# -------------------------------------------------------------------------------------------------------------- header


def _read_file(path: str | os.PathLike) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the metadata and the tensors of one file."""
    try:
        status = pathlib.Path(path).stat()
        return _parse(str(path), status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); name a GGUF file") from error
    except _Damaged as error:
        raise UserError(f"{path}: {error}") from error


def _damaged(reason: str) -> _Damaged:
    return _Damaged(f"damaged or no GGUF file ({reason}); fetch it again")


class _Cursor:
    """A position in a file's bytes, beyond whose end nothing is read."""

    def __init__(self, content: np.ndarray):
        self.content, self.bytes, self.at = content, memoryview(content), 0

    def take(self, size: int) -> memoryview:
        if size > len(self.bytes) - self.at:
            raise _damaged(f"it ends at byte {len(self.bytes)}, within its header")
        self.at += size
        return self.bytes[self.at - size : self.at]

    def scalar(self, layout: str) -> Any:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def count(self, least: int, what: str) -> int:
        """A number of things of at least so many bytes each, which the rest of the file must have room for."""
        count = self.scalar("<Q")
        if count * least > len(self.bytes) - self.at:
            raise _damaged(f"its header counts {count} {what}, more than the file has room for")
        return count

    def text(self) -> str:
        try:
            return str(self.take(self.count(1, "bytes of text")), "utf-8")
        except UnicodeDecodeError as error:
            raise _damaged(f"a text in its header is not UTF-8 at byte {self.at}") from error


@functools.lru_cache(maxsize=16)
def _parse(path: str, size: int, changed_ns: int) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Parse a file of this size and time of change, which are arguments so that a file that changed is read again."""
    del changed_ns
    cursor = _Cursor(np.memmap(path, np.uint8, "r") if size else np.empty(0, np.uint8))
    if bytes(cursor.take(4)) != _MAGIC:
        raise _damaged("it does not begin with GGUF")
    version = cursor.scalar("<I")
    if version not in _VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        kind = "big-endian" if swapped in _VERSIONS else f"version {version}"
        raise _Damaged(f"{kind} GGUF, and little-endian version 2 or 3 is read; convert the model again")
    count, entries = cursor.count(_LEAST_TENSOR, "tensors"), cursor.count(_LEAST_ENTRY, "entries")
    metadata: dict[str, Any] = {}
    for _ in range(entries):
        name = cursor.text()
        if name in metadata:
            raise _damaged(f"{shorten(name)} stands in its header twice")
        metadata[name] = _value(cursor, cursor.scalar("<I"))
    return metadata, _tensors(cursor, count, metadata.get("general.alignment", 32))


def _value(cursor: _Cursor, kind: int) -> Any:
    if kind in _SCALARS:
        return cursor.scalar(_SCALARS[kind])
    if kind == _STRING:
        return cursor.text()
    if kind != _ARRAY:
        raise _damaged(f"its header holds a value of unknown type {kind}")
    item = cursor.scalar("<I")
    if item == _STRING:
        return [cursor.text() for _ in range(cursor.count(8, "texts"))]
    if item not in _SCALARS:
        raise _damaged(f"its header holds a list of unknown type {item}")
    size = struct.calcsize(_SCALARS[item])
    return np.frombuffer(cursor.take(size * cursor.count(size, "numbers")), _SCALARS[item])


def _tensors(cursor: _Cursor, count: int, alignment: Any) -> dict[str, Tensor]:
    """Read where the tensors lie: one behind the other, each at a multiple of the alignment, as the format demands."""
    if type(alignment) is not int or not 0 < alignment < 2**31 or alignment & (alignment - 1):
        raise _damaged(f"general.alignment is {shorten(alignment)}, no power of two")
    entries = {}
    for _ in range(count):
        name, axes = cursor.text(), cursor.scalar("<I")
        if not 0 < axes <= _MOST_AXES or name in entries:
            raise _damaged(f"tensor {shorten(name)} stands there twice or has {axes} axes")
        sizes = [cursor.scalar("<Q") for _ in range(axes)]
        entries[name] = (*_layout(name, cursor.scalar("<I"), tuple(reversed(sizes))), cursor.scalar("<Q"))
    start, expected, tensors = _aligned(cursor.at, alignment), 0, {}
    for name, (kind, shape, stored, offset) in entries.items():
        size = math.prod(stored)
        if offset != expected:
            raise _damaged(f"tensor {shorten(name)} is said to begin at {offset}, and {expected} is next")
        if start + offset + size > len(cursor.bytes):
            raise _damaged(
                f"it ends at byte {len(cursor.bytes)}, and tensor {shorten(name)} at {start + offset + size}"
            )
        data = cursor.content[start + offset : start + offset + size].reshape(stored)
        tensors[name], expected = Tensor(kind, shape, data), _aligned(offset + size, alignment)
    return tensors


def _layout(name: str, kind: int, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """Return the name of a type, and a tensor's shape in numbers and in bytes."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType  # heavy: only who reads such a file pays for it

    if kind not in set(GGMLQuantizationType):
        raise _damaged(f"tensor {shorten(name)} is of type {kind}, which the gguf package does not know")
    block, size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
    if min(shape) < 1 or shape[-1] % block:
        raise _damaged(f"tensor {shorten(name)} has shape {shape}, and its type {block} numbers a block")
    return GGMLQuantizationType(kind).name, shape, (*shape[:-1], shape[-1] // block * size)


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


# ----------------------------------------------------------------------------------------------------- what it contains


def field(source: Gguf, key: str, kind: type, default: Any = ...) -> Any:
    """Return a value of the metadata.

    Args:
      source: the model.
      key: such as "llama.block_count".
      kind: int, float, bool, str, list (of texts) or np.ndarray (of numbers).
      default: what stands for a key that is not there; without it the key is demanded.

    Raises:
      UserError: there is no such key, or its value is of another kind.
    """
    value = source.metadata.get(key, default)
    if value is ...:
        raise UserError(f"{source.path}: {key} is missing from its metadata; convert the model again")
    if value is not default and type(value) is not kind:
        raise UserError(f"{source.path}: {key} is {shorten(value)}; it must be {_NAMES[kind]}, convert the model again")
    return value


def dequantised(tensor: Tensor, rows: slice = slice(None)) -> np.ndarray:
    """Return a tensor, or rows of it, as float32."""
    from gguf import GGMLQuantizationType, quants

    return quants.dequantize(np.asarray(tensor.data[rows]), GGMLQuantizationType[tensor.type])


def shares_of_types(source: Gguf) -> dict[str, float]:
    """Return {type: share of the weights}, such as {"Q4_1": 0.79, "Q8_0": 0.21}, the largest first."""
    counts: dict[str, int] = {}
    for tensor in source.tensors.values():
        counts[tensor.type] = counts.get(tensor.type, 0) + math.prod(tensor.shape)
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return {kind: count / sum(counts.values()) for kind, count in ordered}


def quantisation_of(path: str | os.PathLike) -> str:
    """Return the types of a GGUF file's weights, as in "Q4_1 79%, Q8_0 21%, F32 <1%"; "" where it is no such file."""
    if not is_gguf(path):
        return ""
    shares = shares_of_types(read_gguf(path))
    most = 1.0 if len(shares) == 1 else 0.99  # what is not all of them does not read so
    return ", ".join(
        f"{kind} {min(share, most):.0%}" if share >= 0.01 else f"{kind} <1%" for kind, share in shares.items()
    )
