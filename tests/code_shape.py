"""Count what makes the code hard to read: `python tests/code_shape.py [FOLDER...]`; test_code_shape.py bounds it.

A private helper "used once" is a module-level function whose name starts with an underscore and is read once in its
file. Its lines are those of its body without the docstring.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path
from statistics import median
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
GENERIC = frozenset({"found", "here", "given", "own", "kept", "asked", "said", "place"})
# Tables of clinical facts and kernels may have long files and functions of many arguments.
EXEMPT = ("knowledge/", "vignettes/", "kernels/", "calculators/")
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Helper(NamedTuple):
    """A private function used once."""

    where: str  # "path:line name"
    lines: int  # of its body


class Shape(NamedTuple):
    """What was counted in a set of files."""

    functions: list[int]  # lines of every function
    module_functions: int
    used_once: list[Helper]
    generic: list[str]  # "path:line name"
    many_parameters: list[str]  # "path:line name count", more than 8
    long_files: list[str]  # "path lines", more than 400
    lines: int


def body_lines(function: Function) -> int:
    """The lines of a function's body, without its docstring."""
    statements = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return statements[-1].end_lineno - statements[0].lineno + 1 if statements else 0


def generic_names(tree: ast.AST) -> list[ast.Name | ast.arg]:
    """Variables and parameters with a name of `GENERIC`, outside comprehensions."""
    in_comprehensions = {
        name for node in ast.walk(tree) if isinstance(node, ast.comprehension) for name in ast.walk(node.target)
    }
    stored = (
        node
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node not in in_comprehensions)
        or isinstance(node, ast.arg)
    )
    return [node for node in stored if (node.id if isinstance(node, ast.Name) else node.arg) in GENERIC]


def parameters(function: Function) -> int:
    """How many parameters a function declares."""
    arguments = function.args
    return len(arguments.posonlyargs + arguments.args + arguments.kwonlyargs)


def measure(paths: list[Path]) -> Shape:
    """Count over the files."""
    shape = Shape([], 0, [], [], [], [], 0)
    for path in paths:
        text, name = path.read_text("utf-8"), str(path.relative_to(ROOT))
        tree, exempt = ast.parse(text), any(part in name for part in EXEMPT)
        count = len(text.splitlines())
        reads = Counter(
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        )
        functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
        module_functions = [node for node in tree.body if isinstance(node, Function)]
        shape.functions.extend(node.end_lineno - node.lineno + 1 for node in functions)
        shape.used_once.extend(
            Helper(f"{name}:{node.lineno} {node.name}", body_lines(node))
            for node in module_functions
            if node.name.startswith("_") and reads[node.name] == 1
        )
        shape.generic.extend(
            f"{name}:{node.lineno} {node.id if isinstance(node, ast.Name) else node.arg}"
            for node in generic_names(tree)
        )
        if not exempt:
            shape.many_parameters.extend(
                f"{name}:{node.lineno} {node.name} {parameters(node)}" for node in functions if parameters(node) > 8
            )
            shape.long_files.extend([f"{name} {count}"] if count > 400 else [])
        shape = shape._replace(
            module_functions=shape.module_functions + len(module_functions), lines=shape.lines + count
        )
    return shape


def package_files(*folders: str) -> list[Path]:
    """The Python files below folders of the repository."""
    return sorted(path for folder in folders or ("alignment",) for path in (ROOT / folder).rglob("*.py"))


def main(*folders: str) -> None:
    """Print the lists and the figures."""
    shape = measure(package_files(*folders))
    short = [helper for helper in shape.used_once if helper.lines <= 3]
    for title, lines in (
        ("private, used once, at most 3 lines", [helper.where for helper in short]),
        ("private, used once, longer", [f"{where} ({count})" for where, count in shape.used_once if count > 3]),
        ("generic names", shape.generic),
        ("more than 8 parameters", shape.many_parameters),
        ("files over 400 lines", shape.long_files),
    ):
        print(f"\n{title}: {len(lines)}", *lines, sep="\n  ")
    total = shape.module_functions
    print(
        f"\n{shape.lines} lines, {len(shape.functions)} functions, median {median(shape.functions):.0f} lines; of "
        f"{total} module-level ones {len(shape.used_once)} private and used once ({len(shape.used_once) / total:.1%}), "
        f"{len(short)} of them at most 3 lines ({len(short) / total:.1%})"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
