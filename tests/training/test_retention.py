"""The text whose loss says what is forgotten: unseen prose of the embedded base, or a file."""

from __future__ import annotations

import pytest

from alignment.errors import UserError
from alignment.knowledge.prose import documents
from alignment.pretrain_nano import Recipe
from alignment.training.retention import (
    BYTES,
    CORPUS_DOCUMENTS,
    CORPUS_SEED,
    PROSE_DOCUMENTS,
    WINDOW,
    retention_examples,
    unseen_prose,
)


class Base:
    """A base whose tokens are the characters of a text."""

    @staticmethod
    def tokenizer(text: str, add_special_tokens: bool) -> dict:
        return {"input_ids": [ord(character) for character in text]}


def test_the_prose_of_the_embedded_base_is_not_of_its_corpus():
    assert (Recipe.documents, Recipe.seed) == (CORPUS_DOCUMENTS, CORPUS_SEED)
    prose = unseen_prose()
    assert len(prose) == len(set(prose)) == PROSE_DOCUMENTS
    assert not set(prose) & set(documents(CORPUS_DOCUMENTS, CORPUS_SEED))


def test_a_file_is_cut_into_windows_of_which_the_first_token_is_not_predicted(tmp_path):
    file = tmp_path / "text.txt"
    file.write_text("é" * BYTES, encoding="utf-8")  # two bytes a character
    examples = retention_examples(Base, "folder", str(file))
    assert examples.lengths.sum() == BYTES // 2 and max(examples.lengths) == WINDOW
    ids, masks = examples.take([0])
    assert len(ids[0]) == len(masks[0]) == WINDOW and masks[0][0] == 0 and sum(masks[0]) == WINDOW - 1


def test_another_base_without_a_file_has_no_text(tmp_path):
    assert retention_examples(Base, "folder", "") is None
    with pytest.raises(UserError, match="--config.data.retention=.*absent.txt: No such file"):
        retention_examples(Base, "", str(tmp_path / "absent.txt"))
    (tmp_path / "short.txt").write_text("a")
    with pytest.raises(UserError, match="fewer than two tokens"):
        retention_examples(Base, "", str(tmp_path / "short.txt"))
