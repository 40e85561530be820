"""The one optimiser step under every stage: add up gradients, divide once by the global count, move the adapter.

A stage is a tuple of `Term`s. SFT has one, GRPO has one, the joint stage has both. Each term's loss comes as an
unnormalised sum and a count, so neither the number of micro-batches nor of devices changes the gradient.

A step whose loss, gradient or update is not finite is skipped: adapter and optimiser stay as they were, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from alignment.adapters.lora import Lora, Modules
from alignment.training.batches import Batch
from alignment.training.state import Frozen, TrainState


class Tally(NamedTuple):
    """What a loss reports beside its sum: a count, quantities to add up, quantities to take the maximum of."""

    count: jax.Array
    sums: dict[str, jax.Array]
    maxima: dict[str, jax.Array]


LossFn = Callable[[Lora, Frozen, Batch, jax.Array], tuple[jax.Array, Tally]]


class Term(NamedTuple):
    """One loss of a stage, its weight, and how many micro-batches its batch is cut into."""

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
    """Sum d(loss sum)/d(adapter) over the micro-batches of one term, and over devices if `axis_name` is given.

    Args:
      term: the loss.
      lora: the trainable adapter; the only thing differentiated.
      frozen: arguments without gradient.
      batch: arrays [N, ...]; N must be a multiple of the term's micro-batches.
      key: randomness of this step (dropout); folded with the micro-batch.
      axis_name: a `pmap` axis to sum over.
    """

    def one(chunk: Batch, chunk_key: jax.Array) -> Gradient:
        def loss(modules: Modules):
            return term.loss(lora.replace(modules=modules), frozen, chunk, chunk_key)

        (total, tally), modules = jax.value_and_grad(loss, has_aux=True)(lora.modules)
        return Gradient(modules, total, tally)

    gradient = _over_micro_batches(one, batch, key, term.micro_batches)
    return gradient if axis_name is None else _over_devices(gradient, axis_name)


def _over_micro_batches(one: Callable, batch: Batch, key: jax.Array, parts: int) -> Gradient:
    if parts == 1:
        return one(batch, jax.random.fold_in(key, 0))
    chunks = jax.tree.map(lambda leaf: leaf.reshape(parts, leaf.shape[0] // parts, *leaf.shape[1:]), batch)
    start = one(jax.tree.map(lambda leaf: leaf[0], chunks), jax.random.fold_in(key, 0))

    def add(total: Gradient, indexed):
        index, chunk = indexed
        return _add(total, one(chunk, jax.random.fold_in(key, index))), None

    rest = jax.tree.map(lambda leaf: leaf[1:], chunks)
    total, _ = jax.lax.scan(add, start, (jnp.arange(1, parts), rest))
    return total


def _add(left: Gradient, right: Gradient) -> Gradient:
    maxima = jax.tree.map(jnp.maximum, left.tally.maxima, right.tally.maxima)
    total = jax.tree.map(jnp.add, left, right)
    return total._replace(tally=total.tally._replace(maxima=maxima))


def _over_devices(gradient: Gradient, axis_name: str) -> Gradient:
    maxima = jax.lax.pmax(gradient.tally.maxima, axis_name)
    total = jax.lax.psum(gradient, axis_name)
    return total._replace(tally=total.tally._replace(maxima=maxima))


def make_step(
    terms: tuple[Term, ...], optimizer: optax.GradientTransformation, axis_name: str | None = None
) -> Callable:
    """Return the pure step `(state, frozen, batches by term name) -> (state, metrics)`; jit or pmap is the caller's.

    Where loss, gradient or update is not finite, the step counts in `step` and `skipped` and changes nothing else.
    """

    def step(
        state: TrainState, frozen: Frozen, batches: Mapping[str, Batch]
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        key = jax.random.fold_in(state.key, state.step)
        found = {
            term.name: term_gradient(term, state.lora, frozen, batches[term.name], key, axis_name) for term in terms
        }
        grads = _weighted_mean(terms, found)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.lora.modules)
        lora = state.lora.replace(modules=optax.apply_updates(state.lora.modules, updates))
        metrics = _metrics(terms, found)
        metrics |= {"grad_norm": optax.tree.norm(grads), "update_norm": optax.tree.norm(updates)}
        # After the sum over devices, so that all of them decide alike. A norm is not finite where a part of it is not.
        finite = jnp.isfinite(jnp.stack([metrics[name] for name in ("loss", "grad_norm", "update_norm")])).all()
        after, before = (lora, opt_state), (state.lora, state.opt_state)
        lora, opt_state = jax.tree.map(lambda new, old: jnp.where(finite, new, old), after, before)
        skipped = jnp.where(finite, 0, state.skipped + 1)
        state = state.replace(lora=lora, opt_state=opt_state, step=state.step + 1, skipped=skipped)
        return state, metrics | {"update/skipped": 1.0 - finite}

    return step


def _weighted_mean(terms: tuple[Term, ...], found: Mapping[str, Gradient]) -> Modules:
    parts = []
    for term in terms:
        factor = term.weight / jnp.maximum(found[term.name].tally.count, 1.0)
        parts.append(jax.tree.map(lambda leaf, factor=factor: leaf * factor, found[term.name].modules))
    return jax.tree.map(lambda *leaves: sum(leaves), *parts)


def _metrics(terms: tuple[Term, ...], found: Mapping[str, Gradient]) -> dict[str, Any]:
    """The loss, and every tallied sum as a mean over its own `tokens`."""
    metrics: dict[str, Any] = {"loss": jnp.float32(0.0)}
    for term in terms:
        gradient = found[term.name]
        value = gradient.total / jnp.maximum(gradient.tally.count, 1.0)
        metrics["loss"] += term.weight * value
        metrics[f"loss/{term.name}"] = value
        tokens = gradient.tally.sums.get("tokens", jnp.float32(1.0))
        metrics[f"tokens/{term.name}"] = tokens
        for name, total in gradient.tally.sums.items():
            if name != "tokens":
                metrics[name] = total / jnp.maximum(tokens, 1.0)
        metrics |= gradient.tally.maxima
    return metrics
