"""Read and check the JSON objects of other programs, whose fields may hold any value."""

from __future__ import annotations

import json
from typing import Any

from etils import epath

from alignment.common.files import read_text
from alignment.errors import UserError

FLOAT32_RANGE = (1.2e-38, 3.4e38)  # between the smallest normal number and the largest


def read_object(path: epath.PathLike) -> dict[str, Any]:
    """Return the JSON object in a file, local or `gs://`.

    Raises:
      UserError: the file cannot be read, is not UTF-8 or JSON, or holds no object.
    """
    try:
        fields = json.loads(read_text(path))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); make it a file that this user may read") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid JSON ({error}); fetch the file again") from error
    if not isinstance(fields, dict):
        raise UserError(f"{path}: not a JSON object; fetch the file again")
    return fields


def is_one_of(value: Any, allowed: tuple[Any, ...]) -> bool:
    """Return whether `value` is one of `allowed`, its type included: in Python 1, 1.0 and True are equal."""
    return (type(value), value) in [(type(one), one) for one in allowed]


def is_positive(value: Any) -> bool:
    """Return whether `value` is a number above zero that float32 can hold."""
    low, high = FLOAT32_RANGE
    return isinstance(value, int | float) and not isinstance(value, bool) and low < value < high


def shorten(value: Any, width: int = 80) -> str:
    """Return the `repr` of a value in at most `width` characters, for a message of one line."""
    text = repr(value)
    return text if len(text) <= width else text[: width - 3] + "..."
