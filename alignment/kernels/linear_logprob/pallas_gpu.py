"""Mosaic GPU (Hopper): a matrix product whose epilogue reduces each tile of logits before it leaves the registers.

A weighted sum [tokens, D] does not fit the registers of a Hopper multiprocessor beside the logits (64 tokens x 896
float32 are 229 KB of 256), so the sweep is split: the kernel writes, for each tile of words, four numbers a token and,
when a gradient is asked for, exp(z - tile maximum) in bfloat16; the tiles are put together by log-sum-exp and the
library's matrix product applies the weights to the head. As in every implementation that is 4 passes of 2 T D V
operations, and float32 logits never reach memory.

Run in Pallas' GPU interpreter on a CPU and lowered to Mosaic for CUDA; not yet run on a GPU, and tile sizes not tuned.
Needs jax 0.11 or newer (`plgpu.kernel(out_type=)`, transposed references, the interpreter).
"""

from __future__ import annotations

import functools
import importlib
import math

import jax
import jax.numpy as jnp

from alignment.kernels.linear_logprob import online, xla
from alignment.kernels.linear_logprob.gradient import differentiable
from alignment.kernels.linear_logprob.online import Sums, Sweep

OLDEST = (0, 11)
TOKENS, WORDS, DEPTH = 64, 128, 64  # of a tile; 64 bfloat16 are the 128-byte swizzle of wgmma's operands
ROWS = 8  # of a swizzled tile in shared memory: copies of the head start at a multiple of it
STAGES = 4  # tiles of the depth in flight: 4 x (64 + 128) x 64 bfloat16 are 98 KB of 227 KB shared memory
WEIGHTS = 2**25  # entries of the bfloat16 weights held at once: 67 MB


def unsupported(hidden: jax.Array, head: jax.Array, backend: str) -> str:
    """Return why the kernel cannot serve these shapes on this backend, "" if it can."""
    return missing(backend) or misfit(hidden, head)


def missing(backend: str) -> str:
    """Return what this machine or its jax lacks for the kernel, "" if nothing."""
    if backend != "gpu":
        return f"it needs a Hopper GPU, and the default backend is {backend}"
    try:
        importlib.import_module("jax.experimental.pallas.mosaic_gpu")
    except ImportError:
        return "this jax has no jax.experimental.pallas.mosaic_gpu"
    if jax.__version_info__[:2] < OLDEST:
        return f"it needs jax {'.'.join(map(str, OLDEST))} or newer, and this is {jax.__version__}"
    capability = getattr(jax.devices()[0], "compute_capability", "unknown")
    if capability != "9.0":
        return f"it needs a Hopper GPU (compute capability 9.0), and this one has {capability}"
    return ""


def misfit(hidden: jax.Array, head: jax.Array) -> str:
    """Return what the kernel cannot take of these shapes and types, "" if nothing."""
    if hidden.dtype != jnp.bfloat16 or head.dtype != jnp.bfloat16:
        return f"hidden states and head must be bfloat16, not {hidden.dtype} and {head.dtype}"
    if hidden.shape[1] % DEPTH:
        return f"the hidden size must be a multiple of {DEPTH}, not {hidden.shape[1]}"
    if len(head) < WORDS or len(head) % ROWS:
        return f"the vocabulary must be a multiple of {ROWS} and {WORDS} or more, not {len(head)}"
    return ""


def sweep(
    hidden: jax.Array,
    head: jax.Array,
    targets: jax.Array,
    temperature: jax.Array,
    weighted: bool,
    is_token: jax.Array | None,
) -> Sweep:
    """Sweep the vocabulary once; shapes as in `api.linear_logprob`, bfloat16, shapes as `unsupported` demands."""
    tokens = len(hidden)
    padding = -tokens % TOKENS
    hidden = jnp.pad(hidden, ((0, padding), (0, 0)))
    targets = jnp.pad(targets.astype(jnp.int32), (0, padding), constant_values=-1)
    masks = () if is_token is None else (is_token.astype(jnp.int32),)
    size = _slice_size(len(head), len(hidden))

    def over_vocabulary(sofar, begin):
        first = jnp.minimum(begin, len(head) - size)  # the last slice ends with the vocabulary; `begin` masks the rest
        bounds = jnp.stack([first // ROWS, begin])
        tiles, weights = _tiles((hidden, head, targets, temperature.reshape(1), bounds, *masks), size, weighted)
        sums = _join_tiles(tiles)
        gathered = None if weights is None else _gather(weights, tiles.max_logit, sums.max_logit, head, first)
        return online.join(sofar, Sweep(sums, gathered)), None

    gathered = jnp.zeros(hidden.shape, jnp.float32) if weighted else None
    begin = Sweep(online.start((len(hidden), 1)), gathered)
    swept, _ = jax.lax.scan(over_vocabulary, begin, jnp.arange(0, len(head), size, dtype=jnp.int32))
    return jax.tree.map(lambda leaf: leaf[:tokens], swept)


PASSES = xla.PASSES._replace(sweep=sweep)
linear_logprob = differentiable(PASSES)


def _slice_size(words: int, tokens: int) -> int:
    """Words a slice: whole tiles, so that weights stay within WEIGHTS and slices overlap by less than a tile each."""
    most = max(WEIGHTS // max(1, tokens), 8 * WORDS)
    count = max(math.ceil(words / most), 1 if words % WORDS == 0 else 2)
    return min(math.ceil(words / count / WORDS), words // WORDS) * WORDS


def _join_tiles(tiles: Sums) -> Sums:
    """Join the sums [tiles, T] of separate words, [T, 1]."""
    max_logit = jnp.max(tiles.max_logit, axis=0)
    sum_exp, sum_z_exp, _ = online.rescale(tiles, max_logit)
    sums = max_logit, sum_exp.sum(0), sum_z_exp.sum(0), tiles.target_logit.sum(0)
    return Sums(*(leaf[:, None] for leaf in sums))


def _gather(
    weights: jax.Array, tile_max: jax.Array, max_logit: jax.Array, head: jax.Array, first: jax.Array
) -> jax.Array:
    """Sum of exp(z - max_logit) W over a slice, from weights [T, v] relative to their tile's maximum [tiles, T]."""
    factor = jnp.exp(tile_max.T - max_logit)
    scaled = (weights.reshape(*factor.shape, WORDS) * factor[:, :, None]).astype(weights.dtype)
    chunk = jax.lax.dynamic_slice_in_dim(head, first, weights.shape[1])
    return jnp.einsum("tv,vd->td", scaled.reshape(weights.shape), chunk, preferred_element_type=jnp.float32)


def _tiles(inputs: tuple[jax.Array, ...], size: int, weighted: bool) -> tuple[Sums, jax.Array | None]:
    """Run the kernel over `size` words: `Sums` of each tile, [tiles, T], and the weights [T, size] bfloat16 if asked.

    `inputs` are hidden states, head, targets, temperature [1], bounds [2] and, if not every word is a token, int32 [V]
    that is above 0 at those that are. The bounds are the slice's first word in units of ROWS (so that the compiler
    knows it for a multiple) and the first word not yet seen.
    """
    from jax.experimental.pallas import mosaic_gpu as plgpu

    tokens = len(inputs[0])
    grid = tokens // TOKENS, size // WORDS
    numbers = [jax.ShapeDtypeStruct((grid[1], tokens), jnp.float32)] * len(Sums._fields)
    wide = [jax.ShapeDtypeStruct((tokens, size), jnp.bfloat16)] if weighted else []
    run = plgpu.kernel(
        functools.partial(_kernel, plgpu, len(inputs) > 5),
        out_type=(*numbers, *wide),
        scratch_types=[
            plgpu.SMEM((len(Sums._fields), TOKENS), jnp.float32),
            *([plgpu.SMEM((TOKENS, WORDS), jnp.bfloat16)] if weighted else []),
        ],
        grid=grid,
        grid_names=("tokens", "words"),
        compiler_params=plgpu.CompilerParams(lowering_semantics=plgpu.LoweringSemantics.Warpgroup),
    )
    outputs = run(*inputs)
    return Sums(*outputs[:4]), outputs[4] if weighted else None


def _kernel(plgpu, masked: bool, hidden, head, targets, temperature, bounds, *rest):
    """One tile; `rest` are the mask if any, the outputs in global memory, and as many staging buffers in shared."""
    from jax.experimental import pallas as pl

    is_token, results = (rest[0], rest[1:]) if masked else (None, rest)
    wide = len(results) > len(Sums._fields) + 1
    tile = jax.lax.axis_index("words")
    rows = pl.ds(jax.lax.axis_index("tokens") * TOKENS, TOKENS)
    columns = pl.ds(bounds[0] * ROWS + tile * WORDS, WORDS)
    logits = _product(plgpu, pl, hidden.at[rows, :], head.at[columns, :]) / temperature[0]
    word = plgpu.broadcasted_iota(jnp.int32, (TOKENS, WORDS), 1, layout=plgpu.Layout.WGMMA) + columns.start
    target = plgpu.load(targets.at[rows], layout=plgpu.Layout.WGMMA.reduce(1), optimized=False)
    if is_token is not None:
        row = plgpu.load(is_token.at[columns], layout=plgpu.Layout.WGMMA.reduce(0), optimized=False)
        token = jax.lax.broadcast_in_dim(row, (TOKENS, WORDS), [1]) > 0
        logits = jnp.where(token, logits, online.MASKED)  # a target is a token: `api.linear_logprob` sees to it
    sums, weights = _reduce(logits, word == _along(target), word >= bounds[1])

    numbers, staged = results[:4], results[5 if wide else 4]
    for k, leaf in enumerate(sums):
        staged[k, :] = leaf
    if wide:
        results[6][...] = weights.astype(jnp.bfloat16)
    plgpu.commit_smem()
    for k, number in enumerate(numbers):
        plgpu.copy_smem_to_gmem(staged.at[k], number.at[tile, rows])
    if wide:
        plgpu.copy_smem_to_gmem(results[6], results[4].at[rows, pl.ds(tile * WORDS, WORDS)])
    plgpu.wait_smem_to_gmem(0)


def _product(plgpu, pl, hidden, head):
    """Logits of a tile, [TOKENS, WORDS] float32 in registers, from [TOKENS, D] and [WORDS, D] in global memory."""
    swizzle = (plgpu.TilingTransform((8, DEPTH)), plgpu.SwizzleTransform(128))

    def accumulate(total):
        def step(_, left, right):
            plgpu.wgmma(total, left, right.transpose((1, 0)))
            plgpu.wgmma_wait(0)

        plgpu.emit_pipeline(
            step,
            grid=(hidden.shape[1] // DEPTH,),
            in_specs=[plgpu.BlockSpec((size, DEPTH), lambda k: (0, k), transforms=swizzle) for size in (TOKENS, WORDS)],
            max_concurrent_steps=min(STAGES, hidden.shape[1] // DEPTH),
        )(hidden, head)
        return total[...]

    return pl.run_scoped(accumulate, plgpu.ACC((TOKENS, WORDS), jnp.float32))


def _reduce(logits: jax.Array, target: jax.Array, fresh: jax.Array) -> tuple[Sums, jax.Array]:
    """`Sums` [TOKENS] of a tile and exp(z - max_logit) of its words but the target: `online.update` in Mosaic GPU."""
    # Nested choices, not & and ~: the compiler has no one-bit negation of a tile.
    other_logits = jnp.where(target, online.MASKED, jnp.where(fresh, logits, online.MASKED))
    max_logit = jnp.maximum(jnp.max(other_logits, axis=1), online.LOWEST)
    gap = other_logits - _along(max_logit)
    weights = jnp.exp(gap)
    picked = jnp.where(target, jnp.where(fresh, logits, 0.0), 0.0)
    return Sums(max_logit, weights.sum(axis=1), (gap * weights).sum(axis=1), picked.sum(axis=1)), weights


def _along(row: jax.Array) -> jax.Array:
    return jax.lax.broadcast_in_dim(row, (TOKENS, WORDS), [0])
