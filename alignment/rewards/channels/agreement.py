"""Does the reasoning end on the option that is answered? The audit's own check (a reconstruction)."""

from __future__ import annotations

from alignment.rewards.registry import channel, each
from alignment.text.audit_checks import answer_reasoning_agreement

agreement = channel("agreement")(each(answer_reasoning_agreement))
