"""Fit a reward model to people's judgements of responses, for the reward channel `feedback`.

    python -m alignment.feedback --config=configs/demo.py --feedback=log.jsonl --out=runs/scorer

reads a JSONL log of preferences, ties and thumbs (`alignment/reward_model/judgements.py` shows its two forms), fits a
linear Bradley-Terry model on the frozen base's features, tests it on held-out questions, and writes scorer.safetensors
and scorer.json. Judgements on questions of `data.eval` are left out.
"""

from __future__ import annotations

import argparse
import collections
import json
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from etils import epath

from alignment import cli
from alignment.adapters.tensorfiles import staged
from alignment.common.files import check_file, write_text
from alignment.common.lock import NAME, locked
from alignment.data.load import load_data
from alignment.evaluation.statistics import wilson
from alignment.parallel.compilation import set_up_compilation
from alignment.parallel.data_parallel import Devices, choose_devices
from alignment.parallel.distributed import start
from alignment.reward_model.features import text_features
from alignment.reward_model.fit import agreement, fit
from alignment.reward_model.judgements import Judgement, hold_out, read_feedback
from alignment.reward_model.model import FILE, base_digest, predict_rewards, save_reward_model
from alignment.rollout.base_model import BaseModel, load_base_model

SUMMARY = "scorer.json"
# What `fit_reward_model` reads of the configuration, which --help lists.
LEAVES_READ = (
    *("model.path", "model.dtype", "prompt.template", "prompt.max_tokens"),
    *("data.seed", "data.overlap", "data.sft.source", "data.sft.path", "data.sft.count"),
    *("data.rl", "data.eval", "data.dev"),
    *("feedback", "parallel"),
)


def run(args: argparse.Namespace) -> None:
    """Read the log, fit and test the reward model, write it, and print how to use it."""
    set_up_compilation()
    out = epath.Path(args.out)
    for name in (FILE, SUMMARY):
        check_file(out / name)
    with locked(out / NAME, f"--out={args.out}"):
        fit_reward_model(args)


def fit_reward_model(args: argparse.Namespace) -> None:
    """Do the work of `run` under the lock of the folder `--out`."""
    config = args.config
    data = load_data(config.data, training=("rl",))
    judgements, left_out = read_feedback(args.feedback, data.rl, data.eval)
    fitted, tested = hold_out(judgements, config.feedback.holdout, config.data.seed)
    devices = choose_devices(config.parallel.mode, config.parallel.devices)
    base, rows = load_base_model(config, devices), config.feedback.batch_size
    model = fit(fitted, features_of(base, devices, fitted, rows), config.feedback, base_digest(base))
    rewards = predict_rewards(model, features_of(base, devices, tested, rows)) if tested else []
    summary = summarise(judgements, left_out, *agreement(tested, rewards))
    path = save_reward_model(args.out, model)
    with staged(args.out) as scratch:
        write_text(scratch / SUMMARY, json.dumps(summary, indent=1) + "\n")
    print(describe(summary, path))


def features_of(base: BaseModel, devices: Devices, judgements: Sequence[Judgement], batch_size: int) -> np.ndarray:
    """Return the features [M, D] of the judgements' responses, one after the other."""
    pairs = [(judgement.record, text) for judgement in judgements for text in judgement.responses]
    return text_features(base, devices, *zip(*pairs, strict=True), batch_size)


def summarise(judgements: Sequence[Judgement], left_out: int, right: int, tested: int) -> dict[str, Any]:
    """Return the counts of the log, the accuracy on held-out judgements, and the themes of the judgements."""
    themes = [judgement.theme for judgement in judgements if judgement.theme]
    return {
        "judgements": len(judgements),
        "pairs": sum(judgement.is_pair for judgement in judgements),
        "ties": sum(judgement.is_tie for judgement in judgements),
        "thumbs": sum(not judgement.is_pair for judgement in judgements),
        "left_out": left_out,
        "held_out": tested,
        "accuracy": right / tested if tested else None,
        "accuracy_ci95": wilson(right, tested),
        "themes": dict(collections.Counter(themes).most_common()),
    }


def describe(summary: dict[str, Any], path: str) -> str:
    """Return the summary in words, with the flags that use the reward model."""
    read = "{judgements} judgements: {pairs} pairs ({ties} ties), {thumbs} thumbs; {left_out} on evaluation questions"
    held = "no question was held out: how good the reward model is, is unknown"
    if summary["held_out"]:
        low, high = summary["accuracy_ci95"]
        held = f"agrees with {summary['accuracy']:.1%} of {summary['held_out']} held-out judgements "
        held += f"(95 % interval {low:.1%} to {high:.1%}; chance 50 %)"
    themes = ", ".join(f"{theme} ({count})" for theme, count in summary["themes"].items())
    flags = f"--config.grpo.feedback={shlex.quote(path)} --config.grpo.channels=feedback=0.5"
    lines = [f"{read.format(**summary)} left out", held, f"themes: {themes}" if themes else "", f"use it with {flags}"]
    return "\n".join(filter(None, lines))


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags beside --config."""
    cli.limit_help(parser, LEAVES_READ)
    parser.add_argument("--feedback", required=True, metavar="FILE", help="JSONL of judgements")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where the reward model is written")


def main(argv: list[str] | None = None) -> int:
    """Run the command; return the exit status."""
    return cli.main(
        run, description=__doc__, add_flags=add_flags, needs_workdir=False, start=start, resumes=False, argv=argv
    )


if __name__ == "__main__":
    sys.exit(main())
