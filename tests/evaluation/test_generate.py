"""Answers come in the records' order, whatever they were answered with, and every setting of `config.eval` matters."""

from __future__ import annotations

import dataclasses

import pytest
from tiny import experiment_config, records

from alignment.adapters.stack import Stack
from alignment.config import default_config
from alignment.errors import UserError
from alignment.evaluation.generate import _by_bucket, answer, answer_samples, sampling_of
from alignment.parallel.data_parallel import choose_devices
from alignment.rollout.sampler import load_sampler
from alignment.rollout.sampling import SamplingConfig
from alignment.rollout.scheduler import Layout

RECORDS = records(7)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    config = experiment_config(tmp_path_factory.mktemp("generate"))
    return load_sampler(config, choose_devices("jit", 1)), config.eval


def texts(opened, layout=None, records=RECORDS, **changes):
    sampler, section = opened
    section = section.copy_and_resolve_references()
    with section.unlocked():
        section.update(changes)
    sampler = sampler if layout is None else dataclasses.replace(sampler, layout=layout)
    return [response.text for response in answer(sampler, Stack(), records, section)]


@pytest.mark.ci
def test_answers_are_in_order_and_depend_on_nothing_else(opened):
    whole = texts(opened)
    assert whole == texts(opened, layout=Layout(sequences=2, chunk=3))
    assert whole[::-1] == texts(opened, records=RECORDS[::-1])
    assert [whole[3]] == texts(opened, records=RECORDS[3:4])


@pytest.mark.ci
def test_temperature_draws_and_the_seed_decides(opened):
    drawn = [texts(opened, temperature=1.0, seed=seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] != texts(opened)


@pytest.mark.ci
def test_samples_of_a_question_differ_and_more_of_them_begin_with_the_same(opened):
    sampler, section = opened
    few, more = (
        [[response.text for response in group] for group in answer_samples(sampler, Stack(), RECORDS, section, *draw)]
        for draw in ((2, SamplingConfig(1.0)), (3, SamplingConfig(1.0)))
    )
    assert [len(group) for group in more] == [3] * len(RECORDS) and all(len(set(group)) > 1 for group in more)
    assert few == [group[:2] for group in more]
    assert [[text] for text in texts(opened, temperature=1.0)] == [group[:1] for group in more]


@pytest.mark.ci
@pytest.mark.parametrize("narrow", [{"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}])
def test_a_filter_that_leaves_one_word_is_greedy(opened, narrow):
    assert texts(opened, temperature=1.0, **narrow) == texts(opened)


def test_a_stop_text_ends_an_answer_with_the_token_that_completes_it(opened):
    """Two characters from the middle of an answer: it ends there and keeps them; the others go on as before."""
    plain = texts(opened)
    long = max(plain, key=len)
    stop = long[len(long) // 2 : len(long) // 2 + 2]
    stopped = texts(opened, stop=(stop,))
    for before, after in zip(plain, stopped, strict=True):
        if stop not in before:
            assert after == before
        else:
            assert before.startswith(after) and stop in after and stop not in after[: -len(stop) - 8]
    assert len(stopped[plain.index(long)]) < len(long)
    assert texts(opened, stop=("this is never said",)) == plain


@pytest.mark.ci
def test_the_length_limit_is_that_of_the_section(opened):
    assert texts(opened, max_new_tokens=3) != texts(opened)


def test_records_go_by_bucket_and_small_buckets_join_a_neighbour():
    lengths = [10, 40, 12, 100, 33, 9, 11]
    assert _by_bucket(lengths, 1) == [[3], [1, 4], [2, 6, 0, 5]]
    assert _by_bucket(lengths, 2) == [[3, 1, 4], [2, 6, 0, 5]]
    assert sorted(sum(_by_bucket(lengths, 5), [])) == list(range(7))


def test_a_value_out_of_range_names_its_flag(opened):
    section = opened[1].copy_and_resolve_references()
    section.top_p = 0.0
    with pytest.raises(UserError, match=r"--config\.eval\.top_p=0\.0 is out of range"):
        sampling_of(section)


@pytest.mark.parametrize(("name", "value"), [("top_k", 5), ("top_p", 0.9), ("min_p", 0.1)])
def test_a_filter_of_greedy_answers_is_refused(name, value):
    section = default_config().eval
    section[name] = value
    with pytest.raises(UserError, match=rf"--config\.eval\.{name}={value} filters nothing at .*temperature=0"):
        sampling_of(section)
    section.temperature = 0.7
    assert getattr(sampling_of(section), name) == value


def test_a_temperature_of_samples_without_samples_is_refused():
    section = default_config().eval
    section.sample_temperature = 0.7
    with pytest.raises(UserError, match=r"--config\.eval\.sample_temperature=0\.7 is that of samples, of which there"):
        sampling_of(section)
    section.samples = 4
    assert sampling_of(section).temperature == 0.0
