"""docs/knowledge.md says what the base holds; run as a program, this file writes its tables again."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import re
from pathlib import Path
from types import ModuleType

import knowledge_inventory as inventory
import pytest
from knowledge_agreement import compare, read_reference, report

from alignment.knowledge.base import load, problems
from alignment.knowledge.calculators import CALCULATORS, evaluate
from alignment.knowledge.pharmacology.checks import family_problems
from alignment.knowledge.schema import GENERAL

PAGE = Path(__file__).resolve().parents[2] / "docs" / "knowledge.md"
FOLDER = os.environ.get("CLINICAL_DATA_DIR", "")
COMMAND = "PYTHONPATH=tests CLINICAL_DATA_DIR=FOLDER python tests/knowledge/test_page.py"
AGAIN = f"write the tables of docs/knowledge.md again: {COMMAND}"


def tables() -> dict[str, str]:
    sections = {"counts": inventory.tables(load(), load("full")), "calculators": inventory.calculators()}
    if FOLDER:
        sections["agreement"] = report(compare(load("full"), read_reference(Path(FOLDER))))
    return sections


def block(name: str) -> re.Pattern:
    return re.compile(rf"(<!-- {name}:begin -->\n)(.*?)(<!-- {name}:end -->)", re.DOTALL)


def written(name: str) -> str:
    return block(name).search(PAGE.read_text(encoding="utf-8"))[2].strip()


@pytest.mark.parametrize("name", ["counts", "calculators"])
def test_the_page_counts_what_is_there(name):
    assert written(name) == tables()[name], AGAIN


@pytest.mark.skipif(not FOLDER, reason="CLINICAL_DATA_DIR names no folder with the published files")
def test_the_page_tells_the_agreement():
    assert written("agreement") == tables()["agreement"], AGAIN
    assert "not settled" not in written("agreement")


def test_the_base_is_as_large_as_it_was_meant_to_be():
    full = load("full")
    assert len(full.conditions) >= 150 and len(full.drugs) >= 200 and len(CALCULATORS) >= 12
    assert len({finding.text for condition in full.conditions.values() for finding in condition.findings}) >= 300
    assert len({condition.specialty for condition in full.conditions.values()}) >= 12
    assert len(full.interactions) >= 150 and len(full.adverse_effects) >= 800


def example(path: str, folder: Path) -> ModuleType:
    """Import the example that stands under `path`."""
    (code,) = re.findall(rf"```python\n# {path}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (folder / "example.py").write_text(code)
    spec = importlib.util.spec_from_file_location("example", folder / "example.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_of_a_drug_fits_the_base(tmp_path):
    (family,) = example("alignment/knowledge/pharmacology/example.py", tmp_path).FAMILIES
    full = load("full")
    assert family_problems(full, [family]) == []
    (drug,) = family.drugs()
    grown = dataclasses.replace(
        full,
        drugs={**full.drugs, drug.name: drug},
        classes={**full.classes, family.name: family.drug_class()},
        indications=(*full.indications, *family.indications()),
        adverse_effects=(*full.adverse_effects, *family.adverse_effects()),
    )
    assert problems(grown) == [] and drug.source == GENERAL


def test_the_example_of_a_calculator_works(tmp_path):
    before = dict(CALCULATORS)
    example("alignment/knowledge/calculators/example.py", tmp_path)
    try:
        assert evaluate(CALCULATORS["pulse pressure"], {"systolic": 120, "diastolic": 80}) == 40
    finally:
        CALCULATORS.pop("pulse pressure")
    assert before == CALCULATORS


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for table, lines in tables().items():
        text = block(table).sub(lambda match, lines=lines: f"{match[1]}{lines}\n{match[3]}", text)
    PAGE.write_text(text, encoding="utf-8")
