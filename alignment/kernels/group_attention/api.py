"""Attention of a group of completions over the one prompt they share and over themselves, without copying the prompt.

An implementation is a module of this folder with the three functions below, under the same names and with the same
arguments (`implementation` left out).
"""

from __future__ import annotations

import chex
import jax

from alignment.kernels.implementations import load_implementation

IMPLEMENTATIONS = ("xla", "reference")  # tried in this order; each is a module of this folder
SAVED = "attention"  # `checkpoint_name` of the residuals of the backward pass: the output and its log-sum-exp

KeyValue = tuple[jax.Array, jax.Array]


def group_attention(
    q: jax.Array,
    prompt_kv: KeyValue,
    completion_kv: KeyValue,
    prompt_mask: jax.Array,
    implementation: str = "xla",
) -> jax.Array:
    """Attend from completions to their prompt's keys, stored once a group, and causally to themselves.

    Scores are scaled by 1 / sqrt(d); one softmax, in float32, runs over both key sets together.

    Args:
      q: [P, G, Lc, H, d] queries of P prompts with G completions each; query i sees own keys 0 to i.
      prompt_kv: keys and values [P, Lp, K, d] of the prompts, K dividing H.
      completion_kv: keys and values [P, G, Lc, K, d] of the completions.
      prompt_mask: [P, Lp], true at real prompt tokens. A prompt without any is as if it were not there. Keys and values
        of the others may be anything, NaN too.
      implementation: a name in `IMPLEMENTATIONS`.

    Returns:
      [P, G, Lc, H, d] in the type of q.

    Raises:
      UserError: an unknown implementation.
    """
    chex.assert_rank([q, *prompt_kv, *completion_kv, prompt_mask], [5, 4, 4, 5, 5, 2])
    chex.assert_axis_dimension(q, 2, completion_kv[0].shape[2])
    return load_implementation("group_attention", implementation, IMPLEMENTATIONS).group_attention(
        q, prompt_kv, completion_kv, prompt_mask
    )


def cached_attention(
    q: jax.Array,
    prompt_kv: KeyValue,
    completion_kv: KeyValue,
    prompt_mask: jax.Array,
    last: jax.Array,
    implementation: str = "xla",
) -> jax.Array:
    """Attend from one new token of every completion, each at its own place: what decoding does.

    The caches are head-major, as the products want them, so that no step transposes what earlier steps wrote.

    Args:
      q: [P, G, H, d] one query a completion.
      prompt_kv: keys and values [P, K, Lp, d] of the prompts, K dividing H.
      completion_kv: keys and values [P, K, G, Lc, d] of the completions.
      prompt_mask: [P, Lp], true at real prompt tokens.
      last: [P, G] the last own key that each query sees: its own token's.
      implementation: a name in `IMPLEMENTATIONS`.

    Returns:
      [P, G, H, d] in the type of q.

    Raises:
      UserError: an unknown implementation.
    """
    chex.assert_rank([q, *prompt_kv, *completion_kv, prompt_mask, last], [4, 4, 4, 5, 5, 2, 2])
    return load_implementation("group_attention", implementation, IMPLEMENTATIONS).cached_attention(
        q, prompt_kv, completion_kv, prompt_mask, last
    )


def causal_attention(
    q: jax.Array, k: jax.Array, v: jax.Array, implementation: str = "xla", segments: jax.Array | None = None
) -> jax.Array:
    """Attend causally over one sequence: q [B, T, H, d], k and v [B, T, K, d] with K dividing H -> [B, T, H, d].

    This is how a prompt attends to itself: a group of one without a prompt before it. Sequences are padded on the
    right, so the causal mask alone keeps padding out of every real position. Where several are packed into a row,
    `segments` [B, T] numbers them: a token sees those before it of its own number and no others.

    Raises:
      UserError: an unknown implementation.
    """
    chex.assert_rank([q, k, v], 4)
    if segments is not None:
        chex.assert_shape(segments, q.shape[:2])
    return load_implementation("group_attention", implementation, IMPLEMENTATIONS).causal_attention(q, k, v, segments)
