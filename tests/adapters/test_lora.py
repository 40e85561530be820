from __future__ import annotations

import jax
import numpy as np
import pytest
from tiny import CONFIG, lora

from alignment.adapters.lora import LoraConfig, init_lora
from alignment.errors import UserError


def fresh(**options):
    options = {"rank": 4, "alpha": 8.0, "targets": ("q_proj", "down_proj")} | options
    return init_lora(jax.random.key(0), CONFIG.linear_shapes, CONFIG.num_hidden_layers, LoraConfig(**options))


def test_shapes_and_zero_start():
    tree = fresh()
    assert set(tree.modules) == {"q_proj", "down_proj"}
    assert tree.modules["down_proj"]["a"].shape == (2, 48, 4)
    assert tree.modules["down_proj"]["b"].shape == (2, 4, 32)
    assert not any(np.any(factors["b"]) for factors in tree.modules.values())


def test_kaiming_bound_is_fan_in_and_not_rank():
    a = np.abs(fresh(rank=64, targets=("down_proj",)).modules["down_proj"]["a"])
    bound = 1 / np.sqrt(48)
    assert a.max() <= bound
    assert a.max() > 0.99 * bound


def test_gaussian_has_standard_deviation_one_over_rank():
    a = fresh(rank=16, init="gaussian", targets=("down_proj",)).modules["down_proj"]["a"]
    assert np.std(a) == pytest.approx(1 / 16, rel=0.05)


def test_the_draw_of_a_projection_does_not_depend_on_the_others():
    alone, together = fresh(targets=("down_proj",)), fresh()
    np.testing.assert_array_equal(alone.modules["down_proj"]["a"], together.modules["down_proj"]["a"])


@pytest.mark.parametrize(("scaling", "scale"), [("lora", 2.0), ("rslora", 4.0)])
def test_scale(scaling, scale):
    assert lora(scaling=scaling).scale == scale  # alpha 8, r 4: 8 / 4 and 8 / sqrt 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": ("wq",)}, "targets"),
        ({"targets": ()}, "targets"),
        ({"rank": 0}, "rank"),
        ({"scaling": "x"}, "scaling"),
        ({"init": "x"}, "init"),
    ],
)
def test_bad_settings_are_named(options, message):
    with pytest.raises(UserError, match=message):
        fresh(**options)
