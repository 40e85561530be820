"""What the full scope adds to a condition of the core, which itself must not move."""

from __future__ import annotations

import dataclasses

from alignment.knowledge.schema import Condition, Finding


@dataclasses.dataclass(frozen=True)
class Detail:
    """Additions to the core's condition `name`: the test that confirms it and which findings of the core are its.

    `more` are further findings, `accepted` further drugs some authority would defend; `specialty` moves the condition
    where the full scope divides finer than the core. `dropped` are findings of the core that say the name outright.
    """

    name: str
    test: str
    by_test: tuple[str, ...]
    mechanism: str
    more: tuple[Finding, ...] = ()
    difficulty: int = 1
    also_tests: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    specialty: str = ""
    dropped: tuple[str, ...] = ()
    equal: bool = False

    def applied(self, condition: Condition) -> Condition:
        """Return `condition` with these additions."""
        findings = [
            dataclasses.replace(finding, test=self.test) if finding.text in self.by_test else finding
            for finding in condition.findings
            if finding.text not in self.dropped
        ]
        return dataclasses.replace(
            condition,
            specialty=self.specialty or condition.specialty,
            findings=(*findings, *self.more),
            alternatives=tuple(dataclasses.replace(a, equal=self.equal) for a in condition.alternatives),
            also_accepted=condition.also_accepted + self.accepted,
            test=self.test,
            also_tests=self.also_tests,
            mechanism=self.mechanism,
            difficulty=self.difficulty,
        )
