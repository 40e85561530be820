"""Losses and gradients against TRL's own `GRPOTrainer._compute_loss` on the same tensors."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alignment.objectives.family import LOSSES
from alignment.objectives.policy import LossConfig, Tokens, policy_loss

torch = pytest.importorskip("torch", reason="torch is not installed (extra `parity`)")
trl = pytest.importorskip("trl", reason="trl is not installed (extra `parity`)")
pytestmark = pytest.mark.parity

ROWS, LENGTH, LIMIT = 6, 7, 9
# Ours -> TRL's loss_type, importance_sampling_level.
NAMES = {
    "grpo": ("grpo", "token"),
    "bnpo": ("bnpo", "token"),
    "dapo": ("dapo", "token"),
    "dr_grpo": ("dr_grpo", "token"),
    "gspo": ("grpo", "sequence"),
    "cispo": ("cispo", "token"),
}
CASES = {
    "plain": {},
    "clip higher": {"clip_high": 0.28},
    "kl": {"beta": 0.04},
    "corrected kl": {"beta": 0.04, "kl_correction": True},
    "dual clip": {"dual_clip": 1.5},
    "importance": {"importance_cap": 2.0, "beta": 0.04},
}


def tensors(seed: int = 0) -> dict[str, np.ndarray]:
    """Random log-probabilities with ratios on both sides of every clip; one response is wholly masked."""
    rng = np.random.default_rng(seed)
    old = rng.normal(-2, 0.5, (ROWS, LENGTH)).astype(np.float32)
    draw = lambda scale: (old + rng.normal(0, scale, old.shape)).astype(np.float32)  # noqa: E731
    lengths = np.array([7, 4, 1, 6, 0, 3])
    return {
        "old_log_prob": old,
        "log_prob": draw(0.4),
        "ref_log_prob": draw(0.4),
        "sampler_log_prob": draw(0.6),
        "advantages": rng.normal(0, 1, ROWS).astype(np.float32),
        "mask": np.arange(LENGTH) < lengths[:, None],
    }


def theirs(name: str, arrays: dict, constants: LossConfig) -> tuple[float, np.ndarray]:
    """TRL's loss and its gradient with respect to the current log-probabilities."""
    kind, level = NAMES[name]
    now = torch.tensor(arrays["log_prob"], requires_grad=True)
    mask = torch.tensor(arrays["mask"]).float()
    old, sampler = torch.tensor(arrays["old_log_prob"]), torch.tensor(arrays["sampler_log_prob"])
    trainer = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (now, torch.zeros_like(now), None),
        aux_loss_enabled=False,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        importance_sampling_level=level,
        loss_type=kind,
        beta=constants.beta,
        epsilon_low=constants.clip_low,
        # TRL's cap of CISPO is absolute.
        epsilon_high=constants.clip_high + (kind == "cispo"),
        args=SimpleNamespace(
            use_bias_correction_kl=constants.kl_correction,
            delta=constants.dual_clip or None,
            steps_per_generation=1,
        ),
        use_vllm=bool(constants.importance_cap),
        vllm_importance_sampling_correction=True,
        current_gradient_accumulation_steps=1,
        max_completion_length=LIMIT,
        _entropy_bonus_enabled=False,
        model=SimpleNamespace(training=True),
        accelerator=SimpleNamespace(num_processes=1, reduce=lambda x, reduction: x, gather=lambda x: x),
        _metrics={"train": defaultdict(list)},
    )
    inputs = {
        "prompt_ids": torch.zeros(ROWS, 1),
        "prompt_mask": torch.ones(ROWS, 1),
        "completion_ids": torch.zeros(ROWS, LENGTH),
        "completion_mask": mask,
        "advantages": torch.tensor(arrays["advantages"]),
        "old_per_token_logps": old,
        "ref_per_token_logps": torch.tensor(arrays["ref_log_prob"]),
        "importance_sampling_ratio": torch.exp(old - sampler).clamp(max=constants.importance_cap or None)
        if constants.importance_cap
        else None,
        "num_items_in_batch": mask.sum(),
    }
    loss = trl.GRPOTrainer._compute_loss(trainer, None, inputs)
    loss.backward()
    return float(loss.detach()), now.grad.numpy()


def ours(name: str, arrays: dict, constants: LossConfig) -> tuple[float, np.ndarray]:
    def mean(log_prob):
        out = policy_loss(Tokens(**(arrays | {"log_prob": log_prob})), LOSSES[name], constants)
        return out.total / out.count

    arrays = {key: jnp.asarray(value) for key, value in arrays.items()}
    value, gradient = jax.value_and_grad(mean)(arrays["log_prob"])
    return float(value), np.asarray(gradient)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_loss_and_gradient_equal_trl(name, case):
    if name == "cispo" and case == "dual clip":
        pytest.skip("CISPO has no dual clip")
    if name == "gspo" and case == "corrected kl":
        pytest.skip("TRL weighs a token's penalty by the ratio of the sequence, which is the gradient of no divergence")
    constants = LossConfig(max_tokens=LIMIT, **CASES[case])
    arrays = tensors()
    (value, gradient), (expected, slope) = ours(name, arrays, constants), theirs(name, arrays, constants)
    # Two float32 sums of a few dozen terms of about 1, in different orders: some ten roundings of 1e-7.
    assert value == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(gradient, slope, atol=1e-5)
    assert np.abs(slope).max() > 0.01
