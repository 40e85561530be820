"""Make docs/metrics.md of the schema, alignment/assets/metrics.toml.

    python docs/make_metrics.py                  writes the page
    python docs/make_metrics.py kl/mean          prints what one metric is

Of a name that a metric no longer has, the command prints the present one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from alignment.common.entry_point import run_entry_point
from alignment.metric_schema import METRICS, TRAINING, Metric, find_metric

OUT = Path(__file__).resolve().parent / "metrics.md"

PAGE = """# Metrics

This page lists every number that this project writes: what it is, its unit, what computes it, and what a healthy value
looks like. Healthy values are rules of thumb for reading a curve, not thresholds of any test. Where a threshold decides
something, the text says so. The page is made by `python docs/make_metrics.py` from `alignment/assets/metrics.toml`; do
not edit it. `python docs/make_metrics.py kl/mean` prints one entry.

| file | content | section |
|---|---|---|
| `<workdir>/seed<k>/<stage>/metrics.jsonl` | one JSON object for each training step | [Training](#training) |
| `<workdir>/results.json` | one row for each arm and seed | [Evaluation](#evaluation) to [Decoupling](#decoupling) |
| `<workdir>/verdicts.json` | one row for each rewarded arm, decoding and seed, one over seeds | [Verdicts](#verdicts) |
| `<workdir>/ledger.json` | gains and costs of reward stages | [Ledger](#ledger) |
| `<workdir>/hypotheses.json` | the answers to registered hypotheses | [Hypotheses](#hypotheses) |
| `<workdir>/matrix.json` | the alignment matrix of every rewarded arm, over all seeds | [Matrix](#matrix) |
| `<out>/evaluation.json` | one row a policy, benchmark and protocol | [Evaluation](#evaluation) |
| `<workdir>/report.html` | all of it, and comparisons between arms | [Comparisons](#comparisons) |

TensorBoard (`--config.log.tensorboard=true`) and Weights & Biases (`--config.log.wandb=true`) receive the numbers of
metrics.jsonl under the same names.

Notation: P prompts a step, G completions a prompt, T steps a stage, A an advantage, rho the ratio of the current
policy's probability of a token to that of the policy that sampled it. Logarithms are natural, so entropy and KL are
in nat. A value that is not finite is written as null, and its name is listed under `nonfinite` in the same row.

[R] and "a reconstruction" mark what fills a gap that the source paper leaves open; the comments in the code give the
reasons. A rollout may serve several optimiser steps (`--config.grpo.epochs` and `.minibatches`). Its row holds the mean
of a metric of the optimiser over those steps, except for {reductions}.

## Training

### Every stage

{stage}

### Supervised stages (`sft_cot`, `sft_answer`, `joint`)

{sft}

### Reward stages (`grpo`, `joint`)

Rewards, lengths and formats describe the P x G completions of the step's rollout, before its update.

{grpo}

### Symptoms of reward hacking

Each is logged as `watch/<symptom>` (`alignment/training/monitor.py`).

{symptoms}

## Reward channels

Every channel of a preset, and every channel that `--config.grpo.channels=overlong=0.5` adds, is logged as its mean raw
value `reward/<channel>` before any weight. A channel may be the dotted path of a function of your own. An *optional*
channel is NaN where it does not apply to a record: its weight is then left out for that record, and the mean is over
the others. A NaN of any other channel stops the run with an error that names the channel and the record.

{channels}

## Evaluation

Each of the n evaluation questions is answered once, by greedy decoding. Intervals `*_ci95` are `[low, high]` at 95 %.

{evaluation}

### Sampled answers

With `--config.eval.samples=4` every question is also answered k = 4 times at the temperature of training
(`alignment/evaluation/sampled.py`), and the samples are stored beside the greedy answers.

{sampled}

### Option likelihood

`--config.eval.likelihood=true` and `--protocol=likelihood` of `alignment.evaluate` compare the log-probabilities of
options ([evaluation.md](evaluation.md)); null in a run without it.

{likelihood}

### Questions without options

{open_questions}

### Structural checks

The yes/no checks make up `auditability`; shares are reported beside it. The list is a reconstruction
(`alignment/text/audit_checks.py`).

{checks}

## Stability

These values are computed from the `metrics.jsonl` of an arm's reward stage (`alignment/evaluation/stability.py`). All
are null for an arm without one. The definitions are a reconstruction. With one seed they describe that run and say
nothing about stability.

Windows grow with the run: a *sustained* condition holds for w = min(20, max(3, ceil(T / 10))) steps in a row, the
*tail* is the last max(3, ceil(T / 10)) steps, a *fifth* is max(1, floor(T / 5)) steps; none is longer than T. The
smoothed reward is E_1 = r_1, E_t = 0.9 E_{{t-1}} + 0.1 r_t with r_t = `reward/mean`, whatever the length of the run.

{stability}

*Was the reward earned?* (report only, `comparisons.unearned_gains`, a reconstruction) compares `reward_change` with the
paired difference in accuracy to the start arm, the arm that answers as the reward stage began, where the run has both.
A gain is *unearned* if the change is above 2 of its standard errors, the difference is below 0, its exact McNemar p
with Holm's correction over the table is below 0.05, and there are at least 100 questions.

## Power

These values say whether a reward stage had enough completions to learn from. They are computed from the `metrics.jsonl`
of an arm's reward stage (`alignment/evaluation/training_power.py`), and are null for an arm without one.

{power}

## Decoupling

These values say how far a reward stage moved an arm's weights, and what it did to the loss of what SFT taught, which
2601.07389 calls the non-decoupling of the two (`alignment/evaluation/decoupling.py`).

{decoupling}

## Verdicts

An arm is judged by its change against the arm that answers as its reward stage began, on the same questions, greedy and
sampled (`alignment/evaluation/verdicts.py`, a reconstruction). The first line that applies counts:

| verdict | rule |
|---|---|
| not powered | fewer than 100 questions |
| harmed | the 95 % interval of the change lies below 0, or strict format ends over 1 point below its start's interval |
| learned | the interval lies above 0 |
| no change | the interval lies inside +-3 points, and the run could have shown a change |
| not powered | anything else |

*Learned* becomes *withheld* where a control of the arm (`--controls=random,noop`) does as well: the arm is not shown to
be more accurate than it, one-sided over questions and seeds (`alignment/evaluation/control_arms.py`).

A run could have shown a change where the headroom, if it is known, is above 3 points, and the stage sampled at least
the N* completions that its gradient needs, if they were measured. An arm may be harmed while its reward rises. The
report makes no claim about an arm that was not powered.

{verdicts}

## Ledger

What the reward stage of an arm gains and costs at its measured steps (`--config.grpo.power_every`), in
`<workdir>/ledger.json`: every point, a summary of each arm, and modular minus monolithic at their common seeds. It
tests whether reinforcement after SFT raises the SFT loss (2601.07389) and whether the KL predicts forgetting
(2509.04259), with one number a seed.

{ledger}

## Hypotheses

`--config.preregistration=configs/preregistration.toml` names a file of hypotheses, each with metric, arms, rule,
margin, seeds and budget. The workdir records the file before the run, and the report answers it by these lines, of
which the first that applies counts (`alignment/evaluation/hypotheses.py`, a reconstruction):

| answer | rule |
|---|---|
| not testable | an arm is not in the run, the metric has no values, or another model or setting is meant |
| not powered | seeds, questions or completions are fewer than was registered, or an arm has the verdict not powered |
| supported | the corrected p of the rule is below the level |
| refuted | that of its opposite is |
| not powered | the smallest detectable difference is larger than the one that was registered as `detect` |
| undecided | anything else |

Tests are one-sided and paired (`alignment/evaluation/margins.py`): the variance of a mean difference is that over
questions plus that over seeds, which counts what both share twice and is conservative. What is counted in seeds is
compared by Boschloo's exact test.

{hypotheses}

## Matrix

The alignment matrix (`alignment/evaluation/matrix_cells.py`, filled in by `alignment/evaluation/matrix.py`) joins
metric, diagnosis and reward channel in four categories, as Quark describes it; cells and rules are a reconstruction. It
is computed from the greedy responses to the evaluation questions. Its proposal (`next_round/<arm>.py`) is for a person
to accept by running it.

{matrix}

## Comparisons

Only in the report (`alignment/evaluation/comparisons.py`).

{comparisons}
"""


def table(metrics: list[Metric]) -> str:
    """Return the metrics as a Markdown table; a column that is empty throughout is left out."""
    columns = {
        "metric": [f"`{metric.name}`" for metric in metrics],
        "what it is": [metric.formula for metric in metrics],
        "unit": [metric.unit for metric in metrics],
        "healthy": [metric.healthy for metric in metrics],
        "computed in": [", ".join(f"`{path}`" for path in metric.module.split(", ") if path) for metric in metrics],
    }
    columns = {head: cells for head, cells in columns.items() if any(cells)}
    rows = [columns.keys(), ["---"] * len(columns), *zip(*columns.values(), strict=True)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def page() -> str:
    """Return the whole page as Markdown."""
    other = {"max": "the largest value", "sum": "the sum"}
    named = [f"`{name}` ({other[row.reduction]})" for name, row in TRAINING.items() if row.reduction in other]
    reductions = f"{', '.join(named[:-1])} and {named[-1]}"
    return PAGE.format(reductions=reductions, **{group: table([*rows.values()]) for group, rows in METRICS.items()})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the entry point; return its exit status."""
    return run_entry_point(lambda: run(argv), "nothing was written")


def run(argv: Sequence[str] | None = None) -> None:
    """Write the page, or print one metric."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metric", nargs="?", help="a name such as kl/mean: print what it is and write nothing")
    parser.add_argument("--out", type=Path, default=OUT, help="default: docs/metrics.md")
    args = parser.parse_args(argv)
    if args.metric:
        metric = find_metric(args.metric)
        unit = f" [{metric.unit}]" if metric.unit else ""
        print(f"{metric.name}{unit}: {metric.formula}. Computed in {metric.module}. Healthy: {metric.healthy or '-'}")
        return
    args.out.write_text(page(), encoding="utf-8")
    print(f"written: {args.out}")


if __name__ == "__main__":
    sys.exit(main())
