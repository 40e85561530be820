"""Train one alignment arm at one seed, stage by stage, and evaluate it.

    python -m alignment.train --arm=modular --config=configs/demo.py --workdir=runs/demo

Shares its workdir with `python -m alignment.ablate`: stages that either has finished are not run again.
"""

from __future__ import annotations

import argparse
import sys

from alignment import cli
from alignment.arms import get_arm
from alignment.common.declaration import MAX_SEED
from alignment.evaluation.results import plain
from alignment.evaluation.tables import results_table
from alignment.parallel.compilation import set_up_compilation
from alignment.parallel.distributed import start
from alignment.run.plan import execute
from alignment.run.setup import open_run
from alignment.run.store import lock_workdir


def train(args: argparse.Namespace) -> None:
    """Train and evaluate `--arm` at `--seed`, and print its row."""
    get_arm(args.arm, "--arm")
    set_up_compilation()
    config = args.config
    with config.unlocked():
        config.arms, config.seeds = (args.arm,), (args.seed,)
    cli.apply_profile(args)
    with lock_workdir(args.workdir) as lock:
        outcomes = execute(open_run(config, args.workdir, lock))
    print(results_table(plain([outcome.row for outcome in outcomes])))


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags beside --config and --workdir."""
    parser.add_argument("--arm", default="modular", help="which arm to train (default: modular)")
    parser.add_argument("--seed", type=cli.number(int, 0, MAX_SEED), default=0, help="which seed (default: 0)")
    cli.add_profile(parser)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return cli.main(train, description=__doc__, add_flags=add_flags, start=start, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
