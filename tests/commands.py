"""The commands that the documents tell a reader to type, and the one table of those that do not run as they stand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "commands.md"
PROGRAMS = (
    *("python", "pip", "pytest", "make", "git", "gcloud", "export", "pre-commit", "lint-imports", "ruff", "bash", "hf"),
    *(
        "wandb",
        "jupyter",
        "docker",
        "huggingface-cli",
        "uv",
        "conda",
        "tensorboard",
        "clinical-alignment/.venv/bin/wandb",
    ),
)
STARTS = re.compile(rf"(?:[A-Z_]+=\S+ )*(?:{'|'.join(map(re.escape, PROGRAMS))}) ")


def documents() -> dict[str, str]:
    """{path: text} of everything that holds commands: Markdown, and the docstrings of modules."""
    pages = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "launch").rglob("*.md"),
    ]
    texts = {path: path.read_text() for path in sorted(pages) if path != TABLE}
    for folder in ("configs", "alignment", "launch", "docs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            texts[path] = ast.get_docstring(ast.parse(path.read_text())) or ""
    return {path.relative_to(ROOT).as_posix(): text for path, text in texts.items()}


def commands_of(text: str) -> Iterator[str]:
    """The commands of a text, in indented or fenced lines and in back quotes, without comments and with one space."""
    fenced = False
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        fenced ^= line.startswith("```")
        quoted = re.findall(r"`([^`]+)`", line)
        # What follows two blanks and is no flag is a remark.
        block = [re.split(r"\s{2,}(?![\s-])|\s#", line.strip())[0]] if fenced or line.startswith("    ") else []
        for command in (part for candidate in (*block, *quoted) for part in candidate.split("&&")):
            command = " ".join(command.split())
            if STARTS.match(f"{command} ") and " " in command:
                yield command


def collect() -> dict[str, str]:
    """{command: the first document that has it}."""
    first: dict[str, str] = {}
    for document, text in documents().items():
        for command in commands_of(text):
            first.setdefault(command, document)
    return first


def table() -> dict[str, tuple[str, str]]:
    """{command, or its beginning with `...`: (how it is tested, why)} of docs/commands.md."""
    rows = {}
    for line in TABLE.read_text().splitlines():
        cells = re.fullmatch(r"\| `(.+?)` \| (.+?) \| (.+) \|", line)
        if cells:
            rows[cells[1]] = (cells[2].strip("`"), cells[3])
    return rows


def row_of(command: str, rows: dict[str, tuple[str, str]]) -> str | None:
    """The row that speaks about a command: its own, or the longest beginning of it; None where there is none."""
    begins = [row for row in rows if row == command or (row.endswith(" ...") and command.startswith(row[:-3]))]
    return max(begins, key=lambda row: (row == command, len(row)), default=None)
