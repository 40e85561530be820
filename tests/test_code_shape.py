"""The code stays readable: short functions, few helpers used once, and names that say what a value is."""

import ast
import json
from statistics import median

import pytest
from code_shape import GENERIC, ROOT, generic_names, measure, package_files


@pytest.fixture(scope="module")
def package():
    return measure(package_files("alignment"))


def test_no_value_has_a_generic_name(package):
    others = measure(package_files("tests", "configs", "launch", "docs"))
    assert package.generic + others.generic == []


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_no_value_of_a_notebook_has_a_generic_name(path):
    cells = [cell["source"] for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    lines = "".join(line for cell in cells for line in (*cell, "\n")).splitlines()
    code = "\n".join("pass" if line.startswith(("!", "%")) else line for line in lines)
    assert [node.lineno for node in generic_names(ast.parse(code))] == []


def test_generic_names_are_counted_outside_comprehensions():
    code = "found = 1\ndef f(given): ...\nx = [kept for kept in y]\nfor place in x: ...\nlambda own: own"
    names = [node.id if isinstance(node, ast.Name) else node.arg for node in generic_names(ast.parse(code))]
    assert sorted(names) == ["found", "given", "own", "place"] and set(names) <= GENERIC


def test_few_helpers_are_used_once(package):
    short = [helper for helper in package.used_once if helper.lines <= 3]
    assert len(package.used_once) <= 0.25 * package.module_functions
    assert len(short) <= 0.01 * package.module_functions


def test_functions_and_files_are_short(package):
    assert package.many_parameters == [] and package.long_files == []
    assert 6 <= median(package.functions) <= 12


def test_the_step_imports_few_modules_of_the_project():
    tree = ast.parse((ROOT / "alignment" / "training" / "grpo.py").read_text("utf-8"))
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert sum(module.split(".")[0] == "alignment" for module in modules) <= 12
