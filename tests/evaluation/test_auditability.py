from __future__ import annotations

import pytest
from evaluation.vignette import mumble, record, respond

from alignment.evaluation.auditability import audit, check_values, composite, rewarded_checks
from alignment.text.audit_checks import CHECKS

BINARY = {name for name, check in CHECKS.items() if check.binary}


def test_composite_is_the_mean_of_the_binary_checks_alone():
    values = {name: 1.0 if name in BINARY else 0.0 for name in CHECKS}
    assert composite(values) == 1.0
    values["strict_format"] = 0.0
    assert composite(values) == pytest.approx(1 - 1 / len(BINARY))


def test_audit_by_hand():
    # The first passes every binary check; the second, prefixed, fails "strict_format" and "nothing_outside" only.
    responses = [respond(), respond(before="Well. ")]
    audited = audit(responses, [record("a"), record("b")])
    assert audited["n"] == 2
    assert audited["checks"]["strict_format"] == 0.5
    assert audited["checks"]["nothing_outside"] == 0.5
    assert audited["checks"]["answer_reasoning_agreement"] == 1.0
    assert audited["checks"]["option_coverage"] == 1.0
    assert audited["auditability"] == pytest.approx((1 + 3 / 5) / 2)
    low, high = audited["auditability_ci95"]
    assert 0.6 - 1e-9 <= low <= audited["auditability"] <= high <= 1 + 1e-9


def test_wrong_answers_are_audited_apart():
    # Wrong and fully auditable, wrong and unreadable, right.
    wrong = respond(
        reasoning="The calf and the pleuritic pain are misleading here. " * 5 + "The answer is A.", letter="A"
    )
    responses = [wrong, mumble(), respond()]
    audited = audit(responses, [record(f"r{i}") for i in range(3)])
    assert audited["wrong_only"]["n"] == 2
    assert audited["wrong_only"]["auditability"] == pytest.approx((composite(check_values(wrong, record())) + 0.0) / 2)
    assert audited["auditability_wrong_only"] == audited["wrong_only"]["auditability"] == pytest.approx(0.5)
    assert audited["wrong_only"]["checks"]["strict_format"] == 0.5


def test_without_wrong_answers_there_is_no_figure_for_them():
    audited = audit([respond(), respond()], [record("a"), record("b")])
    assert audited["wrong_only"] is None and audited["auditability_wrong_only"] is None


def test_a_single_response_has_no_interval():
    assert audit([respond()], [record()])["auditability_ci95"] is None


def test_rewarded_checks_follow_the_channels():
    assert rewarded_checks(()) == () == rewarded_checks(("accuracy", "repetition"))
    assert rewarded_checks(("soft_tags",)) == ("strict_format", "tags_once", "tag_order")
    assert set(rewarded_checks(("accuracy", "format"))) == {
        "strict_format",
        "tags_once",
        "tag_order",
        "nothing_outside",
    }
    assert audit([respond()], [record()], rewarded=("format",))["rewarded_checks"] == list(rewarded_checks(("format",)))
