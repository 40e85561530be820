"""Evaluate policies on benchmarks: any base, any adapters with gates, any source of docs/data.md.

    python -m alignment.evaluate --on=medqa:test.jsonl --protocol=greedy,likelihood --out=runs/evaluation
    python -m alignment.evaluate --adapters=reasoning=runs/demo/seed0,reward=runs/demo/seed0 --gates=1,0.5 \
        --on=medqa:test.jsonl --out=runs/evaluation
    python -m alignment.evaluate --policy='base:' --policy='half: reasoning=runs/demo,reward=runs/demo gates=1,0.5' \
        --on='medqa:test.jsonl,pubmedqa:ori_pqal.json?keep=test' --protocol=sample --out=runs/side_by_side
    python -m alignment.evaluate --adapters=reasoning=runs/demo --ask='What does this drug treat?'

Writes evaluation.json (scores of every policy, benchmark and protocol), items.jsonl (one line a question) and
report.html into `--out`. Every answer is in journal.jsonl as soon as it is complete: after an interruption the same
command resumes, and a further policy, benchmark or protocol answers only what is new. docs/evaluation.md explains
scores and protocols.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from alignment import cli
from alignment.common.files import check_file, write_json, write_text
from alignment.common.fingerprint import environment
from alignment.common.lock import NAME as LOCK
from alignment.common.lock import locked
from alignment.common.progress import warn
from alignment.common.registry import lookup
from alignment.errors import UserError
from alignment.evaluation.ask import describe_response, question_of
from alignment.evaluation.benchmarks import (
    Benchmark,
    check_overlaps,
    load_benchmarks,
    parse_sources,
    read_training,
    recorded_training,
    with_overlaps,
)
from alignment.evaluation.evaluation_page import PAGE, Evaluation, evaluation_json, items_text, render, scores_table
from alignment.evaluation.item_journal import NAME as JOURNAL
from alignment.evaluation.item_journal import ItemJournal
from alignment.evaluation.policies import Policy, load_policy, locate_adapter, parse_policies
from alignment.evaluation.policy_evaluation import check_protocols, evaluate, pose
from alignment.evaluation.protocols import PROTOCOLS, read_responses, settings_of, stream_items
from alignment.parallel.compilation import set_up_compilation
from alignment.parallel.data_parallel import choose_devices
from alignment.parallel.distributed import start
from alignment.record import Record
from alignment.rollout.base_model import describe_base
from alignment.rollout.sampler import Sampler, load_sampler

SCORES, ITEMS = "evaluation.json", "items.jsonl"
OVERLAP = ("refuse", "flag")
LEAVES_READ = (
    *("model.dtype", "prompt", "eval", "grpo.temperature", "data.seed"),
    *("rollout.sequences", "rollout.samples_per_slot", "rollout.chunk", "rollout.cache_dtype", "parallel.devices"),
)


def run(args: argparse.Namespace) -> None:
    """Evaluate as the flags say, or answer `--ask` alone."""
    config = config_of(args)
    specs = parse_policies(args.adapters, args.gates, args.policy)
    adapters = [locate_adapter(name, folder, spec.flag) for spec in specs for name, folder in spec.folders.items()]
    set_up_compilation()
    if args.ask:
        sampler = load_sampler(config, choose_devices(config.parallel.mode, config.parallel.devices))
        answer_question(sampler, [load_policy(spec, sampler.base, args.force) for spec in specs], args.ask, config)
        return
    protocols = protocols_of(args.protocol)
    pairs = parse_sources(args.on, "--on")
    training = parse_sources(args.trained_on, "--trained_on") if args.trained_on else []
    if not args.out:
        raise UserError("--out is missing; write --out=FOLDER for scores, items and report")
    out = epath.Path(args.out)
    for name in (SCORES, ITEMS, PAGE, JOURNAL):
        check_file(out / name)
    with locked(out / LOCK, f"--out={args.out}", warn):
        benchmarks = load_benchmarks(pairs, args.limit, config.data.seed)
        check_protocols(benchmarks, protocols)
        benchmarks = with_overlaps(benchmarks, training_records(training, recorded_training(adapters)))
        check_overlaps(benchmarks, args.overlap == "flag")
        sampler = load_sampler(config, choose_devices(config.parallel.mode, config.parallel.devices))
        policies = [load_policy(spec, sampler.base, args.force) for spec in specs]
        evaluation = evaluate_into(out, sampler, policies, benchmarks, protocols, config)
    for note in (note for each in (*policies, *benchmarks) for note in each.notes):
        warn(note)
    print(scores_table(evaluation.rows))
    print(f"report: {out / PAGE}")


def training_records(named: list[tuple[str, str]], recorded: list[tuple[str, str]]) -> list[Record]:
    """Return the records of `--trained_on` and of what the adapters' runs recorded, of which a file may have moved."""
    records = read_training(named)
    for pair in recorded:
        try:
            records += read_training([pair] if pair not in named else [])
        except UserError as error:
            warn(f"warning: the overlap with the training data is not known: {error}; name it with --trained_on")
    return records


def evaluate_into(
    out: epath.Path,
    sampler: Sampler,
    policies: list[Policy],
    benchmarks: list[Benchmark],
    protocols: list[str],
    config: ConfigDict,
) -> Evaluation:
    """Evaluate and write the three files into `out`, which this process has locked."""
    journal = ItemJournal(out)
    try:
        posed = [pose(sampler.base, benchmark) for benchmark in benchmarks]
        results = evaluate(sampler, policies, posed, protocols, config, journal)
    finally:
        journal.close()
    evaluation = Evaluation(policies, benchmarks, results, describe(sampler, config))
    write_text(out / ITEMS, items_text(evaluation))
    write_json(out / SCORES, evaluation_json(evaluation))
    write_text(out / PAGE, render(evaluation))
    return evaluation


def describe(sampler: Sampler, config: ConfigDict) -> dict[str, Any]:
    """What was evaluated, for evaluation.json and the head of the report."""
    return {
        **describe_base(sampler.base, config.model.path),
        "type of the weights": config.model.dtype,
        "template": config.prompt.template,
        "settings": {name: settings_of(name, config) for name in PROTOCOLS},
        "command": "python -m alignment.evaluate " + shlex.join(sys.argv[1:]),
        "versions": environment(),
    }


def answer_question(sampler: Sampler, policies: list[Policy], text: str, config: ConfigDict) -> None:
    """Print the greedy answer of every policy to one question, with its sections and audit marks beside it."""
    record = question_of(text)
    for policy in policies:
        (_, item), *_ = stream_items("greedy", sampler, policy.stack, [record], config, policy.name)
        (response,) = read_responses(item, record, sampler.base)
        print(
            f"--- {policy.name}", *map("remark: {}".format, policy.notes), describe_response(response, record), sep="\n"
        )


def protocols_of(text: str) -> list[str]:
    """Return the protocols that `--protocol` names, each once; raises `UserError` for an unknown one."""
    names = list(dict.fromkeys(filter(None, (part.strip() for part in text.split(",")))))
    for name in names:
        lookup(PROTOCOLS, name, "protocol (--protocol)")
    if not names:
        raise UserError(f"--protocol={text}: names no protocol; use {', '.join(PROTOCOLS)}")
    return names


def config_of(args: argparse.Namespace) -> ConfigDict:
    """Return the configuration with the base of `--base`."""
    config = args.config
    if args.base:
        with config.unlocked():
            config.model.path = args.base
    return config


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of this command."""
    cli.limit_help(parser, LEAVES_READ)
    parser.add_argument("--base", default="", help="folder, Hub id or GGUF file; without it the embedded nano base")
    text = "adapter=FOLDER,... of one policy, lowest first: a PEFT folder, or one of a run, of its seed or of a stage"
    parser.add_argument("--adapters", default="", help=text)
    parser.add_argument("--gates", default="", help="one number an adapter of --adapters (default: 1 each)")
    text = "a policy by name, 'NAME: adapter=FOLDER,... gates=1,0.5', or 'NAME:' for the base; may be repeated"
    parser.add_argument("--policy", action="append", default=[], help=text)
    parser.add_argument("--on", default="", help="benchmarks: source:FILE,... with the sources of docs/data.md")
    text = f"how questions are answered, one or several of {', '.join(PROTOCOLS)} (default: greedy)"
    parser.add_argument("--protocol", default="greedy", help=text)
    parser.add_argument("--out", default="", metavar="FOLDER", help="scores, items and report; a call there resumes")
    text = "score only the first so many questions of each benchmark (default: 0, all)"
    parser.add_argument("--limit", type=cli.number(int, 0, 10**7), default=0, help=text)
    text = "the training data, source:FILE,...: benchmark questions that share text with it are looked for"
    parser.add_argument("--trained_on", default="", help=text)
    text = "what to do where a benchmark shares text with --trained_on: refuse, or flag with the ids (default: refuse)"
    parser.add_argument("--overlap", default="refuse", choices=OVERLAP, help=text)
    parser.add_argument("--force", action="store_true", help="use adapters that were trained on other weights")
    parser.add_argument("--ask", default="", metavar="QUESTION", help="print every policy's answer to one question")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return cli.main(run, description=__doc__, add_flags=add_flags, needs_workdir=False, start=start, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
