"""Every leaf of the configuration of an experiment, declared once; `configs/*.py` override them.

A declaration holds default, help text, range and choices (`alignment.common.declaration.leaf`). The type is that of the
default. `group` names a heading for leaves of one section; it is no part of their names. `python -m alignment.ablate
--help` prints all of this, and docs/configuration.md shows it. Those of a data set are in `data_set_config.py`.
"""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from alignment.common.declaration import Leaf, defaults_of, flatten, group, leaf, seed_leaf, share_leaf
from alignment.data_set_config import DATA_SET, DTYPES, MAX_TOKENS

HEADLINE_ARMS = ("base", "sft_cot", "grpo_only", "monolithic", "modular")
ALL_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
SCALINGS = ("lora", "rslora")
INITS = ("kaiming", "gaussian")
MAX_RANK = 2**14  # as `MAX_TOKENS`: a larger number is a slip
# Leaves that were renamed: an earlier name is refused with the present one.
RENAMED = {"rollout.lanes": "rollout.sequences", "rollout.width": "rollout.samples_per_slot"}


def default_config() -> ConfigDict:
    """Return the default experiment: five arms of the embedded nano base on generated vignettes."""
    return defaults_of(EXPERIMENT)


def default_data_set() -> ConfigDict:
    """Return the defaults of `alignment.build_data`: a thousand vignettes."""
    return defaults_of(DATA_SET)


def nano_config() -> ConfigDict:
    """Return the default experiment at the scale of the embedded nano base: minutes on 2 CPU cores."""
    config = default_config()
    config.prompt.max_tokens = 320

    config.data.sft.count = 1024
    config.data.rl.count = 512
    config.data.eval.count = 400

    # A million-parameter model bears, and needs, far higher rates and smaller ranks than Qwen2.5 does.
    config.adapters.reasoning.update(rank=16, alpha=32.0, dropout=0.0)
    config.adapters.reward.update(rank=8, alpha=16.0)
    config.sft.update(epochs=2, batch_size=32, max_tokens=512, learning_rate=5e-3)
    config.grpo.update(steps=30, prompts=8, group_size=8, max_new_tokens=160, learning_rate=5e-4, warmup=0.1)
    config.eval.max_new_tokens = 160
    return config


def planted_config() -> ConfigDict:
    """Return `nano_config` on the planted task, where reinforcement has a known thing to learn.

    The traces of SFT are careful or hasty (`alignment/data/vignettes/strategies.py`); right answers in strict format
    are paid. Sampled at 1.0, chance alone makes almost half of the careful answers wrong, so the temperature is 0.7.
    docs/results/control says how shares and sizes were chosen.
    """
    config = nano_config()
    config.data.sft.update(count=4096, strategies=("careful=0.4", "hasty=0.6"))
    config.data.rl.count = 1024
    config.sft.update(epochs=1, batch_size=16, batching="packed")
    config.grpo.update(steps=24, reward="gated", beta=0.0, temperature=0.7)
    config.eval.samples = 4
    return config


# --------------------------------------------------------------------------------------------- leaves of an experiment


def _data_source(count: int, **more: Leaf) -> dict[str, Leaf]:
    return {
        "source": leaf("vignettes", "kind of records, explained in docs/data.md", registry="sources"),
        "path": leaf("", "file or hf://owner/data; empty for generated vignettes"),
        **more,
        "count": leaf(count, "largest number of records; 0 takes all records of a file", low=0),
    }


def _adapter(rank: int, alpha: float, dropout: float = 0.0) -> dict[str, Leaf]:
    return {
        "rank": leaf(rank, "rank r of the low-rank update", low=1, high=MAX_RANK),
        "alpha": leaf(alpha, "numerator of the adapter's scale", above=0.0, high=1e6),
        "scaling": leaf("lora", "scale of the update: lora is alpha / r, rslora is alpha / sqrt r", choices=SCALINGS),
        "init": leaf("kaiming", "distribution of A at the start; B starts at zero", choices=INITS),
        "dropout": share_leaf(dropout, "probability that an input of the adapter is dropped in training", below=1.0),
        "targets": leaf(ALL_PROJECTIONS, "projections that are adapted", choices=ALL_PROJECTIONS, required=True),
    }


def _optimizer(learning_rate: float, schedule: str, warmup: float, weight_decay: float, clip_norm: float) -> dict:
    return group(
        "optimizer",
        learning_rate=leaf(learning_rate, "peak learning rate of AdamW", low=0.0),
        schedule=leaf(schedule, "course of the learning rate after the warm-up", choices=("constant", "cosine")),
        warmup=share_leaf(warmup, "fraction of the steps over which the learning rate rises linearly"),
        weight_decay=leaf(weight_decay, "decoupled weight decay of AdamW", low=0.0),
        clip_norm=leaf(clip_norm, "largest global norm of a gradient; a longer one is scaled down", above=0.0),
    )


EXPERIMENT: dict[str, Any] = {
    **group(
        "run",
        arms=leaf(
            HEADLINE_ARMS,
            "arms to run, names in alignment/arms.py; modular@learning_rate=2e-3 is modular with another grpo leaf",
            registry="arms",
            known_as=lambda label: label.partition("@")[0],
            required=True,
        ),
        seeds=seed_leaf((0,), "seeds to run every arm with", required=True),
        preregistration=leaf("", "TOML file of hypotheses with rule, margin and budget, answered in the report"),
    ),
    "model": {
        "path": leaf(
            "",
            "folder in the Hugging Face layout, GGUF file or Hub id (docs/models.md); empty is the embedded nano base",
        ),
        "dtype": leaf("float32", "type of the frozen weights and of the computation", choices=DTYPES),
        "remat": leaf(False, "recompute layers in backward passes, which saves memory and costs time"),
        "logprob": leaf(
            "xla",
            "implementation of log-probabilities in training; auto takes the fastest that can serve",
            choices=("xla", "pallas_tpu", "pallas_gpu", "reference", "auto"),
        ),
    },
    "prompt": {
        "template": leaf("think_answer", "prompt template of alignment/text/templates.py", registry="templates"),
        "max_tokens": leaf(1024, "largest number of tokens of a prompt", low=1, high=MAX_TOKENS),
    },
    "data": {
        "seed": seed_leaf(0, "seed of the splits, of the order of records and of generated vignettes"),
        "cache": leaf("", "folder of tokenised records; empty is the user's cache folder"),
        "overlap": share_leaf(
            0.0, "largest share of an evaluation question that a training record may hold; 1 allows all but the whole"
        ),
        "max_bad_share": share_leaf(
            0.02,
            "largest share of a part's records that may be left out as unusable (too long, markup inside); one always "
            "may, unless this is 0",
        ),
        "retention": leaf("", "text whose loss is measured in reward stages; empty: prose of the nano base, else none"),
        "sft": _data_source(
            2000,
            traces=leaf("", "JSONL of chains of thought (id, cot); empty takes those of the records"),
            strategies=leaf(
                (),
                "strategy=share, ...: planted ways of answering vignettes, of alignment/data/vignettes/strategies.py; "
                "empty: the derived chains of thought alone",
                identity=lambda entry: entry.partition("=")[0].strip(),
            ),
        ),
        "rl": _data_source(1000),
        "eval": _data_source(400),
        "dev": _data_source(0) | {"count": leaf(0, "largest number of development questions; 0: none", low=0)},
    },
    "adapters": {
        "reasoning": _adapter(rank=32, alpha=64.0, dropout=0.05),
        "reward": _adapter(rank=16, alpha=32.0),
    },
    "sft": {
        **group(
            "batches",
            epochs=leaf(2, "passes over the examples", low=1),
            batch_size=leaf(64, "examples of an optimiser step", low=1),
            micro_batches=leaf(1, "parts of a batch whose gradients are accumulated", low=1),
            batching=leaf(
                "shuffled",
                "how examples form batches: shuffled, bucketed (similar lengths together) or packed (several to a row)",
                choices=("shuffled", "bucketed", "packed"),
            ),
            max_tokens=leaf(2048, "largest number of tokens of prompt and response together", low=1, high=MAX_TOKENS),
            holdout=leaf(0, "last records that are not trained on, to measure their loss in reward stages", low=0),
        ),
        **_optimizer(learning_rate=1e-4, schedule="cosine", warmup=0.1, weight_decay=0.01, clip_norm=1.0),
    },
    "grpo": {
        **group(
            "rollout",
            steps=leaf(100, "training steps, each with one rollout; 0: the adapter stays as it is", low=0),
            prompts=leaf(32, "prompts of a rollout", low=1),
            group_size=leaf(8, "completions of a prompt, which are compared with each other", low=2),
            max_new_tokens=leaf(512, "largest number of tokens of a completion", low=1, high=MAX_TOKENS),
            # Filters such as top-p have no place in training: the loss would be taken under another distribution.
            temperature=leaf(1.0, "temperature of sampling and of the loss alike", low=0.01),
            refill=leaf(0, "attempts to replace groups whose rewards are all equal (dynamic sampling of DAPO)", low=0),
            skip_without_headroom=leaf(False, "leave a stage out whose first completions are all right or all wrong"),
            power_every=leaf(
                0, "steps between measurements of gradient signal, distance moved and held-out SFT loss; 0: none", low=0
            ),
        ),
        **group(
            "loss",
            loss=leaf("grpo", "policy loss, a name in alignment/objectives/family.py", registry="losses"),
            beta=leaf(0.02, "weight of the KL penalty to the reference", low=0.0),
            kl_target=leaf(
                "token",
                "divergence that is penalised: of the next token, in the loss, or of the sequence, in the advantages",
                choices=("token", "sequence"),
            ),
            kl=leaf(
                "k3",
                "estimator of the penalty: k1 for sequences; for tokens k2, k1 or k3 with kl_correction, all of the "
                "reverse KL. k3 without it has the gradient of the forward KL, as published for GRPO",
                choices=("k1", "k2", "k3"),
            ),
            kl_correction=leaf(False, "multiply k1 or k3 by the ratio rho, which makes its gradient the reverse KL's"),
            clip_low=share_leaf(0.2, "the ratio rho is clipped at 1 - clip_low"),
            clip_high=leaf(0.2, "the ratio rho is clipped at 1 + clip_high, which for cispo caps its weight", low=0.0),
            dual_clip=leaf(0.0, "bound on rho where the advantage is negative, above 1 + clip_high; 0: off", low=0.0),
            reference_reset=leaf(
                0, "steps after which the current policy becomes the KL reference, again and again; 0: never", low=0
            ),
            entropy_bonus=leaf(0.0, "weight of the policy's entropy; a negative weight is a penalty"),
            target_entropy=leaf(
                0.0,
                "nat a token below which an adaptive weight of the entropy acts, at first entropy_bonus; 0: off",
                low=0.0,
            ),
            entropy_rate=leaf(0.005, "change of that weight at each step, up below the target and down above", low=0.0),
            covariance_share=share_leaf(2e-3, "clip_cov, kl_cov: share of a rollout's tokens that are chosen"),
            covariance_low=leaf(
                1.0, "clip_cov: tokens are chosen whose covariance of log pi and A lies above", low=0.0
            ),
            covariance_high=leaf(5.0, "clip_cov: and below", above=0.0),
            covariance_weight=leaf(1.0, "kl_cov: weight of the pull to the policy that sampled", low=0.0),
            importance_cap=leaf(0.0, "cap of the importance weights against the sampler's log-probs; 0: off", low=0.0),
            importance_floor=share_leaf(0.0, "least importance weight; 0: none (IcePop: token_mask, 0.5, cap 5)"),
            importance=leaf(
                "token_truncate",
                "importance weights of a token or of the whole sequence, cut at their bounds or set to 0 outside them",
                choices=("token_truncate", "token_mask", "sequence_truncate", "sequence_mask"),
            ),
            mask_truncated=leaf(False, "leave completions that met the token limit out of the loss"),
            joint_weight=leaf(1.0, "joint_mono: lambda of L_GRPO + lambda L_SFT", low=0.0),
        ),
        **group(
            "reward",
            reward=leaf("decoupled_v1", "reward preset, a name in alignment/rewards/presets.py", registry="presets"),
            channels=leaf(
                (),
                "channel=weight or channel=weight@target, added to the preset; a channel may be a dotted path",
                identity=lambda entry: entry.rpartition("=")[0].strip(),
            ),
            feedback=leaf("", "reward model of the channel feedback, written by python -m alignment.feedback"),
            normaliser=leaf("none", "normalisation of each channel before the weighting", registry="normalisers"),
            std_floor=leaf(
                -1.0,
                "least standard deviation of rewards that advantages are divided by; -1: that of the preset; 0: none",
                low=0.0,
                also=-1.0,
            ),
            calibration_prompts=leaf(
                512, "questions sampled once from the start policy, for the normaliser rfn", low=1
            ),
            weighting=leaf("static", "rule that weighs the channels at each step", registry="weightings"),
            hard_safety=leaf(False, "give a violation of a channel of severity 3 the lowest reward of its group"),
        ),
        "weights": {
            "weakness": leaf(1.0, "tri_factor: strength of the weakness factor; 0: off", low=0.0, high=100.0),
            "risk": leaf(1.0, "tri_factor: strength of the risk factor; 0: off", low=0.0),
            "redundancy": leaf(1.0, "tri_factor: strength of the redundancy factor; 0: off", low=0.0),
            "rvpo": leaf(1.0, "rvpo: its constant k, near 0 the mean, large the minimum", low=1e-3, high=1e6),
            "saw": leaf(3.0, "saw: shift of channels that take negative values", low=0.0),
        },
        **group(
            "optimizer",
            epochs=leaf(1, "passes over one rollout", low=1),
            minibatches=leaf(1, "optimiser steps of an epoch over one rollout", low=1),
            micro_batches=leaf(1, "parts of a mini-batch whose gradients are accumulated", low=1),
        ),
        **_optimizer(learning_rate=1e-5, schedule="constant", warmup=0.05, weight_decay=0.0, clip_norm=0.5),
    },
    "train": {
        "max_skipped": leaf(
            5,
            "optimiser steps in a row that are skipped, for a loss or gradient that is not finite, before a run stops; "
            "0 never stops",
            low=0,
        ),
    },
    "rollout": {
        "sequences": leaf(64, "completions decoded at once; 0: all of them", low=0),
        "samples_per_slot": leaf(
            0, "sequences that share a prompt slot; 0: a whole group if all fit at once, otherwise 2", low=0
        ),
        "chunk": leaf(32, "tokens decoded between two checks for completions that have ended", low=1, high=MAX_TOKENS),
        "cache_dtype": leaf("", "type of the key-value cache; empty is that of the weights", choices=("", *DTYPES)),
        "merge": leaf(
            "none",
            "float32 folds the adapters into a float32 copy of the base for training rollouts",
            choices=("none", "float32"),
        ),
    },
    "eval": {
        "max_new_tokens": leaf(512, "largest number of tokens of an answer", low=1, high=MAX_TOKENS),
        "temperature": leaf(0.0, "temperature of sampling; 0: greedy, as in the headline numbers", low=0.01, also=0.0),
        "top_k": leaf(0, "keep the k most likely tokens; 0: all (filters need a temperature above 0)", low=0),
        "top_p": leaf(1.0, "keep the most likely tokens that have this probability together", above=0.0, high=1.0),
        "min_p": share_leaf(0.0, "keep tokens at least this likely, as a share of the most likely one"),
        "seed": seed_leaf(0, "seed of sampling"),
        "stop": leaf((), "texts that end an answer"),
        "merge": leaf(
            "none",
            "float32 folds every arm's adapters into a float32 copy of the base, so that all arms share their programs",
            choices=("none", "float32"),
        ),
        "likelihood": leaf(
            False, "compare the log-probabilities of the options' texts too, as alignment.evaluate does"
        ),
        "samples": leaf(0, "sampled answers a question, beside the one above; 0: none", low=0, high=4096),
        "sample_temperature": leaf(0.0, "their temperature; 0: that of training, grpo.temperature", low=0.01, also=0.0),
    },
    "checkpoint": {
        "every": leaf(10, "steps between checkpoints", low=1),
        "keep": leaf(2, "newest checkpoints that are kept", low=1),
    },
    "feedback": {
        "weight_decay": leaf(0.02, "weight of the squared weights in the reward model's loss", low=0.0),
        "tie_weight": leaf(1.0, "lambda of pairs that were judged equal", low=0.0),
        "holdout": share_leaf(0.2, "share of the questions that the reward model is tested on", below=1.0),
        "batch_size": leaf(32, "responses of a forward pass", low=1),
    },
    "watch": {
        "share": share_leaf(0.5, "share of a step's completions above which a symptom counts towards an alarm"),
        "patience": leaf(3, "steps in a row above that share that make an alarm", low=1),
        "length": leaf(0.25, "collapse: shorter than this multiple of the mean length at the first step", low=0.0),
        "words": leaf(20, "format only: fewer words of reasoning than this", low=0),
        "copied": share_leaf(0.5, "copying: more than this share of the reasoning is word for word from the stem"),
        "foreign": share_leaf(0.05, "drift: more than this share of the letters is of another script"),
    },
    "log": {
        "tensorboard": leaf(False, "write TensorBoard files beside metrics.jsonl"),
        "wandb": leaf(False, "log to Weights & Biases"),
        "wandb_project": leaf("clinical-alignment", "project of Weights & Biases"),
        "profile": leaf(0, "steps of every stage to trace into its folder profile/", low=0),
    },
    "parallel": {
        "mode": leaf("jit", "how a step is spread over devices", choices=("jit", "pmap")),
        "devices": leaf(0, "number of local devices to use; 0: all", low=0),
    },
}


# The declaration of every leaf by its dotted name; the two trees share no name.
LEAVES: dict[str, Leaf] = flatten(EXPERIMENT) | flatten(DATA_SET)

# The headings of `--help` and of docs/configuration.md: a section, with the group of its leaves where they have one.
GROUPS = {
    "run": "which arms are trained and evaluated",
    "data set": "what is built",
    "model": "the frozen base",
    "prompt": "how a question is put to the model",
    "data": "records of training and evaluation",
    "data.sft": "questions of supervised fine-tuning",
    "data.rl": "questions of GRPO",
    "data.eval": "questions of the evaluation, which are never trained on",
    "data.dev": "questions to choose settings on, which are neither trained on nor held out for the evaluation",
    "adapters.reasoning": "the adapter that supervised fine-tuning trains",
    "adapters.reward": "the adapter that GRPO trains",
    "sft batches": "supervised fine-tuning: passes over the examples, and how they form batches",
    "sft optimizer": "supervised fine-tuning: AdamW and the course of its learning rate",
    "grpo rollout": "reinforcement learning: completions of a training step, and how they are sampled",
    "grpo loss": "reinforcement learning: policy loss, KL penalty and clipping",
    "grpo reward": "reinforcement learning: reward channels, and how they become advantages",
    "grpo.weights": "reinforcement learning: constants of the weightings of reward channels",
    "grpo optimizer": "reinforcement learning: updates for each rollout, AdamW and its learning rate",
    "train": "what holds for every stage of training",
    "rollout": "how completions are laid out on the device, in training and evaluation",
    "eval": "how answers of the evaluation are sampled",
    "checkpoint": "how often a stage is saved",
    "feedback": "fitting a reward model to people's judgements (python -m alignment.feedback)",
    "watch": "monitor of reward hacking: where a symptom begins, and how long it lasts before an alarm",
    "log": "loggers beside metrics.jsonl, and profiles",
    "parallel": "devices",
    "vignettes": "generated vignettes",
    "mixture": "a weighted mixture of sources",
    "hygiene": "duplicates and overlap with evaluation questions",
    "traces": "chains of thought written by a teacher",
    "traces.endpoint": "a teacher behind an OpenAI-compatible endpoint",
    "traces.local": "a teacher on this machine",
    "traces.filters": "which answers of the teacher are kept",
}
