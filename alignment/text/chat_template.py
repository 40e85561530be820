"""Chat templates are programs that come with the weights: transformers renders them, in its sandbox.

It is imported where the first chat is rendered, and no further than its renderer: its auto classes and models take
seconds more, and ids come from the `tokenizers` library.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence

# The day that Llama 3's templates write into the system turn where the clock is not theirs to read, so that a prompt is
# the same on every day.
DATE = "26 Jul 2024"


def render(source: str, chat: Sequence[Mapping[str, str]], generate: bool, tokens: Mapping[str, str]) -> str:
    """Return the text that a chat template makes of a chat.

    Args:
      source: the template.
      chat: messages with `role` and `content`.
      generate: whether to end with the header that opens the assistant's turn.
      tokens: the special tokens by role, such as {"eos_token": "<|im_end|>"}.

    Raises:
      Exception: whatever the template raises; it is a program of the checkpoint.
    """
    messages = [dict(message) for message in chat]
    options = {"chat_template": source, "add_generation_prompt": generate, "date_string": DATE}
    texts, _ = _renderer()([messages], **options, **tokens)
    return texts[0]


@functools.cache
def _renderer() -> Callable:
    # Without PyTorch, importing transformers says so on stderr, which no run here needs.
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    from transformers.utils.chat_template_utils import render_jinja_template

    return render_jinja_template
