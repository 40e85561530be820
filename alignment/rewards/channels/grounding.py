"""The share of reasoning sentences that take up the stem. The audit's own check (a reconstruction)."""

from __future__ import annotations

from alignment.rewards.registry import channel, each
from alignment.text.audit_checks import grounding

grounding = channel("grounding")(each(grounding))
