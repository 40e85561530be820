"""The container of GGUF files: what `gguf` writes is read, and every damage is one line, in little memory."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
from pathlib import Path

import gguf
import made_gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.common.gguf_file import field, is_gguf, quantisation_of, read_gguf
from alignment.errors import UserError
from alignment.models.config import read_config
from alignment.models.hf import load_params
from alignment.text.tokenizer import load_tokenizer, stop_ids


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return made_gguf.write_model(tmp_path_factory.mktemp("gguf") / "whole.gguf", "qwen2", "Q4_0")


@pytest.fixture(scope="module")
def header(whole) -> int:
    """The length of the header in bytes."""
    return gguf.GGUFReader(whole).data_offset


def damaged(whole: Path, name: str, content: bytes) -> Path:
    path = whole.with_name(f"{name}.gguf")
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    return path


def load_all(path: Path) -> None:
    """Everything that a run reads of a file."""
    config = read_config(str(path))
    stop_ids(load_tokenizer(str(path)), str(path))
    load_params(str(path), config)


def refused(path: Path) -> str:
    with pytest.raises(UserError) as error:
        load_all(path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
    return str(error.value).removeprefix(f"{path}: ")


def test_what_the_package_writes_is_read(tmp_path):
    entries = made_gguf.metadata("llama", general__alignment=64) | {
        "a.bool": True,
        "a.float": 0.5,
        "a.text": "two\nlines of é",
        "a.numbers": [1, -2, 3],
        "a.texts": ["", "é"],
    }
    tensors = made_gguf.stored_tensors("llama", "Q5_0")
    path = made_gguf.write(tmp_path / "a.gguf", "llama", tensors, entries)
    source, reader = read_gguf(path), gguf.GGUFReader(path)
    for name, value in entries.items():
        np.testing.assert_array_equal(source.metadata[name], np.float32(value) if type(value) is float else value)
    assert list(source.tensors) == [tensor.name for tensor in reader.tensors]
    for tensor in reader.tensors:
        ours = source.tensors[tensor.name]
        assert (ours.type, ours.shape) == (tensor.tensor_type.name, tuple(reversed(tensor.shape.tolist())))
        np.testing.assert_array_equal(ours.data, tensor.data.view(np.uint8).reshape(ours.data.shape))
    assert quantisation_of(path) == "Q5_0 99%, F32 <1%"
    assert quantisation_of(tmp_path) == ""


def test_a_file_that_changes_is_read_again(tmp_path):
    path = made_gguf.write_model(tmp_path / "a.gguf", "llama")
    first = read_gguf(path)
    made_gguf.write(path, "llama", made_gguf.stored_tensors("llama", "Q8_0"))
    assert first.tensors["token_embd.weight"].type == "F32"
    assert read_gguf(path).tensors["token_embd.weight"].type == "Q8_0"


def test_fields_have_a_kind(whole):
    source = read_gguf(whole)
    assert field(source, "qwen2.block_count", int) == 2 and field(source, "no.such", int, 5) == 5
    with pytest.raises(UserError, match="no.such is missing from its metadata"):
        field(source, "no.such", int)
    with pytest.raises(UserError, match=r"qwen2.block_count is 2; it must be text"):
        field(source, "qwen2.block_count", str)


def test_paths_are_recognised_by_their_ends(tmp_path):
    (tmp_path / "folder.gguf").mkdir()
    assert is_gguf("a/b.gguf") and is_gguf(Path("B.GGUF"))
    assert not is_gguf("") and not is_gguf("a/gguf") and not is_gguf(tmp_path / "folder.gguf")


@pytest.mark.parametrize(
    ("offset", "layout", "value", "message"),
    [
        (0, "<I", 0, "damaged or no GGUF file (it does not begin with GGUF)"),
        (4, "<I", 1, "version 1 GGUF, and little-endian version 2 or 3 is read"),
        (4, ">I", 3, "big-endian GGUF"),
        (8, "<Q", 2**40, "its header counts 1099511627776 tensors, more than the file has room for"),
        (8, "<Q", 2**64 - 1, "tensors, more than the file has room for"),
        (16, "<Q", 2**40, "its header counts 1099511627776 entries"),
        (24, "<Q", 2**40, "its header counts 1099511627776 bytes of text"),
    ],
)
def test_a_header_that_names_what_is_not_there(whole, offset, layout, value, message):
    content = bytearray(whole.read_bytes())
    struct.pack_into(layout, content, offset, value)
    tracemalloc.start()
    assert message in refused(damaged(whole, "counts", content))
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "kind", "count", "message"),
    [
        ("tokenizer.ggml.token_type", 5, 2**40, "its header counts 1099511627776 numbers"),
        ("tokenizer.ggml.tokens", 8, 2**40, "its header counts 1099511627776 texts"),
        ("tokenizer.ggml.tokens", 9, 1, "its header holds a list of unknown type 9"),
    ],
)
def test_a_list_longer_than_the_file(whole, name, kind, count, message):
    content = bytearray(whole.read_bytes())
    start = content.index(struct.pack("<Q", len(name)) + name.encode()) + 8 + len(name) + 4
    struct.pack_into("<IQ", content, start, kind, count)
    assert message in refused(damaged(whole, "lists", content))


def test_no_file_and_an_empty_one(tmp_path):
    (tmp_path / "empty.gguf").touch()
    assert refused(tmp_path / "empty.gguf").startswith("damaged or no GGUF file (it ends at byte 0, within its header)")
    assert refused(tmp_path / "none.gguf") == "cannot be read (No such file or directory); name a GGUF file"


@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_that_ends_early(whole, header, share):
    size = int(share * whole.stat().st_size)
    message = refused(damaged(whole, "short", whole.read_bytes()[:size]))
    assert "damaged or no GGUF file (" in message
    assert size < header or f"it ends at byte {size}, and tensor" in message


@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_of_the_header_is_one_line_or_harmless(whole, header, position, bit):
    """Most bits are of texts: a file with another token or template may be read."""
    content = bytearray(whole.read_bytes())
    content[int(position * header)] ^= 1 << bit
    path = damaged(whole, "flipped", content)
    with contextlib.suppress(UserError):
        load_all(path)
        return
    refused(path)


@given(start=st.floats(0, 1, exclude_max=True), noise=st.binary(min_size=1, max_size=16))
def test_noise_in_the_numbers_of_the_header(whole, header, start, noise):
    """Where no vocabulary lies: the counts, the sizes and the places of the tensors."""
    content = bytearray(whole.read_bytes())
    tokens, merges = content.index(b"tokenizer.ggml.tokens"), content.index(b"tokenizer.ggml.bos_token_id")
    at = int(start * (tokens + header - merges))
    at = at if at < tokens else at - tokens + merges
    content[at : at + len(noise)] = noise
    path = damaged(whole, "noise", content)
    with contextlib.suppress(UserError):
        load_all(path)
        return
    refused(path)
