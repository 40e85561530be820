"""What `alignment.evaluate` writes: evaluation.json, items.jsonl, the scores as text, and a self-contained page."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from alignment.common.tables import text_table
from alignment.evaluation.benchmarks import Benchmark
from alignment.evaluation.comparisons import MIN_QUESTIONS, compare_pairs
from alignment.evaluation.plots import colours, reliability_plot
from alignment.evaluation.policies import Policy
from alignment.evaluation.policy_evaluation import Result
from alignment.evaluation.report import page_environment
from alignment.evaluation.results import pick_traces, plain
from alignment.evaluation.tables import COLUMNS, Column, columns_of, number, whole

PAGE = "report.html"
TRACES = 4  # questions a benchmark that the page shows
LIKELIHOOD_COLUMNS = (
    *(column for column in COLUMNS if column.key == "likelihood_accuracy"),
    Column(
        "likelihood_accuracy_per_token",
        "… per token",
        "the same of the log-probability divided by the number of tokens",
        interval="likelihood_accuracy_per_token_ci95",
    ),
    Column("chance", "chance", "mean of 1 / number of options"),
    Column("ece", "ECE", "expected calibration error, 10 bins, softmax of the log-probabilities", number),
    Column("ece_per_token", "… per token", "the same, softmax of the log-probabilities per token", number),
    Column("brier", "Brier", "sum over options of (p - [gold])^2, 0 to 2", number),
    Column("brier_per_token", "… per token", "the same of the log-probabilities per token", number),
    Column("near_ties", "near ties", "questions whose two best options are within 2e-3 nat", whole),
)
OPEN_COLUMNS = (
    Column(
        "must_have_recall",
        "must-have recall",
        "share of physicians' must-have statements that the answer covers by its words (a reconstruction)",
        interval="must_have_recall_ci95",
    ),
)
PRINTED = ("accuracy", "lenient_accuracy", "valid_rate", "sampled_accuracy", "pass_at_k", "majority_at_k")


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What was evaluated, and every result: a policy on a benchmark by a protocol."""

    policies: Sequence[Policy]
    benchmarks: Sequence[Benchmark]
    results: Sequence[Result]
    meta: Mapping[str, Any]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The scores of every result as strict JSON."""
        return plain([result.row for result in self.results])


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return what evaluation.json holds."""
    return plain(
        {
            "meta": evaluation.meta,
            "policies": [policy.describe() for policy in evaluation.policies],
            "benchmarks": [benchmark.describe() for benchmark in evaluation.benchmarks],
            "results": evaluation.rows,
            "comparisons": comparisons(evaluation),
        }
    )


def items_text(evaluation: Evaluation) -> str:
    """Return the lines of items.jsonl: one JSON object for each question of each result."""
    return "".join(json.dumps(plain(item)) + "\n" for result in evaluation.results for item in result.items)


def columns(protocol: str, rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Return the columns of a protocol's table that have a value."""
    return columns_of(rows, LIKELIHOOD_COLUMNS if protocol == "likelihood" else (*COLUMNS, *OPEN_COLUMNS))


def scores_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the headline scores as aligned plain text, a table a protocol."""
    tables = []
    for protocol in dict.fromkeys(row["protocol"] for row in rows):
        chosen = [row for row in rows if row["protocol"] == protocol]
        shown = [
            column
            for column in columns(protocol, chosen)
            if protocol == "likelihood" or column.key in PRINTED or column in OPEN_COLUMNS
        ]
        head = ["policy", "benchmark", "questions", *(column.title for column in shown)]
        body = []
        for row in chosen:
            cells = [column.text(row) for column in shown]
            if spread := shown[0].spread(row):
                cells[0] += f" ({spread})"
            body.append([row["policy"], row["benchmark"], str(row["n"]), *cells])
        tables.append(f"{protocol}\n{text_table([head, *body], rule=True)}")
    return "\n\n".join(tables)


def comparisons(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Compare every two policies on each benchmark by greedy answers and by likelihood, question by question.

    Holm's correction is over the pairs of one benchmark and protocol.
    """
    rows = []
    for (benchmark, protocol), results in _by_table(evaluation).items():
        if protocol == "sample" or "must_have_recall" in results[0].row:
            continue
        outcomes = {
            result.row["policy"]: {0: {item["id"]: is_right(item) for item in result.items}} for result in results
        }
        names = {"benchmark": benchmark, "protocol": protocol}
        rows += [
            names | {key: value for key, value in pair.items() if key != "seed"} for pair in compare_pairs(outcomes)
        ]
    return plain(rows)


def is_right(item: Mapping[str, Any]) -> bool:
    """Whether an item of a question that has one right answer is right; one that was not posed is wrong."""
    return bool(item.get("correct", item.get("score") == 1))


def _by_table(evaluation: Evaluation) -> dict[tuple[str, str], list[Result]]:
    results = sorted(evaluation.results, key=_table_of)
    return {key: list(group) for key, group in itertools.groupby(results, _table_of)}


def _table_of(result: Result) -> tuple[str, str]:
    return result.row["benchmark"], result.row["protocol"]


def traces(evaluation: Evaluation) -> dict[str, list[dict[str, Any]]]:
    """Return the questions of each lettered benchmark that the page shows, with the greedy answers side by side."""
    records = {benchmark.name: benchmark.records for benchmark in evaluation.benchmarks}
    shown = {}
    for (benchmark, protocol), results in _by_table(evaluation).items():
        if protocol == "greedy" and all(record.options for record in records[benchmark]):
            answers = {result.row["policy"]: [single for (single,) in result.responses] for result in results}
            shown[benchmark] = pick_traces(records[benchmark], answers, TRACES)
    return shown


def render(evaluation: Evaluation) -> str:
    """Return the page as HTML: scripts none, outside resources none, model output escaped."""
    names = [policy.name for policy in evaluation.policies]
    colour, rows = colours(names), evaluation.rows
    protocols = list(dict.fromkeys(row["protocol"] for row in rows))
    tables = {
        protocol: (columns(protocol, chosen), chosen)
        for protocol in protocols
        if (chosen := [row for row in rows if row["protocol"] == protocol])
    }
    reliability = {}
    for benchmark in evaluation.benchmarks:
        bins = {
            row["policy"]: row["reliability"]
            for row in rows
            if row["benchmark"] == benchmark.name and row.get("reliability")
        }
        if plot := reliability_plot(bins, colour, benchmark.name):
            reliability[benchmark.name] = plot
    return (
        page_environment()
        .get_template("evaluation.html.jinja")
        .render(
            meta={"title": "Evaluation of policies"} | dict(evaluation.meta),
            policies=[policy.describe() for policy in evaluation.policies],
            benchmarks=[benchmark.describe() for benchmark in evaluation.benchmarks],
            colour=colour,
            tables=tables,
            reliability=reliability,
            pairs=comparisons(evaluation),
            min_questions=MIN_QUESTIONS,
            traces=traces(evaluation),
            audit={},
        )
    )
