"""Every implementation of the projection against the reference, in values and gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alignment.errors import UserError
from alignment.kernels.lora_projection.api import IMPLEMENTATIONS, Update, lora_projection

KEYS = jax.random.split(jax.random.key(0), 7)


def case(tokens, dtype):
    """x [tokens, 24], W [24, 40] and two blocks of rank 4."""
    x = jax.random.normal(KEYS[0], (tokens, 24))
    w = (0.2 * jax.random.normal(KEYS[1], (24, 40))).astype(dtype)
    draws = [0.2 * jax.random.normal(key, shape) for key, shape in zip(KEYS[2:6], [(24, 4), (4, 40)] * 2, strict=True)]
    return x, w, ((draws[0], draws[1]), (draws[2], draws[3]))


@pytest.mark.parametrize("implementation", [name for name in IMPLEMENTATIONS if name != "reference"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("tokens", [3, 60])  # fewer and more than 24 * 40 / (24 + 40) = 15
def test_values_and_gradients_are_those_of_the_reference(implementation, dtype, tokens):
    x, w, blocks = case(tokens, dtype)

    def value(x, w, blocks, implementation):
        return jnp.sum(jnp.cos(lora_projection(x, w, (Update(blocks),), implementation)))

    actual, wanted = (
        jax.value_and_grad(value, argnums=(0, 1, 2))(x, w, blocks, name) for name in (implementation, "reference")
    )
    # Sums of at most 60 x 40 terms in float32, or g rounded to bfloat16 (2^-9) and the result once more.
    tolerance = 2e-5 if dtype == "float32" else 2.0**-7
    for one, other in zip(jax.tree.leaves(actual), jax.tree.leaves(wanted), strict=True):
        one, other = np.asarray(one, np.float32), np.asarray(other, np.float32)
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * np.abs(other).max())


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_dropout_changes_the_input_of_its_own_update_alone(implementation):
    x, w, (first, second) = case(60, "float32")
    keep = jax.random.bernoulli(KEYS[6], 0.5, x.shape)
    actual = lora_projection(x, w, (Update((first,)), Update((second,), keep, 0.5)), implementation)
    wanted = x @ w + (x @ first[0]) @ first[1] + (2 * x * keep @ second[0]) @ second[1]
    # Sums of at most 24 terms in another order.
    np.testing.assert_allclose(actual, wanted, rtol=0, atol=1e-5)


def test_an_unknown_implementation_is_refused():
    x, w, blocks = case(3, "float32")
    with pytest.raises(UserError, match="lora_projection has no implementation 'magic'; use one of xla, reference"):
        lora_projection(x, w, (Update(blocks),), "magic")
