"""Checks for contradictions among conditions, their tests and their measured results."""

from __future__ import annotations

from collections import Counter

from alignment.knowledge.schema import Condition, KnowledgeBase, Result


def clinical_problems(base: KnowledgeBase) -> list[str]:
    """Return one line for every contradiction among the tests, mechanisms and results of `base`.

    The core has no tests and mechanisms; a condition that names its test must pass all checks.
    """
    told = [condition for condition in base.conditions.values() if condition.test]
    lines = [line for condition in told for line in _condition_problems(condition)]
    mechanisms = Counter(condition.mechanism for condition in told)
    lines += [
        f"the mechanism {text!r} belongs to {count} conditions" for text, count in mechanisms.items() if count > 1
    ]
    for result in base.results.values():
        lines += _result_problems(base, result)
    return lines


def _condition_problems(condition: Condition) -> list[str]:
    where = f"condition {condition.name!r}"
    decisive = [finding for finding in condition.findings if finding.decisive]
    tests = {finding.test for finding in decisive} - {""}
    lines = [] if condition.mechanism else [f"{where} has no mechanism"]
    if sum(not finding.test for finding in decisive) < 2:
        lines.append(f"{where}: fewer than two decisive findings come from history and examination")
    if condition.test not in tests:
        lines.append(f"{where}: no decisive finding is shown by its test {condition.test!r}")
    if strange := sorted(tests - {condition.test, *condition.also_tests}):
        lines.append(f"{where}: findings are shown by {strange}, which are not among its tests")
    if condition.test in condition.also_tests:
        lines.append(f"{where}: {condition.test!r} is both its test and another one")
    if condition.difficulty not in (1, 2, 3):
        lines.append(f"{where}: difficulty {condition.difficulty} is none of 1, 2, 3")
    told = [finding.text for finding in condition.findings if condition.name.lower() in finding.text.lower()]
    return lines + [f"{where}: finding {text!r} gives the name away" for text in told]


def _result_problems(base: KnowledgeBase, result: Result) -> list[str]:
    where = f"result {result.finding!r}"
    lines = []
    if not any(result.finding == f.text for c in base.conditions.values() for f in c.findings):
        lines.append(f"{where} is a finding of no condition")
    if not (result.normal[0] <= result.normal[1] and result.plausible[0] < result.plausible[1]):
        lines.append(f"{where}: its ranges {result.normal} and {result.plausible} are not in order")
    if result.plausible[0] <= result.normal[1] and result.normal[0] <= result.plausible[1]:
        lines.append(f"{where}: plausible values {result.plausible} overlap the normal ones {result.normal}")
    return lines
