from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from made_data import examples_of
from tiny import records, write_folder

from alignment.common import progress
from alignment.data import tokens
from alignment.data.tokens import encoding_key, tokenise
from alignment.errors import UserError
from alignment.text.templates import get_template
from alignment.text.tokenizer import load_tokenizer

RECORDS = records(9)


class Encoder:
    """Counts its calls; ids are the characters, the last half is trained on."""

    calls = 0

    def __call__(self, record):
        self.calls += 1
        ids = [ord(letter) for letter in record.question[: 5 + self.calls % 3]]
        return ids, [int(place * 2 >= len(ids)) for place in range(len(ids))]


def test_the_second_time_nothing_is_encoded_and_everything_is_equal(tmp_path):
    encode = Encoder()
    first = tokenise(RECORDS, encode, "a", str(tmp_path))
    assert encode.calls == len(RECORDS) == len(first)
    again = tokenise(RECORDS, encode, "a", str(tmp_path))
    assert encode.calls == len(RECORDS)
    assert again.take(range(9)) == first.take(range(9)) == examples_of(pairs()).take(range(9))
    np.testing.assert_array_equal(first.lengths, again.lengths)


def pairs():
    encode = Encoder()
    return [encode(record) for record in RECORDS]


def test_examples_are_taken_in_the_order_asked_for_and_twice_if_wanted(tmp_path):
    made, held = tokenise(RECORDS, Encoder(), "a", str(tmp_path)), examples_of(pairs())
    for examples in (made, held):
        ids, masks = examples.take(np.array([7, 2, 7]))
        assert ids == [pairs()[index][0] for index in (7, 2, 7)] and masks[1] == pairs()[2][1]
        assert examples.lengths.tolist() == [len(ids) for ids, _ in pairs()]


@pytest.mark.parametrize("changed", ["records", "order", "what"])
def test_what_the_contents_depend_on_makes_a_new_table(tmp_path, changed):
    encode = Encoder()
    tokenise(RECORDS, encode, "a", str(tmp_path))
    other = [dataclasses.replace(RECORDS[0], cot="otherwise"), *RECORDS[1:]]
    records = {"records": other, "order": RECORDS[::-1], "what": RECORDS}[changed]
    tokenise(records, encode, "b" if changed == "what" else "a", str(tmp_path))
    assert encode.calls == 2 * len(RECORDS) and len(list(tmp_path.glob("*.arrow"))) == 2


@pytest.mark.parametrize("damage", ["empty", "noise", "cut", "flipped", "no hash", "wrong hash", "folder"])
def test_a_damaged_table_is_made_again_and_the_run_says_so(tmp_path, capsys, damage):
    first = tokenise(RECORDS, Encoder(), "a", str(tmp_path)).take(range(9))
    (path,) = tmp_path.glob("*.arrow")
    content, hash_file = path.read_bytes(), path.with_suffix(".sha256")
    at = content.index(np.int32(first[0][0][0]).tobytes())  # one bit of a token: Arrow reads it without a word
    flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    damaged = {"empty": b"", "noise": b"noise", "cut": content[:-40], "flipped": flipped}
    if damage in damaged:
        path.write_bytes(damaged[damage])
    elif damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        hash_file.write_text("0" * 64) if damage == "wrong hash" else hash_file.unlink()
    encode = Encoder()
    assert tokenise(RECORDS, encode, "a", str(tmp_path)).take(range(9)) == first
    assert encode.calls >= 9
    assert f"{path}: damaged; tokenised again" in capsys.readouterr().out


@pytest.mark.parametrize("cache", ["file", "file/below", "/proc/none-such/tokens"])
def test_a_cache_that_cannot_be_written_is_a_warning_once_and_the_run_goes_on(tmp_path, capsys, cache):
    (tmp_path / "file").write_text("")
    tokens._warn.cache_clear()
    for what in ("a", "b"):
        examples = tokenise(RECORDS, Encoder(), what, str(tmp_path / cache))
        assert examples.take(range(9)) == examples_of(pairs()).take(range(9))
    printed = capsys.readouterr().out
    assert printed.count("warning: ") == 1 and "--config.data.cache" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_under_the_cache_is_a_warning_too(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    tokens._warn.cache_clear()
    monkeypatch.setattr(tokens, "write_text", full)
    assert len(tokenise(RECORDS, Encoder(), "a", str(tmp_path))) == 9
    assert "tokens cannot be kept there (No space left on device)" in capsys.readouterr().out


def test_a_record_that_cannot_be_encoded_leaves_no_table(tmp_path):
    def encode(record):
        raise UserError("too long")

    with pytest.raises(UserError, match="too long"):
        tokenise(RECORDS, encode, "a", str(tmp_path))
    assert not list(tmp_path.glob("*.arrow"))


def test_the_default_is_the_users_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tokenise(RECORDS, Encoder(), "a")
    assert len(list((tmp_path / "clinical-alignment" / "tokens").glob("*.arrow"))) == 1


def test_the_key_names_tokenizer_choices_and_code(tmp_path, monkeypatch):
    tokenizer = load_tokenizer(write_folder(tmp_path / "base"))
    template = get_template("think_answer")
    keys = [encoding_key(tokenizer, template=template, response=response) for response in ("cot", "answer", "cot")]
    assert keys[0] == keys[2] != keys[1]
    other = load_tokenizer(write_folder(tmp_path / "base"))
    other.backend_tokenizer.add_tokens(["<seen>"])
    code = tmp_path / "code.py"
    code.write_text("changed")
    monkeypatch.setattr(tokens.templates, "__file__", str(code))
    changed = encoding_key(tokenizer, template=template, response="cot")
    monkeypatch.undo()
    assert len({keys[0], encoding_key(other, template=template, response="cot"), changed}) == 3


@pytest.mark.parametrize("quiet", [False, True])
def test_its_progress_is_that_of_the_project_with_no_carriage_return_in_a_log(tmp_path, capfd, monkeypatch, quiet):
    monkeypatch.setattr(progress, "_quiet", quiet)
    tokenise(RECORDS, Encoder(), "a", str(tmp_path))
    out, err = capfd.readouterr()
    assert "\r" not in out + err and ("tokenising: example 9/9" in out + err) != quiet
