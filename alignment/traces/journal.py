"""The journal: every answer a teacher gave, one JSON line each, on disk before the next thing happens.

It is only ever appended to, and each line is forced to the disk (`fsync`), so that a kill at any moment loses no answer
that had arrived whole. What a kill may leave is a last line that is torn; it is cut off when the journal is opened, and
its question is asked again. Verdicts are not in it: they are made anew from the answers, so that a changed filter asks
nothing again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from alignment.common.manifest import digest_of
from alignment.errors import UserError

_FLAG = "--config.traces.journal"
FINISHES = ("stop", "length", "refused")


class Key(NamedTuple):
    """What makes two requests one: none is made again whose key the journal holds."""

    id: str  # of the record
    attempt: int  # 0 for the first try at a question
    teacher: str
    prompt: str  # SHA-256 of the messages and the sampling settings


@dataclasses.dataclass(frozen=True)
class Answer:
    """One answer as it came: to which question, what it says, what it cost."""

    id: str
    attempt: int
    teacher: str
    prompt: str
    text: str
    finish: str  # one of FINISHES; "refused": the endpoint will not answer this question
    model: str = ""  # as the endpoint names it
    prompt_tokens: int = 0
    completion_tokens: int = 0
    counted: bool = True  # False: the endpoint stated no (believable) usage, and the tokens are estimates
    cost: float = 0.0  # at the prices of the day
    seconds: float = 0.0  # from asking to the last byte, the waits between repeated requests included
    requests: int = 1  # how many it took

    @property
    def key(self) -> Key:
        """What it answers."""
        return Key(self.id, self.attempt, self.teacher, self.prompt)


class Journal:
    """An open journal: `answers` by key, in the order in which they came, and `append`."""

    def __init__(self, path: Path, file: int):
        self.path = path
        self._file = file
        self.answers: dict[Key, Answer] = {}
        self.spent = 0.0  # the cost of everything in it, whatever teacher it was paid to
        for answer in _read(path, file):
            self._enter(answer)

    def _enter(self, answer: Answer) -> None:
        self.answers.setdefault(answer.key, answer)
        self.spent += answer.cost

    def append(self, answer: Answer) -> None:
        """Put `answer` on disk; it is there when this returns. A disk that is full raises `OSError` naming the file."""
        fields = dataclasses.asdict(answer)
        # In ASCII, so that no character can be torn, and with a hash of the line.
        line = json.dumps(fields | {"sha256": digest_of(fields)}).encode() + b"\n"
        size = os.fstat(self._file).st_size
        try:
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, size)
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self._enter(answer)


@contextlib.contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Open the journal at `path`, or start it, for one process at a time; one that gets no answer is not left behind.

    Raises:
      UserError: another process has it open, the folder cannot hold one, or a line other than the last is broken.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        existed = path.exists()
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(f"{path}: cannot be written ({error.strerror}); choose another {_FLAG}") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system lets go of it however the process ends
            if not os.fstat(file).st_nlink:  # its writer has just ended and taken the empty file away
                raise BlockingIOError
        except OSError as error:
            raise UserError(f"{path}: another process is writing it; wait for it or choose another {_FLAG}") from error
        try:
            yield Journal(path, file)
        finally:  # before the lock goes, so that nobody else has it open
            if not existed and os.fstat(file).st_size == 0:
                path.unlink(missing_ok=True)
    finally:
        os.close(file)


def _read(path: Path, file: int) -> Iterator[Answer]:
    """Yield the answers of the file, and cut off its last line where that is not whole."""
    start = 0
    data = path.read_bytes()
    lines = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        last = start + len(line) + 1 >= len(data)
        answer = _parse(line) if start + len(line) < len(data) else None  # without its line end it is not whole
        if answer is None and not last:
            raise UserError(f"{path}, line {number}: no answer of this journal, or damaged; mend or remove it")
        if answer is None:
            os.ftruncate(file, start)
            return
        yield answer
        start += len(line) + 1


def _parse(line: bytes) -> Answer | None:
    """The answer of a line; None where it is not one, or not as it was written (lines before hashes have none)."""
    try:
        fields = json.loads(line)
        digest = fields.pop("sha256", None)
        return Answer(**fields) if digest in (None, digest_of(fields)) else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
