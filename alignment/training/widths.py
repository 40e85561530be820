"""The widths that the batches of a reward stage are padded to: at most two update shapes a stage.

Every shape compiles its own update, which takes longer than many steps of a small model, and the lengths of completions
change from step to step. A stage therefore has two sets of widths: the largest that its data and its token limit allow,
and narrow ones with some room, which are fixed at the first rollout that needs clearly less. A rollout is padded to the
narrow widths where it fits into them. They lie in the state of the stage, and so in its checkpoints: a resumed stage
pads as it did before, and ends with the same bits.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np

from alignment.models.packing import count_cells
from alignment.rollout.groups import Group
from alignment.text.padding import bucket
from alignment.training.batches import GrpoBatch, make_grpo_batch

ROOM = 1.2  # narrow widths over what the rollout needed that they were fixed at
CLEARLY_LESS = 0.75  # narrow widths have at most this share of the largest cells; more saves too little
MULTIPLE = 64  # narrow cells are a multiple of it
LEAST = 1024  # the fewest tokens of a batch for which a second shape is worth its compilation


class Widths(NamedTuple):
    """Tokens that a batch is padded to."""

    prompt: int  # Lp
    completion: int  # Lc
    cells: int  # N, of `models.packing.pack_cells`


NOT_FIXED = np.zeros(len(Widths._fields), np.int32)  # the narrow widths of a stage before they are fixed


def largest_widths(longest_prompt: int, group_size: int, max_new_tokens: int) -> Widths:
    """Return the widths that every rollout of a stage fits into."""
    return Widths(bucket(longest_prompt), max_new_tokens, group_size * max_new_tokens)


def choose_widths(group: Group, largest: Widths, narrow: np.ndarray) -> tuple[Widths, np.ndarray]:
    """Return the widths of the batch of a rollout, and the narrow widths of the stage after it.

    Args:
      group: the rollout, P prompts with G completions each.
      largest: of the stage.
      narrow: [3] int32, a `Widths` in an array; `NOT_FIXED` before it is fixed.
    """
    needed = needed_widths(group)
    if not narrow.any() and len(group.prompts) * largest.cells >= LEAST:
        narrow = fix_widths(needed, largest)
    return Widths(*map(int, narrow)) if np.all(needed <= narrow) else largest, narrow


def padded_batch(
    group: Group, advantages: jax.Array, drop_truncated: bool, largest: Widths, narrow: np.ndarray
) -> tuple[GrpoBatch, np.ndarray]:
    """Return the batch of a rollout (`make_grpo_batch`), padded to `choose_widths`, and the narrow widths after it."""
    widths, narrow = choose_widths(group, largest, narrow)
    return make_grpo_batch(group, advantages, drop_truncated, widths), narrow


def needed_widths(group: Group) -> np.ndarray:
    """Return the least widths [3] that hold a rollout."""
    mask = np.asarray(group.mask)
    lengths = np.asarray(group.prompt_mask).sum(axis=-1), mask.sum(axis=-1)
    return np.array([*(each.max() for each in lengths), count_cells(mask)], np.int32)


def fix_widths(needed: np.ndarray, largest: Widths) -> np.ndarray:
    """Return narrow widths [3] with room beyond `needed` [3], or `NOT_FIXED` where they would save too little."""
    prompt, completion, cells = (int(np.ceil(ROOM * width)) for width in needed)
    cells = MULTIPLE * max(1, -(-cells // MULTIPLE))
    if cells > CLEARLY_LESS * largest.cells:
        return NOT_FIXED
    narrow = Widths(bucket(prompt), bucket(completion, least=MULTIPLE), cells)
    return np.minimum(narrow, largest).astype(np.int32)
