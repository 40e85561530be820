"""Where memory runs out the batch is halved, and nothing is done twice."""

from __future__ import annotations

import jax
import pytest

from alignment.evaluation.memory import halving


def shortage() -> Exception:
    return jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes.")


def test_the_rest_goes_on_in_batches_that_fit(capsys):
    calls = []

    def compute(indices, size):
        for start in range(0, len(indices), size):
            batch = indices[start : start + size]
            calls.append((list(batch), size))
            if len(batch) > 2 or (size > 1 and 5 in batch):
                raise shortage()
            yield from ((index, -index) for index in batch)

    assert dict(halving(compute, 7, 4, "work", "rows a batch")) == {index: -index for index in range(7)}
    assert [size for _, size in calls] == [4, 2, 2, 2, 1, 1, 1]
    assert "work: out of memory; going on with 1 rows a batch, 4 of 7 are done" in capsys.readouterr().out


@pytest.mark.parametrize("error", [shortage(), ValueError("a defect")])
def test_one_item_that_does_not_fit_and_any_other_error_are_raised(error):
    def compute(indices, size):
        raise error
        yield

    with pytest.raises(type(error)):
        list(halving(compute, 2, 1 if not isinstance(error, ValueError) else 8, "work", "rows"))
