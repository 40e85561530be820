"""docs/configuration.md is made of the declarations of alignment/config.py."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from alignment.config import GROUPS, LEAVES

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("make_configuration", ROOT / "docs" / "make_configuration.py")
make_configuration = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(make_configuration)


def test_the_page_is_that_of_the_declarations(tmp_path):
    committed = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert committed == make_configuration.page(), "run python docs/make_configuration.py"
    assert make_configuration.main([f"--out={tmp_path / 'page.md'}"]) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == committed


def test_the_page_has_every_heading_and_every_leaf_once():
    text = make_configuration.page()
    rows = re.findall(r"^\| `([\w.]+)` \|[^|]*\|[^|]*\|[^|]*\|[^|]+\|$", text, re.MULTILINE)
    assert sorted(rows) == sorted(LEAVES)
    assert sorted(re.findall(r"^### (.*)$", text, re.MULTILINE)) == sorted(f"{k}: {v}" for k, v in GROUPS.items())
