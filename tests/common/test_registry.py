"""Refusals that help."""

from __future__ import annotations

import pytest

from alignment.common.registry import lookup
from alignment.errors import UserError


def test_a_known_name_is_looked_up():
    assert lookup({"one": 1}, "one", "number") == 1


def test_unknown_names_kind_nearest_and_all():
    with pytest.raises(UserError) as raised:
        lookup({"accuracy": 1, "format": 2}, "acuracy", "reward channel")
    assert str(raised.value) == "unknown reward channel 'acuracy'; did you mean 'accuracy'? known: accuracy, format"


def test_empty_registry_has_no_nearest():
    with pytest.raises(UserError, match="unknown channel 'x'; known: $"):
        lookup({}, "x", "channel")
