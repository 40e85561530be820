"""The optimiser step of every stage: sum the gradients, divide once by the global count, update the adapter.

A stage is a tuple of `Term`s: one for SFT, one for GRPO, both for the joint stage. The loss of a term comes as an
unnormalised sum and a count, so neither the number of micro-batches nor of devices changes the gradient.

A step whose loss, gradient or update is not finite is skipped: adapter and optimiser state keep their bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from alignment.adapters.lora import Lora, Modules
from alignment.training.batches import Batch
from alignment.training.state import Frozen, TrainState, with_reference

CPU_TOKENS = 2560  # of a part on a CPU: long enough for products at the machine's rate


class Tally(NamedTuple):
    """What a loss returns beside its sum: a count, quantities to sum, and quantities to take the maximum of."""

    count: jax.Array
    sums: dict[str, jax.Array]
    maxima: dict[str, jax.Array]


LossFn = Callable[[Lora, Frozen, Batch, jax.Array], tuple[jax.Array, Tally]]


class Term(NamedTuple):
    """One loss of a stage, its weight, and the number of micro-batches that its batch is divided into."""

    name: str
    loss: LossFn
    weight: float = 1.0
    micro_batches: int = 1


class Gradient(NamedTuple):
    """Summed gradients of one term with the summed loss and tally."""

    modules: Modules
    total: jax.Array
    tally: Tally


def term_gradient(
    term: Term, lora: Lora, frozen: Frozen, batch: Batch, key: jax.Array, axis_name: str | None = None
) -> Gradient:
    """Sum d(loss sum) / d(adapter) over the micro-batches of one term, and over devices if there is an `axis_name`.

    Args:
      term: the loss.
      lora: the trainable adapter; the only thing differentiated.
      frozen: arguments without gradient.
      batch: arrays [N, ...]; N must be a multiple of the term's micro-batches.
      key: randomness of this step (dropout); folded with the micro-batch.
      axis_name: a `pmap` axis to sum over.
    """

    def chunk_gradient(chunk: Batch, index: jax.Array | int) -> Gradient:
        def loss(modules: Modules):
            return term.loss(lora.replace(modules=modules), frozen, chunk, jax.random.fold_in(key, index))

        (total, tally), modules = jax.value_and_grad(loss, has_aux=True)(lora.modules)
        return Gradient(modules, total, tally)

    def add(total: Gradient, indexed: tuple[jax.Array, Batch]) -> tuple[Gradient, None]:
        index, chunk = indexed
        return _reduce(jnp.add, jnp.maximum, total, chunk_gradient(chunk, index)), None

    parts = parts_of(batch, term.micro_batches)
    if parts == 1:
        gradient = chunk_gradient(batch, 0)
    else:
        chunks = jax.tree.map(lambda leaf: leaf.reshape(parts, leaf.shape[0] // parts, *leaf.shape[1:]), batch)
        # The sum starts from nothing, not from the first chunk, which would be a second copy of the whole program.
        shape = jax.eval_shape(chunk_gradient, jax.tree.map(lambda leaf: leaf[0], chunks), 0)
        nothing = _reduce(jnp.zeros_like, partial(jnp.full_like, fill_value=-jnp.inf), shape)
        gradient, _ = jax.lax.scan(add, nothing, (jnp.arange(parts), chunks))
    if axis_name is None:
        return gradient
    return _reduce(partial(jax.lax.psum, axis_name=axis_name), partial(jax.lax.pmax, axis_name=axis_name), gradient)


def parts_of(batch: Batch, micro_batches: int) -> int:
    """Return how many parts a batch is worked on in: on a CPU as many as keep the arrays of a part in its cache.

    Elsewhere they are the `micro_batches` of the configuration. Arrays that outgrow the cache of a CPU cost a small
    model as much time as its arithmetic, most of it in the system, which hands out their memory anew in every step.
    """
    rows = len(jax.tree.leaves(batch)[0]) // micro_batches
    if jax.default_backend() != "cpu":
        return micro_batches
    sizes = (size for size in range(1, rows + 1) if rows % size == 0 and size * batch.row_tokens <= CPU_TOKENS)
    return micro_batches * (rows // max(sizes, default=1))


def _reduce(add: Callable, maximum: Callable, *gradients: Gradient) -> Gradient:
    """Reduce gradients leaf by leaf: the maxima of the tallies by `maximum`, everything else by `add`."""
    maxima = jax.tree.map(maximum, *(gradient.tally.maxima for gradient in gradients))
    total = jax.tree.map(add, *gradients)
    return total._replace(tally=total.tally._replace(maxima=maxima))


def make_step(
    terms: tuple[Term, ...], optimizer: optax.GradientTransformation, axis_name: str | None = None
) -> Callable:
    """Return the pure step `(state, frozen, batches by term name) -> (state, metrics)`, which the caller compiles.

    A step whose loss, gradient or update is not finite increments `step` and `skipped` and changes nothing else.
    """

    def step(
        state: TrainState, frozen: Frozen, batches: Mapping[str, Batch]
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        key, frozen = jax.random.fold_in(state.key, state.step), with_reference(frozen, state)
        gradients = {
            term.name: term_gradient(term, state.lora, frozen, batches[term.name], key, axis_name) for term in terms
        }
        means = []
        for term in terms:
            factor = term.weight / jnp.maximum(gradients[term.name].tally.count, 1.0)
            means.append(jax.tree.map(lambda leaf, factor=factor: leaf * factor, gradients[term.name].modules))
        grads = jax.tree.map(lambda *leaves: sum(leaves), *means)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.lora.modules)
        lora = state.lora.replace(modules=optax.apply_updates(state.lora.modules, updates))
        metrics = _metrics(terms, gradients)
        metrics |= {"grad_norm": optax.tree.norm(grads), "update_norm": optax.tree.norm(updates)}
        # These numbers are sums over all devices, so that all decide alike. A norm is finite only if every part is.
        finite = jnp.isfinite(jnp.stack([metrics[name] for name in ("loss", "grad_norm", "update_norm")])).all()
        after, before = (lora, opt_state), (state.lora, state.opt_state)
        lora, opt_state = jax.tree.map(lambda new, old: jnp.where(finite, new, old), after, before)
        skipped = jnp.where(finite, 0, state.skipped + 1)
        state = state.replace(lora=lora, opt_state=opt_state, step=state.step + 1, skipped=skipped)
        return state, metrics | {"update/skipped": 1.0 - finite}

    return step


def _metrics(terms: tuple[Term, ...], gradients: Mapping[str, Gradient]) -> dict[str, Any]:
    """Return the loss, and every tallied sum as a mean over the `tokens` of its term."""
    metrics: dict[str, Any] = {"loss": jnp.float32(0.0)}
    for term in terms:
        gradient = gradients[term.name]
        value = gradient.total / jnp.maximum(gradient.tally.count, 1.0)
        metrics["loss"] += term.weight * value
        metrics[f"loss/{term.name}"] = value
        tokens = gradient.tally.sums.get("tokens", jnp.float32(1.0))
        metrics |= {f"tokens/{term.name}": tokens, f"count/{term.name}": gradient.tally.count}
        for name, total in gradient.tally.sums.items():
            if name != "tokens":
                metrics[name] = total / jnp.maximum(tokens, 1.0)
        metrics |= gradient.tally.maxima
    return metrics
