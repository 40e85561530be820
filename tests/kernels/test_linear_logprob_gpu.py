"""The Mosaic GPU kernel in Pallas' interpreter, and lowered for CUDA; no GPU is touched."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
from kernels.logprob_case import BFLOAT16, case, check, interpreted

from alignment.kernels.linear_logprob import online, pallas_gpu

pytestmark = pytest.mark.skipif(
    jax.__version_info__[:2] < pallas_gpu.OLDEST, reason=f"jax {jax.__version__} is older than the kernel's 0.11"
)


@pytest.mark.parametrize(
    ("tokens", "dim", "vocab", "scale", "temperature"),
    [(37, 64, 304, 1.0, 0.7), (70, 128, 256, 0.3, 1.0), (1, 64, 128, 3.0, 1.5)],
)
def test_against_float64(tokens, dim, vocab, scale, temperature, monkeypatch):
    monkeypatch.setattr(pallas_gpu, "WEIGHTS", 1)  # several slices of the vocabulary where it has the words
    inputs = case(tokens, dim, vocab, scale, temperature, jnp.bfloat16, seed=dim)
    with interpreted("pallas_gpu"):
        check(pallas_gpu.linear_logprob, inputs, slope_tolerance=BFLOAT16)


def test_slices_are_whole_tiles_and_cover_the_vocabulary():
    for tokens in (1, 2048, 65_536):
        for words in (128, 136, 304, 50_264, 151_936):
            size = pallas_gpu._slice_size(words, tokens)
            assert 0 < size <= words and size % pallas_gpu.WORDS == 0
            assert size * tokens <= max(pallas_gpu.WEIGHTS, tokens * 8 * pallas_gpu.WORDS)


def test_joined_tiles_are_the_whole():
    inputs = case(tokens=4, dim=8, vocab=96)
    logits, target = inputs.hidden @ inputs.head.T, jnp.arange(96) == inputs.targets[:, None]

    def seen(words):
        return online.update(online.start((4, 1)), logits[:, words], target[:, words], None)[0]

    parts = [seen(slice(k, k + 32)) for k in (0, 32, 64)]
    tiles = online.Sums(*(jnp.stack(leaves)[:, :, 0] for leaves in zip(*parts, strict=True)))
    whole = seen(slice(None))
    # 96 words summed in another order: at most 96 roundings of 2^-24, 6e-6, of a sum of terms of size 1.
    for left, right in zip(pallas_gpu._join_tiles(tiles), whole, strict=True):
        assert jnp.allclose(left, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("padding", [0, 271])
@pytest.mark.parametrize("differentiate", [False, True])
def test_it_lowers_for_cuda_at_full_size(differentiate, padding):
    is_token = jnp.arange(151_936) < 151_936 - padding if padding else None

    def scalar(hidden, head, targets):
        return pallas_gpu.linear_logprob(hidden, head, targets, 1.0, is_token).log_prob.sum()

    shapes = ((2048, 896), jnp.bfloat16), ((151_936, 896), jnp.bfloat16), ((2048,), jnp.int32)
    traced = jax.jit(jax.grad(scalar) if differentiate else scalar).trace(
        *(jax.ShapeDtypeStruct(*shape) for shape in shapes)
    )
    assert "mosaic_gpu" in traced.lower(lowering_platforms=("cuda",)).as_text()


@pytest.mark.parametrize(
    ("dim", "vocab", "dtype", "reason"),
    [
        (64, 304, jnp.float32, "bfloat16"),
        (100, 304, jnp.bfloat16, "multiple of 64"),
        (64, 300, jnp.bfloat16, "multiple of 8"),
        (64, 64, jnp.bfloat16, "128 or more"),
        (896, 151_936, jnp.bfloat16, ""),
    ],
)
def test_it_names_what_it_does_not_take(dim, vocab, dtype, reason):
    problem = pallas_gpu.misfit(jax.ShapeDtypeStruct((5, dim), dtype), jax.ShapeDtypeStruct((vocab, dim), dtype))
    assert reason in problem and bool(reason) == bool(problem)


def test_an_old_jax_is_named(monkeypatch):
    monkeypatch.setattr(pallas_gpu, "OLDEST", (99, 1))
    inputs = case(dtype=jnp.bfloat16)
    assert "needs jax 99.1 or newer" in pallas_gpu.unsupported(inputs.hidden, inputs.head, "gpu")
