"""One fused Mosaic TPU kernel: logits live in vector memory only, a block of tokens by a block of words at a time.

The grid runs over blocks of tokens and, for each, over blocks of words; the sums of `online` and, when a gradient is
asked for, the weighted sum of head rows stay in vector memory while the words pass by.

Compiled ahead of time for v5e and v5p (tests) and run in Pallas' TPU interpreter on a CPU; not yet run on a TPU.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from alignment.errors import UserError
from alignment.kernels.linear_logprob import online, xla
from alignment.kernels.linear_logprob.gradient import differentiable
from alignment.kernels.linear_logprob.online import Sums, Sweep

# (tokens, words) of a block, best first. A v5e does 240 bfloat16 operations in the time of reading one byte, and a
# block of t tokens does t an element of 2 bytes in each of two products: 128 tokens or more keep its matrix units fed.
BLOCKS = ((512, 512), (256, 512), (256, 256), (128, 256), (128, 128), (64, 128), (32, 128))
VMEM = 14 * 2**20  # bytes of the 16 MiB a v5e kernel may use; the rest is the compiler's


def unsupported(hidden: jax.Array, head: jax.Array, backend: str) -> str:
    """Return why the kernel cannot serve these shapes on this backend, "" if it can."""
    if backend != "tpu":
        return f"it needs a TPU, and the default backend is {backend}"
    if hidden.dtype != head.dtype or hidden.dtype not in (jnp.float32, jnp.bfloat16):
        return f"hidden states and head must both be float32 or bfloat16, not {hidden.dtype} and {head.dtype}"
    if _block_sizes(hidden.shape[1], hidden.dtype.itemsize) is None:
        return f"no block of a head {hidden.shape[1]} wide fits its {VMEM / 2**20:.0f} MiB of vector memory"
    return ""


def sweep(
    hidden: jax.Array,
    head: jax.Array,
    targets: jax.Array,
    temperature: jax.Array,
    weighted: bool,
    is_token: jax.Array | None,
) -> Sweep:
    """Sweep the vocabulary once; shapes as in `api.linear_logprob`, hidden states and head of one type.

    Raises:
      UserError: the head is too wide for vector memory.
    """
    from jax.experimental.pallas import tpu as pltpu

    sizes = _block_sizes(hidden.shape[1], hidden.dtype.itemsize)
    if sizes is None:
        raise UserError(f"pallas_tpu: no block of a head {hidden.shape[1]} wide fits {VMEM / 2**20:.0f} MiB")
    (tokens, dim), words = hidden.shape, len(head)
    block, step = min(sizes[0], math.ceil(tokens / 16) * 16), sizes[1]
    rows = lambda width: pl.BlockSpec((block, width), lambda i, j: (i, 0))  # noqa: E731
    wide = [rows(dim)] if weighted else []
    masks = [] if is_token is None else [is_token[None].astype(jnp.int32)]
    outputs = pl.pallas_call(
        functools.partial(_kernel, words=words, step=step, masked=bool(masks)),
        grid=(pl.cdiv(tokens, block), pl.cdiv(words, step)),
        in_specs=[
            pl.BlockSpec(memory_space=pltpu.SMEM),
            rows(dim),
            pl.BlockSpec((step, dim), lambda i, j: (j, 0)),
            rows(1),
            *(pl.BlockSpec((1, step), lambda i, j: (0, j)) for _ in masks),
        ],
        out_specs=[rows(len(Sums._fields)), *wide],
        out_shape=[jax.ShapeDtypeStruct((tokens, spec.block_shape[1]), jnp.float32) for spec in [rows(4), *wide]],
        compiler_params=pltpu.CompilerParams(dimension_semantics=("parallel", "arbitrary")),
        cost_estimate=_cost(hidden, head, block, weighted),
        name="linear_logprob",
    )(temperature.reshape(1), hidden, head, targets[:, None].astype(jnp.int32), *masks)
    return Sweep(Sums(*(outputs[0][:, k, None] for k in range(4))), outputs[1] if weighted else None)


PASSES = xla.PASSES._replace(sweep=sweep)
linear_logprob = differentiable(PASSES)


def _kernel(temperature_ref, hidden_ref, head_ref, target_ref, *refs, words: int, step: int, masked: bool):
    block, last = pl.program_id(1), pl.cdiv(words, step) - 1
    token_ref, sums_ref, *weighted_ref = refs if masked else (None, *refs)
    inputs = temperature_ref, hidden_ref, head_ref, target_ref, token_ref
    update = functools.partial(_update, *inputs, sums_ref, weighted_ref)

    @pl.when(block == 0)
    def _():
        lane = jax.lax.broadcasted_iota(jnp.int32, sums_ref.shape, 1)
        sums_ref[...] = jnp.where(lane == Sums._fields.index("max_logit"), online.LOWEST, 0.0)
        for ref in weighted_ref:
            ref[...] = jnp.zeros(ref.shape, jnp.float32)

    if words % step == 0:
        update(block * step, None)
        return
    pl.when(block < last)(lambda: update(block * step, None))
    pl.when(block == last)(lambda: update(block * step, words % step))  # rows past the head hold anything, NaN too


def _update(
    temperature_ref, hidden_ref, head_ref, target_ref, token_ref, sums_ref, weighted_ref, first, live: int | None
):
    """Add the block of words from `first` to the sums; `live` of them are in the vocabulary (None: all)."""
    head = head_ref[...]
    if live is not None:
        row = jax.lax.broadcasted_iota(jnp.int32, head.shape, 0)
        head = jnp.where(row < live, head.astype(jnp.float32), 0.0).astype(head.dtype)
    logits = _dot(hidden_ref[...], head, 1) / temperature_ref[0]
    column = jax.lax.broadcasted_iota(jnp.int32, logits.shape, 1)
    valid = None if live is None else column < live
    if token_ref is not None:
        tokens = jnp.broadcast_to(token_ref[...], logits.shape) > 0
        valid = tokens if valid is None else valid & tokens
    sums = Sums(*(sums_ref[:, k : k + 1] for k in range(4)))
    sums, weights, factor = online.update(sums, logits, column + first == target_ref[...], valid)
    for k, leaf in enumerate(sums):
        sums_ref[:, k : k + 1] = leaf
    for ref in weighted_ref:
        ref[...] = ref[...] * factor + _dot(weights.astype(head.dtype), head, 0)


def _dot(left: jax.Array, right: jax.Array, axis: int) -> jax.Array:
    """Contract axis 1 of `left` with `axis` of `right`, summing in float32."""
    return jax.lax.dot_general(
        left, right, (((1,), (axis,)), ((), ())), precision=online.exact(left), preferred_element_type=jnp.float32
    )


def _block_sizes(dim: int, itemsize: int) -> tuple[int, int] | None:
    """The first of BLOCKS that fits VMEM: blocks in and out twice (the next is fetched meanwhile), temporaries once."""
    for tokens, words in BLOCKS:
        copied = 2 * dim * (tokens * itemsize + words * itemsize + tokens * 4)
        temporary = 4 * tokens * words * 4 + tokens * dim * 4 + words * dim * itemsize
        if itemsize == 4:  # exact products split both sides into three bfloat16 parts
            temporary += 6 * (tokens + words) * dim
        if copied + temporary <= VMEM:
            return tokens, words
    return None


def _cost(hidden: jax.Array, head: jax.Array, block: int, weighted: bool) -> pl.CostEstimate:
    (tokens, dim), words = hidden.shape, len(head)
    return pl.CostEstimate(
        flops=2 * (1 + weighted) * tokens * words * dim,
        transcendentals=tokens * words,
        bytes_accessed=hidden.nbytes + pl.cdiv(tokens, block) * head.nbytes + weighted * tokens * dim * 4,
    )
