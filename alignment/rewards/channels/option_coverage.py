"""The share of wrong options that the reasoning names. The audit's own check (a reconstruction)."""

from __future__ import annotations

from alignment.rewards.registry import channel, each
from alignment.text.audit_checks import option_coverage

option_coverage = channel("option_coverage")(each(option_coverage))
