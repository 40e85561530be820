"""The share of wrong options that the reasoning speaks against. The audit's own check (a reconstruction)."""

from __future__ import annotations

from alignment.rewards.registry import channel, each
from alignment.text.audit_checks import distractor_rejection

distractor_rejection = channel("distractor_rejection")(each(distractor_rejection))
