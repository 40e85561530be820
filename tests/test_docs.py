"""docs/architecture.md, glossary.md and losses.md: every file, function, type and identifier that they name exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from alignment.config import LEAVES, RENAMED
from alignment.metric_schema import OLD_NAMES as OLD_NAMES_OF_METRICS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "alignment"
HEADING = "## Earlier names"
PAGES = {
    name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("architecture.md", "glossary.md", "losses.md")
}
# The first column of the table of earlier names is about code that is gone.
EARLIER = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|$", PAGES["glossary.md"].partition(HEADING)[2], re.MULTILINE)
TEXTS = {name: text.partition(HEADING)[0] for name, text in PAGES.items()}
TEXTS["earlier names"] = "\n".join(now for _, now in EARLIER)


def definitions(path: Path) -> set[str]:
    """The functions, classes, fields and constants that a module defines, also inside others."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def identifiers() -> set[str]:
    """Every identifier of the package, its constants of one word, and the parts of configuration leaves."""
    names = {part for leaf in LEAVES for part in leaf.split(".")}
    for path in PACKAGE.rglob("*.py"):
        names |= {path.stem, path.parent.name} | definitions(path)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.arg):
                names.add(node.arg)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
                names.add(node.value)
    return names


def unknown_references(text: str) -> set[str]:
    """The references of a text, `file.py:name` or `alignment/path`, that lead nowhere."""
    references = {path for path in re.findall(r"`(alignment/[\w/.]+)`", text) if not (ROOT / path).exists()}
    for path, name in re.findall(r"([\w/]+\.py):(\w+)", text):
        file = PACKAGE / path.removeprefix("alignment/")
        if not file.exists() or name not in definitions(file):
            references.add(f"{path}:{name}")
    return references


@pytest.mark.parametrize("page", TEXTS)
def test_every_reference_of_a_page_leads_to_the_code(page):
    assert unknown_references(TEXTS[page]) == set()


def test_a_wrong_reference_is_recognised():
    text = "`alignment/training/grpo.py:train_grpo`, `alignment/none.py`, training/grpo.py:collect and none.py:x"
    assert unknown_references(text) == {"alignment/none.py", "training/grpo.py:collect", "none.py:x"}


def test_every_identifier_of_a_page_is_one_of_the_code():
    known = identifiers()
    words = {word for text in TEXTS.values() for word in re.findall(r"`(\w+)`", text)}
    assert len(words) > 10 and words - known == set()


def test_the_walk_has_four_files():
    files = re.findall(r"^\| \d\. `(alignment/[\w/]+\.py):\w+`", TEXTS["architecture.md"], re.MULTILINE)
    assert len(set(files)) == len(files) == 4


def test_what_has_a_new_name_has_lost_the_old_one():
    """An earlier file is gone, an earlier leaf is answered with its present name, and so is an earlier metric."""
    assert len(EARLIER) > 20
    renamed = {f"--config.{old}": f"--config.{new}" for old, new in RENAMED.items()} | OLD_NAMES_OF_METRICS
    listed = {old.strip("`"): now.strip("`") for old, now in EARLIER}
    assert renamed.items() <= listed.items()
    assert not [old for old in listed if old.endswith(".py") and (ROOT / old).exists()]


def test_the_pages_speak_of_packages_and_entry_points():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"), *ROOT.glob("launch/*/*.md")]
    earlier = re.compile(r"\b(?:house|rooms?|doors?|worn|lanes?)\b")
    texts = {page.name: page.read_text(encoding="utf-8").partition(HEADING)[0] for page in pages}
    assert {name: earlier.findall(text) for name, text in texts.items() if earlier.search(text)} == {}
