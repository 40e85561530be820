"""Conditions beyond the core, one file a specialty, and what the full scope adds to those of the core."""

from __future__ import annotations

import dataclasses

from alignment.knowledge.schema import KnowledgeBase

_PARTS = ()


def extended(base: KnowledgeBase) -> KnowledgeBase:
    """Return `base` with the conditions of this folder; what was in it already stays, in its order."""
    new = {condition.name: condition for part in _PARTS for condition in part.CONDITIONS}
    return dataclasses.replace(base, conditions={**base.conditions, **new})
