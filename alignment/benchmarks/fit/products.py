"""Count the operations of a traced program's matrix products, in every iteration of a loop.

The compiler's own count takes the body of a loop once, however often it runs, and the layers are such a loop.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr


def product_flops(program: ClosedJaxpr | Jaxpr) -> float:
    """Return the multiplications and additions of all matrix products; recomputed products count again.

    A Pallas kernel counts as its cost estimate says, a condition as its costliest branch, and a `while` loop, whose
    number of iterations is unknown, as one iteration.
    """
    jaxpr = program.jaxpr if isinstance(program, ClosedJaxpr) else program
    return float(sum(_flops(equation) for equation in jaxpr.eqns))


def _flops(equation: Any) -> float:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        left = equation.invars[0].aval.shape
        return 2.0 * math.prod(equation.outvars[0].aval.shape) * math.prod(left[axis] for axis in contracted)
    if name == "pallas_call" and params.get("cost_estimate") is not None:
        return float(params["cost_estimate"].flops)
    inner = [product_flops(each) for each in _inner_programs(params)]
    if name == "cond":
        return max(inner)
    return params.get("length", 1) * sum(inner) if name == "scan" else sum(inner)


def _inner_programs(params: dict) -> Iterator[ClosedJaxpr | Jaxpr]:
    for value in params.values():
        for each in value if isinstance(value, tuple | list) else (value,):
            if isinstance(each, ClosedJaxpr | Jaxpr):
                yield each
