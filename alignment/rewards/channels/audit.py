"""The checks of the audit that also serve as reward channels; all of them are reconstructions."""

from __future__ import annotations

from alignment.rewards.registry import channel, each
from alignment.text import audit_checks

agreement = channel("agreement")(each(audit_checks.answer_reasoning_agreement))
distractor_rejection = channel("distractor_rejection")(each(audit_checks.distractor_rejection))
grounding = channel("grounding")(each(audit_checks.grounding))
option_coverage = channel("option_coverage")(each(audit_checks.option_coverage))
