"""A configuration as a config file, as a run stores it, `--print_config` prints it and a next round proposes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
