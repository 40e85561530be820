from __future__ import annotations

import pytest
from tiny import experiment_config, records

from alignment.errors import UserError
from alignment.parallel.data_parallel import choose_devices
from alignment.rollout.base_model import encode_prompts, load_base_model
from alignment.training import prompts
from alignment.training.prompts import cached_prompts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("base")


def load(folder, **prompt):
    config = experiment_config(folder)
    config.prompt.update(**prompt)
    return load_base_model(config, choose_devices("jit", 1))


def test_prompts_are_encoded_once_and_are_those_of_the_base(folder, tmp_path, monkeypatch):
    ready, questions = load(folder), records(7)
    first = cached_prompts(ready, questions, str(tmp_path))
    assert first == encode_prompts(ready, questions)
    monkeypatch.setattr(prompts, "encode_prompts", lambda *args: pytest.fail("encoded again"))
    assert cached_prompts(ready, questions, str(tmp_path)) == first


def test_a_prompt_over_the_limit_is_found_whatever_was_cached(folder, tmp_path):
    questions = records(3)
    cached_prompts(load(folder), questions, str(tmp_path))
    with pytest.raises(UserError, match="'tiny-0'.*over the limit of 5"):
        cached_prompts(load(folder, max_tokens=5), questions, str(tmp_path))
