"""The grid: real architectures, and flags that say what is wrong with them."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import pytest

from alignment.benchmarks.fit.grid import SIZES, WAYS, Program, check_ways, make_grid
from alignment.errors import UserError
from alignment.models import qwen2


# Parameters in billions, as the model cards of Qwen2.5 give them.
@pytest.mark.parametrize(("size", "billions"), [("0.5b", 0.49), ("1.5b", 1.54), ("3b", 3.09), ("7b", 7.61)])
def test_every_size_has_the_published_number_of_parameters(size, billions):
    config = Program("v5e", size, 8, 16).setting.config
    params = jax.eval_shape(functools.partial(qwen2.init_params, config, dtype=jnp.bfloat16), jax.random.key(0))
    count = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
    assert count / 1e9 == pytest.approx(billions, abs=0.006)  # the cards round down or up
    assert ("head" in params) == (size == "7b") != SIZES[size].tied


def test_a_grid_is_every_combination_at_one_prompt():
    grid = make_grid("v4,v6e", "3b", "8,16", "512")
    assert [(each.chip, each.group, each.prompts) for each in grid] == [
        ("v4", 8, 1), ("v6e", 8, 1), ("v4", 16, 1), ("v6e", 16, 1)
    ]  # fmt: skip


def test_a_program_is_the_recipes_update():
    setting = Program("v4", "7b", 16, 1024, prompts=4).setting
    assert (setting.dtype, setting.remat, setting.tied) == ("bfloat16", True, False)
    assert (setting.prompts, setting.group, setting.prompt_len, setting.new_tokens) == (4, 16, 1024, 1024)
    assert not Program("v4", "7b", 16, 1024, "no_remat").setting.remat


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chips": "v3"}, "--chips=v3"),
        ({"sizes": "0.5b,14b"}, "--sizes=14b"),
        ({"sizes": ""}, "--sizes="),
        ({"groups": "8,many"}, "--groups=8,many"),
        ({"lengths": "0"}, "--lengths=0"),
    ],
)
def test_what_is_not_there_is_refused_by_its_flag(changes, message):
    with pytest.raises(UserError, match=message):
        make_grid(**({"chips": "v4", "sizes": "3b", "groups": "8", "lengths": "512"} | changes))


def test_other_ways_are_named():
    check_ways(tuple(name for name in WAYS if name != "ours"))
    with pytest.raises(UserError, match="pallas_head, no_remat, plain"):
        check_ways(("unfused",))
