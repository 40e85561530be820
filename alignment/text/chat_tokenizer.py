"""A tokenizer with its chat template: the part of the interface of transformers' tokenizers that this package uses.

Those take seconds to import and add nothing to ids, which are those of the `tokenizers` library.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from alignment.text.chat_template import render

Chat = Sequence[Mapping[str, str]]  # messages with `role` and `content`


@dataclasses.dataclass(frozen=True)
class ChatTokenizer:
    """How text becomes ids and back, which tokens have a role, and how a chat becomes text."""

    backend_tokenizer: Any  # tokenizers.Tokenizer
    chat_template: str  # its Jinja source
    roles: Mapping[str, str]  # such as {"eos_token": "<|im_end|>"}; each names a token of the backend

    def __call__(self, text: str | Sequence[str], add_special_tokens: bool = True) -> dict[str, Any]:
        """Return {"input_ids": ids} of a text, or lists of ids of several; see `tokenizers` for special tokens."""
        options = {"add_special_tokens": add_special_tokens}
        if isinstance(text, str):
            return {"input_ids": self.backend_tokenizer.encode(text, **options).ids}
        return {"input_ids": [each.ids for each in self.backend_tokenizer.encode_batch(list(text), **options)]}

    def __len__(self) -> int:
        return self.backend_tokenizer.get_vocab_size(with_added_tokens=True)

    @property
    def eos_token(self) -> str | None:
        """The token that ends a text."""
        return self.roles.get("eos_token")

    @property
    def pad_token(self) -> str | None:
        """The token that fills up a batch."""
        return self.roles.get("pad_token")

    @property
    def eos_token_id(self) -> int | None:
        """The id of `eos_token`."""
        return self.convert_tokens_to_ids(self.eos_token)

    @property
    def pad_token_id(self) -> int | None:
        """The id of `pad_token`."""
        return self.convert_tokens_to_ids(self.pad_token)

    def convert_tokens_to_ids(self, tokens: str | Sequence[str] | None) -> Any:
        """Return the id of a token, None where there is none, or the list of those of several."""
        if tokens is None or isinstance(tokens, str):
            return None if tokens is None else self.backend_tokenizer.token_to_id(tokens)
        return [self.backend_tokenizer.token_to_id(token) for token in tokens]

    def get_vocab(self) -> dict[str, int]:
        """Return {token: id}, added tokens included."""
        return self.backend_tokenizer.get_vocab(with_added_tokens=True)

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        """Return the text of ids."""
        return self.backend_tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens)

    def batch_decode(self, rows: Sequence[Sequence[int]], skip_special_tokens: bool = False) -> list[str]:
        """Return the text of each row of ids."""
        return self.backend_tokenizer.decode_batch([list(row) for row in rows], skip_special_tokens=skip_special_tokens)

    def apply_chat_template(self, chat: Chat, tokenize: bool = False, add_generation_prompt: bool = False) -> Any:
        """Return a chat as text, or with `tokenize` as ids; `add_generation_prompt` opens the assistant's turn.

        Raises:
          Exception: whatever the template raises; it is a program of the checkpoint.
        """
        text = render(self.chat_template, chat, add_generation_prompt, self.roles)
        return self(text, add_special_tokens=False)["input_ids"] if tokenize else text
