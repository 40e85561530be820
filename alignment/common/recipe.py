"""A configuration as a config file, as a run stores it, `--print_config` prints it and a next round proposes it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from etils import epath

from alignment.common.files import read_text

RECIPE = "recipe.py"  # in a workdir

_FILE = '''"""{about}"""
{comment}
from alignment.config import {defaults}

LEAVES = {{
{leaves}}}


def get_config():
    """Return the default configuration with these leaves."""
    config = {defaults}()
    config.update_from_flattened_dict(LEAVES)
    return config
'''


def recipe_file(about: str, leaves: Mapping[str, Any], comment: str = "", defaults: str = "default_config") -> str:
    """Return the text of a config file.

    Args:
      about: its docstring.
      leaves: dotted name -> value of every leaf that it sets.
      comment: lines to write above its code as comments.
      defaults: the function of alignment/config.py that returns the other leaves.
    """
    return _FILE.format(
        about=about,
        defaults=defaults,
        comment="".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines()),
        leaves="".join(f"    {name!r}: {value!r},\n" for name, value in leaves.items()),
    )


def read_recipe(path: epath.PathLike) -> dict[str, Any]:
    """Return the leaves of a file that `recipe_file` wrote, without running it; {} where there is none or it is other.

    A folder that somebody sends must not run code because it is evaluated.
    """
    try:
        tree = ast.parse(read_text(path))
        values = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "LEAVES"]
        leaves = ast.literal_eval(values[0])
    except (OSError, ValueError, SyntaxError, IndexError, AttributeError, RecursionError, MemoryError):
        return {}
    return leaves if isinstance(leaves, dict) else {}
