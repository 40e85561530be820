"""Text that no stage trains on, whose loss says what a policy forgets of its base's pre-training.

For the embedded nano base it is prose of the generator of its own corpus, without the documents of that corpus. For
another base it is a text file of the user's (`--config.data.retention`): no text is shipped.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np
from etils import epath

from alignment.common.files import reason_of
from alignment.data.tokens import Examples
from alignment.errors import UserError
from alignment.knowledge.prose import documents
from alignment.rollout.base_model import BaseModel

# Of the corpus of the embedded base, `pretrain_nano.Recipe`; a test compares them.
CORPUS_DOCUMENTS, CORPUS_SEED = 36_000, 0
PROSE_DOCUMENTS, PROSE_SEED = 64, 1_000_003
BYTES = 20_000  # of a file, from its beginning
WINDOW = 256  # tokens of a row


def retention_examples(base: BaseModel, model_path: str, file: str) -> Examples | None:
    """Return the text as examples all of whose tokens but the first count; None for a base without a text.

    Args:
      base: tokenizes it; model_path: `config.model.path`, "" for the embedded base; file: `config.data.retention`.

    Raises:
      UserError: the file cannot be read as UTF-8, or is too short.
    """
    if not file and model_path:
        return None
    texts = [read_beginning(file)] if file else unseen_prose()
    encoded = [base.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    windows = [ids[start : start + WINDOW] for ids in encoded for start in range(0, len(ids), WINDOW)]
    rows = [window for window in windows if len(window) > 1]
    if not rows:
        raise UserError(f"--config.data.retention={file}: fewer than two tokens; name a longer text")
    import datasets  # late, because it takes a while

    masks = [[0] + [1] * (len(row) - 1) for row in rows]
    table = datasets.Dataset.from_dict({"ids": rows, "mask": masks})
    return Examples(table, np.array([len(row) for row in rows]))


@functools.cache
def unseen_prose() -> tuple[str, ...]:
    """Return documents of the generator of the embedded base's corpus that are not in it."""
    corpus = set(documents(CORPUS_DOCUMENTS, CORPUS_SEED))
    drawn = (text for text in documents(2 * PROSE_DOCUMENTS, PROSE_SEED) if text not in corpus)
    return tuple(itertools.islice(dict.fromkeys(drawn), PROSE_DOCUMENTS))


def read_beginning(file: str) -> str:
    """Return the first `BYTES` bytes of a text file, less the part of a character at their end."""
    try:
        content = epath.Path(file).read_bytes()
        content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--config.data.retention={file}: {reason_of(error)}; name a text file in UTF-8") from None
    return content[:BYTES].decode("utf-8", "ignore")
