"""Every knob of an experiment and of a data set with its default; `configs/*.py` start from here and override."""

from __future__ import annotations

from ml_collections import ConfigDict

HEADLINE_ARMS = ("base", "sft_cot", "grpo_only", "monolithic", "modular")
ALL_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def default_config() -> ConfigDict:
    """Return the default experiment: five arms of the embedded nano base on generated vignettes."""
    config = ConfigDict()
    config.arms = HEADLINE_ARMS
    config.seeds = (0,)
    config.model = _model()
    config.prompt = ConfigDict({"template": "think_answer", "max_tokens": 1024})
    config.data = _data()
    config.adapters = ConfigDict(
        {"reasoning": _adapter(rank=32, alpha=64.0, dropout=0.05), "reward": _adapter(rank=16, alpha=32.0)}
    )
    config.sft = _sft()
    config.grpo = _grpo()
    config.rollout = _rollout()
    config.eval = _eval()
    config.checkpoint = ConfigDict({"every": 10, "keep": 2})
    config.feedback = _feedback()
    config.watch = _watch()
    config.log = ConfigDict({"tensorboard": False, "wandb": False, "wandb_project": "clinical-alignment", "profile": 0})
    config.parallel = ConfigDict({"mode": "jit", "devices": 0})
    return config


def default_data_set() -> ConfigDict:
    """Return the defaults of `alignment.build_data`: a thousand vignettes."""
    return ConfigDict(
        {
            "builder": "vignettes",  # a name in BUILDERS of alignment/build_data.py
            "out": "data/set",  # folder to write; one that holds an older data set is replaced
            "seed": 0,
            "workers": 0,  # processes; 0: one a core. Changes the time and nothing else
            "vignettes": {
                "count": 1000,  # of the train split
                "eval_count": 100,  # of the eval split, whose cases are never seen in train
                "scope": "core",  # core: five families on the core of the knowledge base; full: ten on all of it
                "families": (),  # of alignment.data.vignettes.families_of(scope); empty: all
            },
            "mixture": {
                "sources": ("vignettes:1000=1",),  # SOURCE:PATH=WEIGHT; vignettes:COUNT generates
                "evals": ("vignettes:400",),  # SOURCE:PATH, nothing of which may be in the mixture
                "count": 0,  # records; 0: as many as the weights allow without taking one twice
                "sft_share": 0.5,  # of the questions; the others are for GRPO
            },
            "hygiene": {
                "near_duplicates": 0.8,  # Jaccard similarity of word 5-grams from which a record goes; 0: off
                "words": 13,  # length of a run that no training record may share with an evaluation question
                "characters": 64,
                "overlap": 0.0,  # share of an evaluation question that may lie in shared runs; 1: all but the whole
            },
            "traces": _traces(),
        }
    )


def _traces() -> dict:
    return {
        "sources": ("vignettes:1000",),  # SOURCE:PATH of docs/data.md; vignettes:COUNT generates
        "count": 1000,  # questions at most, chosen by a seeded hash; 0: all
        "template": "think_answer",
        "teacher": "endpoint",  # endpoint | local
        "tries": 4,  # answers asked for at most, a question
        "keep": 1,  # accepted answers after which a question is done
        "temperature": 0.7,
        "max_tokens": 1024,  # of an answer
        "journal": "",  # file of all answers, the memory of a build; empty: <out>.journal.jsonl
        "endpoint": {
            "base_url": "http://127.0.0.1:8000/v1",
            "model": "",
            "key_variable": "OPENAI_API_KEY",  # names the environment variable with the key; empty: none is sent
            "any_model": False,  # take answers that name another model than `model`
            "top_p": 1.0,
            "tokens_field": "max_tokens",  # or max_completion_tokens, which some models want
            "concurrency": 16,  # requests in flight
            "requests_per_minute": 0,  # 0: no limit
            "tokens_per_minute": 0,  # counted as endpoints do, by what a request may use; 0: no limit
            "requests": 6,  # at most, for one answer: time-outs, 429, 5xx and broken replies are asked again
            "first_wait": 1.0,  # seconds before a repetition, doubling, with jitter; Retry-After counts where longer
            "longest_wait": 120.0,
            "timeout": 300.0,  # seconds for a whole answer
            "price_in": 0.0,  # per million tokens
            "price_out": 0.0,
            "max_cost": 0.0,  # stop before it is passed, the answers of earlier runs included; 0: no limit
        },
        # path: "" is the embedded nano base.
        "local": {"path": "", "dtype": "float32", "batch_size": 16, "max_prompt_tokens": 1024},
        "filters": {
            "min_words": 20,  # of the reasoning
            "max_words": 600,
            "grounding": 0.1,  # share of its sentences that take up the stem
            "effective": 0.95,  # share of characters that plain clinical English is written with
        },
    }


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


def _model() -> ConfigDict:
    # path: "" is the embedded nano base; otherwise a folder in the Hugging Face layout or a Hub id.
    # logprob: how training computes log-probabilities, xla | pallas_tpu | pallas_gpu | reference | auto (what serves).
    return ConfigDict({"path": "", "dtype": "float32", "remat": False, "logprob": "xla"})


def _data() -> ConfigDict:
    # source: vignettes, vignettes_full (generated), records or a public set of docs/data.md; path: a file or
    # hf://owner/data, empty for what is generated; traces: JSONL of (id, cot).
    return ConfigDict(
        {
            "seed": 0,
            "cache": "",  # folder of tokenised records; "": the user's cache folder
            "overlap": 0.0,  # largest share of an eval question that a training record may hold; 1: all but the whole
            "sft": {"source": "vignettes", "path": "", "traces": "", "count": 2000},
            "rl": {"source": "vignettes", "path": "", "count": 1000},
            "eval": {"source": "vignettes", "path": "", "count": 400},
        }
    )


def _adapter(rank: int, alpha: float, dropout: float = 0.0) -> ConfigDict:
    # scaling: "lora" (alpha / r) or "rslora" (alpha / sqrt r); init of A: "kaiming" or "gaussian".
    return ConfigDict(
        {
            "rank": rank,
            "alpha": alpha,
            "scaling": "lora",
            "init": "kaiming",
            "dropout": dropout,
            "targets": ALL_PROJECTIONS,
        }
    )


def _rollout() -> ConfigDict:
    # How completions are laid out on the device, in training and evaluation: alignment/rollout/sampler.py.
    return ConfigDict(
        {
            "lanes": 64,  # completions decoded side by side; 0: all of them
            "width": 0,  # lanes that share a prompt; 0: a whole group if all fit at once, otherwise 2
            "chunk": 32,  # tokens between two looks at what has ended
            "cache_dtype": "",  # of keys and values: float32 | bfloat16, or that of the weights
            "merge": "none",  # none | float32: fold the adapters into a float32 copy of the base for training rollouts
        }
    )


def _eval() -> ConfigDict:
    # The headline is greedy (temperature 0). The filters apply to a temperature above 0.
    return ConfigDict(
        {"max_new_tokens": 512, "temperature": 0.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "seed": 0, "stop": ()}
    )


def _sft() -> ConfigDict:
    return ConfigDict(
        {
            "epochs": 2,
            "batch_size": 64,
            "micro_batches": 1,
            "batching": "shuffled",  # shuffled | bucketed (like lengths together) | packed (several examples a row)
            "max_tokens": 2048,
            "learning_rate": 1e-4,
            "schedule": "cosine",
            "warmup": 0.1,  # fraction of steps
            "weight_decay": 0.01,
            "clip_norm": 1.0,
        }
    )


def _feedback() -> ConfigDict:
    # Fitting a scorer to people's judgements: python -m alignment.feedback
    return ConfigDict(
        {
            "weight_decay": 0.02,  # of the squared weights, in the loss
            "tie_weight": 1.0,  # lambda of pairs judged equal
            "holdout": 0.2,  # share of the questions that the scorer is tested on
            "batch_size": 32,  # responses in a forward pass
        }
    )


def _watch() -> ConfigDict:
    # Where a symptom of reward hacking begins, and how long it lasts before an alarm: alignment/rewards/watch.py
    return ConfigDict(
        {
            "share": 0.5,  # of a step's completions
            "patience": 3,  # steps in a row
            "length": 0.25,  # of the mean length at the first step
            "words": 20,  # of reasoning
            "copied": 0.5,  # share of the reasoning, word for word from the stem
            "foreign": 0.05,  # share of letters in another script
        }
    )


def _grpo() -> ConfigDict:
    return ConfigDict(
        {
            "steps": 100,
            "prompts": 32,  # prompts a rollout
            "group_size": 8,
            "minibatches": 1,  # optimiser steps an epoch over one rollout
            "epochs": 1,  # passes over one rollout
            "micro_batches": 1,  # gradient accumulation inside one optimiser step
            "max_new_tokens": 512,
            "temperature": 1.0,  # of sampling and of the loss alike; filters such as top-p have no place in training
            "refill": 0,  # attempts to replace groups whose rewards are all equal (dynamic sampling of DAPO)
            "learning_rate": 1e-5,
            "schedule": "constant",
            "warmup": 0.05,
            "weight_decay": 0.0,
            "clip_norm": 0.5,
            "loss": "grpo",  # grpo | bnpo | dapo | dr_grpo | gspo | cispo | lite_ppo: alignment/objectives/family.py
            "beta": 0.02,
            "kl": "k3",  # k1 (with kl_correction) | k2 | k3
            "kl_correction": False,  # the KL penalty times rho, which mends its gradient
            "clip_low": 0.2,
            "clip_high": 0.2,  # for cispo the cap of the weight is 1 + clip_high
            "dual_clip": 0.0,  # bound on rho where the advantage is negative; 0: off
            "entropy_bonus": 0.0,
            "importance_cap": 0.0,  # of truncated importance sampling against the sampler's own log-probs; 0: off
            "mask_truncated": False,  # leave completions that met the token limit out of the loss
            "reward": "decoupled_v1",  # a preset of alignment/rewards/presets.py
            "channels": (),  # "channel=weight" or "channel=weight@target" on top of it; or a dotted path of your own
            "feedback": "",  # scorer file of the channel `feedback`, from python -m alignment.feedback
            "normaliser": "none",  # none | rfn | gdpo | batch
            "std_floor": -1.0,  # least std of the rewards that advantages are divided by; -1: the preset's; 0: none
            "calibration_prompts": 512,  # of rfn: questions sampled once from the start policy
            "weighting": "static",  # static | tri_factor | rvpo | saw
            # Strengths of tri_factor's three factors (0: off), k of rvpo, and saw's shift of signed channels.
            "weights": {"weakness": 1.0, "risk": 1.0, "redundancy": 1.0, "rvpo": 1.0, "saw": 3.0},
            "hard_safety": False,  # a violation of a channel of severity 3 gets its group's lowest reward
            "joint_weight": 1.0,  # lambda of joint_mono: L_GRPO + lambda * L_SFT
        }
    )
