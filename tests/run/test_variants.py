from __future__ import annotations

import pytest

from alignment.arms import get_stage
from alignment.config import nano_config
from alignment.config_checks import check_config
from alignment.errors import UserError
from alignment.run.variants import stage_config


def test_a_variant_has_its_leaves_and_the_others_of_the_run():
    config = nano_config()
    stage = get_stage("reward@learning_rate=2e-3@beta=0@weights.risk=0.5@mask_truncated=true@channels=overlong=1")
    changed = stage_config(config, stage)
    assert (changed.grpo.learning_rate, changed.grpo.beta, changed.grpo.weights.risk) == (2e-3, 0.0, 0.5)
    assert changed.grpo.mask_truncated is True
    assert changed.grpo.channels == ("overlong=1",)
    assert changed.grpo.steps == config.grpo.steps
    assert config.grpo.beta == nano_config().grpo.beta  # the configuration of the run is as it was


def test_a_stage_that_is_no_variant_has_the_configuration_of_the_run():
    config = nano_config()
    assert stage_config(config, get_stage("reward")) is config
    assert stage_config(config, None) is config


@pytest.mark.parametrize(
    "variant, words",
    [
        ("learning_rat=1", "did you mean 'learning_rate'"),
        ("steps=many", "not an int"),
        ("learning_rate=-1", "it must be at least 0"),
        ("loss=drgrpo", "did you mean 'dr_grpo'"),
        ("beta=nan", "not a finite float"),
        ("weights=1", "no leaf 'weights'"),
    ],
)
def test_a_wrong_leaf_is_named_with_its_value(variant, words):
    with pytest.raises(UserError, match=words) as error:
        stage_config(nano_config(), get_stage(f"reward@{variant}"))
    assert f"@{variant}" in str(error.value)


def test_the_list_of_arms_takes_variants_and_refuses_the_same_one_twice():
    config = nano_config()
    config.arms = ("modular", "modular@beta=0", "modular@beta=0.1")
    check_config(config)
    config.arms = ("modular@beta=0", "modular@beta=0")
    with pytest.raises(UserError, match="twice"):
        check_config(config)
    config.arms = ("modulra@beta=0",)
    with pytest.raises(UserError, match="did you mean 'modular'"):
        check_config(config)
