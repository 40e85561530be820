"""The reward model: planted preferences are recovered, and its rewards are those of the channel in a run."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from safetensors.numpy import save_file

from alignment.config import default_config, nano_config
from alignment.errors import UserError
from alignment.models.qwen2 import hidden_states
from alignment.parallel.data_parallel import choose_devices
from alignment.record import Record
from alignment.reward_model.features import group_features, text_features
from alignment.reward_model.fit import agreement, feedback_loss, fit, preference_data
from alignment.reward_model.judgements import Judgement
from alignment.reward_model.model import (
    FILE,
    RewardModel,
    base_digest,
    load_reward_model,
    predict_rewards,
    save_reward_model,
)
from alignment.rewards.registry import ScoreBatch
from alignment.rewards.score import score_channel
from alignment.rollout.base_model import encode_prompts
from alignment.rollout.keys import completion_keys
from alignment.rollout.sampler import load_sampler
from alignment.run.plan import execute
from alignment.run.setup import open_run
from alignment.text.tokenizer import encode_example

CONFIG = default_config().feedback
RECORD = Record("q", "test", "Which?", {"A": "x", "B": "y"}, "A")
BASE = np.zeros(32, np.uint8)
WIDTH = 12


def judgement(verdict, pair=True):
    return Judgement(RECORD, ("a", "b") if pair else ("a",), verdict)


def planted(count, seed, ties=0.3, noise=0.0):
    """Judgements by a linear preference: a clear margin prefers, a small one ties, and every fourth is a thumb."""
    rng = np.random.default_rng(seed)
    preference = np.random.default_rng(99).normal(size=WIDTH)
    judgements, rows = [], []
    while len(judgements) < count:
        pair = rng.normal(size=(2, WIDTH)) * 3 + 5
        scores = (pair - 5) @ preference / 3 + noise * rng.normal(size=2)
        if len(judgements) % 4 == 0:
            judgements.append(judgement(float(scores[0] > 0), pair=False))
            rows.append(pair[0])
            continue
        margin = scores[0] - scores[1]
        judgements.append(judgement(0.5 if abs(margin) < ties else float(margin > 0)))
        rows += list(pair)
    return judgements, np.float32(rows)


def test_a_planted_preference_is_recovered_on_held_out_judgements():
    model = fit(*planted(400, seed=0), CONFIG, BASE)
    judgements, features = planted(400, seed=1)
    right, total = agreement(judgements, predict_rewards(model, features))
    assert total > 300 and right / total > 0.97
    ties = [index for index, one in enumerate(judgements) if one.is_tie]
    starts = np.cumsum([0] + [len(one.responses) for one in judgements])
    rewards = predict_rewards(model, features)
    gaps = np.abs([rewards[starts[index]] - rewards[starts[index] + 1] for index in range(len(judgements) - 1)])
    assert np.mean(gaps[ties[:-1]]) < 0.5 * np.mean(gaps)


def test_noise_alone_is_not_learned():
    judgements, features = planted(400, seed=0, noise=100.0)
    model = fit(judgements, features, CONFIG, BASE)
    judgements, features = planted(400, seed=1, noise=100.0)
    right, total = agreement(judgements, predict_rewards(model, features))
    assert 0.35 < right / total < 0.65


@pytest.mark.ci
def test_fitting_ends_at_a_minimum():
    judgements, features = planted(60, seed=0)
    model = fit(judgements, features, CONFIG, BASE)
    data = preference_data(judgements, (features - model.mean) / model.std)
    slope = jax.grad(feedback_loss)((jnp.asarray(model.weight), jnp.asarray(model.bias[0])), data, 0.02, 1.0)
    assert max(float(jnp.abs(leaf).max()) for leaf in slope) < 1e-4  # float32 sums of 60 terms of size 1: 60 * 2^-24


@pytest.mark.ci
@pytest.mark.parametrize("name", ["weight_decay", "tie_weight"])
def test_every_setting_of_the_fit_does_something(name):
    changed = default_config().feedback
    changed[name] *= 3
    one, other = (fit(*planted(60, seed=0, ties=1.0), section, BASE) for section in (CONFIG, changed))
    assert np.abs(one.weight - other.weight).max() > 1e-4


def test_loss_by_hand():
    """One of each with w = (1, 0), b = 1: pair d = 2, tie d = 2, thumb up at s = 1; and 0.1 / 2 |w|^2."""
    rows = np.array([[2.0, 9], [0, 9], [0, 5], [-2, 5], [0, 1]], np.float32)
    made = [judgement(1.0), judgement(0.5), judgement(1.0, pair=False)]
    params = (jnp.array([1.0, 0.0]), jnp.array(1.0))
    expected = (0.126928 + 0.5 * 0.433781 + 0.313262) / 3 + 0.05
    # The numbers by hand have six decimals and five.
    assert float(feedback_loss(params, preference_data(made, rows), 0.1, 0.5)) == pytest.approx(expected, abs=1e-6)
    swapped = preference_data([judgement(0.0), *made[1:]], rows)  # the second preferred: d = -2
    assert float(feedback_loss(params, swapped, 0.0, 0.5)) == pytest.approx(
        (2.126928 + 0.21689 + 0.313262) / 3, abs=1e-5
    )


def test_agreement_by_hand():
    made = [judgement(1.0), judgement(0.0), judgement(0.5), judgement(1.0, pair=False), judgement(0.0, pair=False)]
    assert agreement(made, np.array([0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.6, 0.4])) == (3, 4)


def test_ties_alone_teach_nothing():
    with pytest.raises(UserError, match="ties alone"):
        fit([judgement(0.5)], np.ones((2, WIDTH), np.float32), CONFIG, BASE)


def test_a_feature_without_variance_is_left_alone():
    judgements, features = planted(60, seed=0)
    features[:, 3] = 7.0
    model = fit(judgements, features, CONFIG, BASE)
    assert model.weight[3] == 0.0 and np.isfinite(predict_rewards(model, features * 1e6)).all()


# --- on a model -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    tiny.experiment_config(folder)
    return folder


@pytest.fixture(scope="module")
def sampler(base):
    return load_sampler(tiny.experiment_config(base), choose_devices("jit", 1))


def plain_features(model, prompt, completion):
    """A second implementation: one unpadded sequence at a time, averaged over the tokens of its completion."""
    states = hidden_states(model.params, model.config, jnp.asarray([[*prompt, *completion]]))
    return np.asarray(states[0, len(prompt) :].mean(axis=0))


TEXTS = ["<think>fever</think><answer>\\boxed{A}</answer>", "no", "The answer is B, since the toe hurts. " * 3]


@pytest.mark.ci
def test_text_features_are_those_of_each_sequence_alone(sampler):
    records = tiny.records(3)
    features = text_features(sampler.base, sampler.devices, records, TEXTS, batch_size=2)
    for row, record, text in zip(features, records, TEXTS, strict=True):
        ids, mask = encode_example(sampler.base.tokenizer, record, sampler.base.template, text)
        start, end = mask.index(1), len(mask) - mask[::-1].index(1)
        expected = plain_features(sampler.base, ids[:start], ids[start:end])
        np.testing.assert_allclose(row, expected, rtol=0, atol=tiny.STATE_ERROR)


def make_reward_model(base, seed=0, digest=None):
    rng = np.random.default_rng(seed)
    width = base.config.hidden_size
    parts = (rng.normal(size=width), np.array([0.3]), rng.normal(size=width), np.ones(width))
    return RewardModel(*map(np.float32, parts), base_digest(base) if digest is None else digest)


@pytest.mark.ci
def test_rollout_features_are_those_of_each_completion_alone(sampler):
    records = tiny.records(4)
    prompts = encode_prompts(sampler.base, records)
    keys = completion_keys(jax.random.key(0), 0, [1, 2, 3, 4], 3)
    group = feedback_group(sampler, prompts, keys)
    features = group_features(sampler.base, sampler.devices, group, chunks=2)
    completions = zip(group.completions.reshape(12, -1), group.mask.reshape(12, -1), strict=True)
    for index, (ids, mask) in enumerate(completions):
        expected = plain_features(sampler.base, prompts[index // 3], ids[mask].tolist())
        np.testing.assert_allclose(features[index], expected, rtol=0, atol=tiny.STATE_ERROR)


def feedback_group(sampler, prompts, keys):
    from alignment.adapters.stack import Stack
    from alignment.rollout.sampler import complete
    from alignment.rollout.sampling import SamplingConfig

    return complete(sampler, Stack(), prompts, keys, max_new_tokens=12, sampling=SamplingConfig())


def test_a_reward_model_survives_its_file_and_belongs_to_its_base(sampler, base, tmp_path):
    model = make_reward_model(sampler.base)
    path = save_reward_model(str(tmp_path), model)
    for one, other in zip(load_reward_model(path, sampler.base), model, strict=True):
        np.testing.assert_array_equal(one, other)
    for other in ({"fingerprint": "0" * 64}, {"template": dataclasses.replace(sampler.base.template, name="other")}):
        with pytest.raises(UserError, match="another base or prompt template"):
            load_reward_model(path, dataclasses.replace(sampler.base, **other))
    with pytest.raises(UserError, match="no reward model"):
        load_reward_model(str(base / "base" / "model.safetensors"), sampler.base)
    with pytest.raises(UserError, match="not found"):
        load_reward_model(str(tmp_path / "missing.safetensors"), sampler.base)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": np.nan}, "tensor weight holds values that are not finite"),
        ({"bias": np.inf}, "tensor bias holds values that are not finite"),
        ({"mean": -np.inf}, "tensor mean holds values that are not finite"),
        ({"std": np.nan}, "tensor std holds values that are not finite"),
        ({"std": 0.0}, "tensor std holds 0.0, and must be positive"),
        ({"std": -1.0}, "tensor std holds -1.0, and must be positive"),
    ],
)
def test_a_reward_model_that_holds_no_numbers_is_refused_by_file_and_tensor(sampler, tmp_path, changes, message):
    model = make_reward_model(sampler.base)
    for name, value in changes.items():
        tensor = getattr(model, name).copy()
        tensor[-1] = value
        model = model._replace(**{name: tensor})
    path = str(tmp_path / FILE)
    save_file({name: np.asarray(tensor) for name, tensor in model._asdict().items()}, path)
    with pytest.raises(UserError) as raised:
        load_reward_model(path, sampler.base)
    assert str(raised.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("weight", np.ones(3, np.float32), "tensor weight is float32[3], not [32] float32"),
        ("bias", np.ones((1, 1), np.float32), "tensor bias is float32[1, 1], not [1] float32"),
        ("mean", np.ones(32, np.float64), "tensor mean is float64[32], not [32] float32"),
        ("std", np.ones(32, np.int32), "tensor std is int32[32], not [32] float32"),
    ],
)
def test_a_reward_model_of_other_shapes_is_refused_by_file_and_tensor(sampler, tmp_path, name, tensor, message):
    path = str(tmp_path / FILE)
    save_file(make_reward_model(sampler.base)._replace(**{name: tensor})._asdict(), path)
    with pytest.raises(UserError) as raised:
        load_reward_model(path, sampler.base)
    assert str(raised.value).startswith(f"{path}: {message}")


def test_the_channel_is_the_reward_model_on_the_features_and_refuses_without_either():
    features = np.array([[0.25, 0.0], [0.75, 1.0]])
    batch = ScoreBatch([None, None], [RECORD] * 2, [[], []], features=features, reward_model=lambda rows: rows[:, 0])
    np.testing.assert_array_equal(score_channel(batch, "feedback"), [0.25, 0.75])
    for missing in ("features", "reward_model"):
        with pytest.raises(UserError, match="--config.grpo.feedback=FILE"):
            score_channel(dataclasses.replace(batch, **{missing: None}), "feedback")


def config_for(base, **options):
    config = tiny.experiment_config(base)
    config.arms = ("grpo_only",)
    config.grpo.update(steps=2, channels=("feedback=1",), **options)
    return config


@pytest.mark.ci
def test_the_rewards_of_a_run_are_those_of_its_rollouts(base, sampler, tmp_path, monkeypatch):
    path, expected = save_reward_model(str(tmp_path / "scorer"), make_reward_model(sampler.base)), []

    def spy(model, devices, group, chunks=1):
        features = group_features(model, devices, group, chunks)
        expected.append(float(predict_rewards(make_reward_model(sampler.base), features).mean()))
        return features

    monkeypatch.setattr("alignment.training.rollout.group_features", spy)
    (outcome,) = execute(open_run(config_for(base, feedback=path), str(tmp_path / "run")))
    assert [row["reward/feedback"] for row in outcome.curve] == pytest.approx(expected)
    assert all(0.0 < row["reward/feedback"] < 1.0 for row in outcome.curve)
    with pytest.raises(UserError, match=r"grpo\.feedback"):  # another reward model is another configuration
        other = save_reward_model(str(tmp_path / "other"), make_reward_model(sampler.base, seed=1))
        execute(open_run(config_for(base, feedback=other), str(tmp_path / "run")))
    moved = (tmp_path / "scorer").rename(tmp_path / "moved")
    execute(open_run(config_for(base, feedback=str(moved / FILE)), str(tmp_path / "run")))


@pytest.mark.parametrize(
    ("channels", "file", "message"),
    [(("feedback=1",), "", "needs --config.grpo.feedback=FILE"), ((), "scorer", "no channel reads it")],
)
def test_a_reward_model_and_its_channel_are_compared_before_the_base_is_loaded(channels, file, message, tmp_path):
    config = nano_config()
    config.arms, config.model.path = ("grpo_only",), "/no/such/base"
    config.grpo.update(channels=channels, feedback=file)
    with pytest.raises(UserError, match=message):
        open_run(config, str(tmp_path))


@pytest.mark.ci
def test_a_channel_without_reward_model_and_a_reward_model_without_channel_are_refused(base, sampler, tmp_path):
    with pytest.raises(UserError, match="needs --config.grpo.feedback=FILE"):
        open_run(config_for(base), str(tmp_path))
    path = save_reward_model(str(tmp_path), make_reward_model(sampler.base))
    config = config_for(base, feedback=path)
    config.grpo.channels = ()
    with pytest.raises(UserError, match="no channel reads it"):
        open_run(config, str(tmp_path))
    config = config_for(base, feedback=save_reward_model(str(tmp_path), make_reward_model(sampler.base, digest=BASE)))
    with pytest.raises(UserError, match="another base"):
        open_run(config, str(tmp_path))
