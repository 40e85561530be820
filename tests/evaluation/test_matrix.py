from __future__ import annotations

import json
import math

import numpy as np
import pytest
from evaluation.vignette import mumble, record, respond
from hypothesis import given
from hypothesis import strategies as st

from alignment.evaluation.matrix import diagnose, entries, plain_rows, propose, text_matrix
from alignment.evaluation.matrix_cells import MATRIX
from alignment.rewards.presets import Weight, get_preset

WEIGHTS = {
    "accuracy": Weight(2.0, target=0.8),
    "format": Weight(0.5, target=1.0, severity=0.5),
    "repetition": Weight(0.5, target=-0.2, floor=-0.5),
}
RESPONSES = [respond(), respond(letter="A"), mumble(), mumble()]


def scores(**changed):
    """Everything at its best, but for what is changed."""
    best = {cell.channel: np.full(4, cell.best) for cell in MATRIX}
    return best | {name: np.float64(values) for name, values in changed.items()}


def fill(weights=WEIGHTS, **changed):
    return diagnose(RESPONSES, [record()] * 4, scores(**changed), weights)


def result_of(matrix, channel):
    (result,) = [result for result in matrix.results if result.cell.channel == channel]
    return result


MATRIX_A = {"accuracy": [1, 0, 0, 0], "format": [1, 1, 0, 0], "repetition": [-0.1, -0.1, -0.1, -0.1]}


def test_a_cell_by_hand():
    result = result_of(fill(**MATRIX_A), "accuracy")
    assert (result.n, result.mean, result.violations) == (4, 0.25, 0.75)
    assert result.deficit == pytest.approx((0.8 - 0.25) / 0.8) and result.risk == 0.75
    assert result.causes == (("no readable letter", 2), ("the reasoning has it right, the answer not", 1))
    penalty = result_of(fill(repetition=[-0.6, -0.6, 0, 0]), "repetition")
    assert penalty.deficit == pytest.approx(0.1 / 0.8) and penalty.violations == 0.5


def test_a_target_at_the_worst_value_is_always_met():
    result = result_of(fill({"accuracy": Weight(1.0, target=0.0)}, accuracy=[0, 0, 0, 0]), "accuracy")
    assert result.deficit == 0.0


def test_weakest_and_riskiest():
    matrix = fill(**MATRIX_A)
    assert (matrix.weakest, matrix.riskiest) == ("accuracy", "accuracy")
    matrix = fill(**MATRIX_A, contraindication_safety=[1, 1, 1, 0])  # 3 x 1/4, as accuracy's 1 x 3/4: the first stays
    assert matrix.riskiest == "accuracy"
    assert fill(**MATRIX_A, contraindication_safety=[1, 1, 0, 0]).riskiest == "contraindication_safety"
    good = fill()
    assert good.weakest is None and good.riskiest is None


def test_what_does_not_apply_is_neither_weak_nor_risky():
    result = result_of(fill(must_have=[math.nan] * 4), "must_have")
    assert (result.n, result.mean, result.violations, result.deficit, result.risk) == (0, None, None, 0.0, 0.0)
    part = result_of(fill(must_have=[math.nan, math.nan, 1, 0]), "must_have")
    assert (part.n, part.mean, part.violations) == (2, 0.5, 0.5)


def test_the_proposal_by_hand():
    """accuracy 2 e^.6875 (1 + .75), format .5 e^.5 (1 + .5 .5), repetition .5; scaled to 3."""
    proposal = propose(fill(**MATRIX_A), 1.0, 1.0)
    target_weights = np.array([2 * math.exp(0.6875) * 1.75, 0.5 * math.exp(0.5) * 1.25, 0.5])
    np.testing.assert_allclose([proposal[name].value for name in WEIGHTS], 3 * target_weights / target_weights.sum())
    assert proposal["accuracy"].target == 0.8 and proposal["repetition"].target == -0.1  # solved: half way to 0


def test_strengths_of_0_change_no_weight():
    proposal = propose(fill(**MATRIX_A), 0.0, 0.0)
    assert {name: weight.value for name, weight in proposal.items()} == {
        "accuracy": 2.0,
        "format": 0.5,
        "repetition": 0.5,
    }


def test_the_weakest_and_the_riskiest_cell_enter_though_unpaid():
    matrix = fill(**MATRIX_A, grounding=[0, 0, 0, 0], contraindication_safety=[0, 0, 0, 0])
    assert (matrix.weakest, matrix.riskiest) == ("grounding", "contraindication_safety")
    proposal = propose(matrix, 0.0, 0.0)
    assert proposal["grounding"].value == proposal["contraindication_safety"].value == 0.5
    assert proposal["contraindication_safety"].severity == 3.0
    assert propose(fill({"soft_tags": Weight(1.0)}, **MATRIX_A), 1.0, 1.0) == {}  # no cell of the matrix is rewarded


@given(st.lists(st.integers(0, 1), min_size=4, max_size=4), st.lists(st.integers(0, 1), min_size=4, max_size=4))
def test_a_proposal_keeps_the_sum_and_is_read_back(right, strict):
    matrix = fill(accuracy=right, format=strict, repetition=[-0.3] * 4)
    proposal = propose(matrix, 1.0, 1.0)
    before = sum(weight.value for weight in WEIGHTS.values())
    entered = len(proposal) - len(WEIGHTS)
    assert sum(weight.value for weight in proposal.values()) == pytest.approx(before + 0.5 * entered)
    back = get_preset("decoupled_v1", entries(proposal))
    for name, weight in proposal.items():
        assert back[name].value == pytest.approx(weight.value, rel=1e-3)
        assert back[name].target == pytest.approx(weight.target, rel=1e-3)


def test_rows_are_json_and_text():
    matrix = fill(**MATRIX_A, must_have=[math.nan] * 4)
    rows = plain_rows(matrix, propose(matrix, 1.0, 1.0))
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    text = text_matrix(rows)
    assert text.count("expert knowledge") == 1 and "no readable letter (2)" in text
    (line,) = [line for line in text.splitlines() if " accuracy " in line]
    assert line.endswith("weakest and riskiest") and "75.0 %" in line
