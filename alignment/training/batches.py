"""The batches of a training step as typed values: what a loss reads, with the leading axis that is cut into parts."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from alignment.models.packing import pack_cells
from alignment.objectives.policy import mask_truncated
from alignment.rollout.groups import Group
from alignment.text.padding import fit_width


@struct.dataclass
class SftBatch:
    """N token sequences of T positions; with `segments` a row holds several examples."""

    tokens: jax.Array  # [N, T] int32
    loss_mask: jax.Array  # [N, T] bool: the tokens that are trained on
    segments: jax.Array | None = None  # [N, T] int32: number of the example, 0 for padding

    @property
    def row_tokens(self) -> int:
        """The tokens of a row that the model computes, padding included."""
        return self.tokens.shape[1]


@struct.dataclass
class GrpoBatch:
    """P prompts with G completions each, and their advantages."""

    prompts: jax.Array  # [P, Lp] int32
    prompt_mask: jax.Array  # [P, Lp] bool
    completions: jax.Array  # [P, G, Lc] int32
    mask: jax.Array  # [P, G, Lc] bool: the tokens that the loss counts
    log_prob: jax.Array  # [P, G, Lc] float32, recorded by the sampler
    advantages: jax.Array  # [P, G] float32
    cells: jax.Array | None = None  # [P, N] int32, of `pack_cells`: the completion tokens that are computed; None: all
    # [P, G, Lc] float32, of the policy that sampled. None where a rollout serves one optimiser step: that policy is
    # then the current one.
    old_log_prob: jax.Array | None = None
    chosen: jax.Array | None = None  # [P, G, Lc] bool: tokens of high covariance, for the losses that treat them apart
    entropy_weight: jax.Array | None = None  # [P], equal everywhere: weight of the entropy that holds a target

    @property
    def row_tokens(self) -> int:
        """The tokens of a group that the model computes, padding included."""
        completions = self.completions[0].size if self.cells is None else self.cells.shape[1]
        return self.prompts.shape[1] + completions


Batch = SftBatch | GrpoBatch


def make_grpo_batch(
    group: Group, advantages: jax.Array, drop_truncated: bool = False, widths: tuple[int, int, int] | None = None
) -> GrpoBatch:
    """Return the batch of a rollout with advantages [P, G].

    Args:
      group: the rollout.
      advantages: [P, G].
      drop_truncated: take the completions that met the token limit out of the mask.
      widths: Lp, Lc and N (`training.widths`) that the batch is padded to, not below what the rollout needs; None:
        those of the rollout, and its fullest row.
    """
    prompt, completion, cells = widths or (group.prompts.shape[1], group.completions.shape[2], 0)
    mask = np.asarray(group.mask)
    if drop_truncated:
        mask = mask_truncated(mask, np.asarray(group.truncated))
    mask = fit_width(mask, completion)
    return GrpoBatch(
        prompts=jnp.asarray(fit_width(group.prompts, prompt)),
        prompt_mask=jnp.asarray(fit_width(group.prompt_mask, prompt)),
        completions=jnp.asarray(fit_width(group.completions, completion)),
        mask=jnp.asarray(mask),
        log_prob=jnp.asarray(fit_width(group.log_prob, completion)),
        advantages=advantages,
        cells=jnp.asarray(pack_cells(mask, cells)),
    )


def minibatch(batch: GrpoBatch, index: int, parts: int) -> GrpoBatch:
    """Return mini-batch `index` of `parts`: consecutive prompts with all their completions."""
    size = batch.prompts.shape[0] // parts
    return jax.tree.map(lambda leaf: leaf[index * size : (index + 1) * size], batch)
