"""Settings: what is read from flags and what is refused."""

from __future__ import annotations

import pytest

from alignment.benchmarks.setting import Setting, Size, parse_size, show_size
from alignment.errors import UserError


def test_sizes_are_read_in_order_and_shown_as_typed():
    size = parse_size("512,8,8,2,1536,32768")
    assert size == Size(hidden=512, layers=8, heads=8, kv_heads=2, intermediate=1536, vocab=32768)
    assert show_size(size) == "512,8,8,2,1536,32768"


def test_the_model_has_those_sizes_and_one_matrix_for_embedding_and_head():
    config = Setting("update", parse_size("512,8,16,2,1536,32768")).config
    assert (config.num_hidden_layers, config.head_dim, config.tie_word_embeddings) == (8, 32, True)
    assert config.linear_shapes["k_proj"] == (512, 64) and config.linear_shapes["down_proj"] == (1536, 512)


def test_a_shape_has_a_name():
    assert parse_size("smollm2") == Size(576, 30, 9, 3, 1536, 49152)


@pytest.mark.parametrize("text", ["", "1", "1,2,3,4,5,6,7", "256,4,4,2,768,four"])
def test_anything_but_six_numbers_is_refused(text):
    with pytest.raises(UserError, match="six whole numbers"):
        parse_size(text)


@pytest.mark.parametrize("changes", [{"prompts": 0}, {"group": -1}, {"repeats": 0}, {"dtype": "int8"}])
def test_numbers_below_one_and_other_types_are_refused(changes):
    with pytest.raises(UserError, match=f"--{next(iter(changes))}="):
        Setting("update", parse_size("32,2,4,2,64,128"), **changes)
