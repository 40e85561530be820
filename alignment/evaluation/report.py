"""The report of a run: results.json, verdicts.json, hypotheses.json, the same as text, and report.html, one page."""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jinja2
import numpy as np
from etils import epath

from alignment.common.files import write_json, write_text
from alignment.evaluation import map_tables, tables
from alignment.evaluation.comparisons import (
    MIN_QUESTIONS,
    Outcomes,
    compare_pairs,
    plain_names,
    seed_summary,
    unearned_gains,
)
from alignment.evaluation.control_arms import Controls, judge_controls, withheld_claims, withhold
from alignment.evaluation.curves import compile_times
from alignment.evaluation.effects import Scores
from alignment.evaluation.hypotheses import answer_all, make_study
from alignment.evaluation.ledger import compare_ledgers, ledger_points, summarise_ledger
from alignment.evaluation.ledger_plot import ledger_plot
from alignment.evaluation.plots import Curves, accuracy_plot, change_plot, colours, curve_plots, map_plot
from alignment.evaluation.preregistration import CORRECTIONS, RULES, Registration
from alignment.evaluation.results import plain
from alignment.evaluation.stability_map import arm_maps, best_labels, map_points
from alignment.evaluation.verdicts import LEARNED, MARGIN, judge_arms, unpowered, with_verdicts
from alignment.text.audit_checks import CHECKS
from alignment.text.templates import TEMPLATES

RESULTS = "results.json"
VERDICTS = "verdicts.json"
HYPOTHESES = "hypotheses.json"
LEDGER = "ledger.json"
MANY = 60  # rows of a table beyond which it is folded
REPORT = "report.html"
# Entries of `meta` that have a part of the page of their own; any other is listed under its name.
PLACED = ("title", "command", "model", "parameters", "config", "versions")

_OPENING = {t.literals[0]: "reasoning" for t in TEMPLATES.values()} | {
    t.literals[2]: "answer" for t in TEMPLATES.values()
}
_CLOSING = {literal for t in TEMPLATES.values() for literal in t.literals[1::2]}
# Fixed strings and one run of bounded length, so that a match takes linear time.
_MARKS = re.compile("|".join([*map(re.escape, (*_OPENING, *_CLOSING)), r"\\boxed\{[^{}\n]{0,40}\}"]))


@dataclasses.dataclass(frozen=True)
class Report:
    """What results.json and report.html show of a run.

    Attributes:
      rows: one for each arm and seed: `arm`, `seed`, then what `summarise`, `audit` and `stability` return, joined.
      curves: arm (or stage) -> seed -> metric rows; a name plots in every panel whose metric its rows have.
      traces: examples as `results.pick_traces` returns them.
      notes: sentences about data and traces that a reader must know.
      meta: what was run. Known, all optional: `title`, `command`, `model` (name), `parameters` (count), `config`,
        `versions`; further entries are listed under their names.
      outcomes: arm -> seed -> record id -> answered right, for paired comparisons; empty where there are none.
      matrices: arm -> rows of its alignment matrix, as `matrix.plain_rows` returns them.
      start_arms: arm -> the arm that answers as its reward stage began, for verdicts and `comparisons.unearned_gains`.
      samples: arm -> seed -> record id -> share of the sampled answers that are right; empty without samples.
      ceilings: start arm -> an arm that has what the reward stages from there could teach.
      controls: arm -> name of a control -> its arm, of the controls in the run.
      registration: the hypotheses that the report answers; None for none.
      question_scores: further metrics with a value for each question: metric -> arm -> seed -> record id -> value.
    """

    rows: Sequence[Mapping[str, Any]]
    curves: Curves
    traces: Sequence[Mapping[str, Any]]
    notes: Sequence[str]
    meta: Mapping[str, Any]
    outcomes: Outcomes = dataclasses.field(default_factory=dict)
    matrices: Mapping[str, Sequence[Mapping]] = dataclasses.field(default_factory=dict)
    start_arms: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    samples: Mapping[str, Scores] = dataclasses.field(default_factory=dict)
    ceilings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    controls: Controls = dataclasses.field(default_factory=dict)
    registration: Registration | None = None
    question_scores: Mapping[str, Mapping[str, Scores]] = dataclasses.field(default_factory=dict)

    def judge(self) -> list[dict[str, Any]]:
        """Return the verdicts of `verdicts.judge_arms`, without the claims whose control does as well."""
        verdicts = judge_arms(self.rows, self.scores, self.start_arms, self.ceilings)
        return withhold(verdicts, self.withheld, LEARNED)

    @property
    def scores(self) -> dict[str, Mapping[str, Scores]]:
        """Decoding -> arm -> seed -> record id -> share of right answers."""
        return {"greedy": self.outcomes, "sampled": self.samples}

    @functools.cached_property
    def controlled(self) -> list[dict[str, Any]]:
        """The arms against their controls, as `control_arms.judge_controls` returns them."""
        return judge_controls(self.scores, self.controls)

    @property
    def withheld(self) -> dict[tuple[str, str], str]:
        """(arm, decoding) -> why no gain is claimed of it."""
        return withheld_claims(self.controlled)

    def answer(self, verdicts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the answers of `hypotheses.answer_all`; [] without a registration."""
        if self.registration is None:
            return []
        judged = dataclasses.replace(self, rows=with_verdicts(self.rows, verdicts))
        return answer_all(self.registration, make_study(judged, unpowered(verdicts)))


def write_report(workdir: str | epath.Path, report: Report) -> str:
    """Write the results, verdicts, answers and `report.html` into `workdir`, made if missing; return tables to print.

    The first has one line an arm and seed, the second one a verdict over all seeds, the third one a hypothesis.
    """
    workdir = epath.Path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    report = dataclasses.replace(report, rows=plain(report.rows))
    verdicts = plain(report.judge())
    write_json(workdir / RESULTS, report.rows)
    write_json(workdir / VERDICTS, verdicts)
    answers = plain(report.answer(verdicts))
    if points := ledger_points(report.curves):
        write_json(workdir / LEDGER, plain(ledger_facts(report.curves) | {"points": [p._asdict() for p in points]}))
    if report.registration is not None:
        write_json(workdir / HYPOTHESES, {**registration_facts(report.registration), "answers": answers})
    write_text(workdir / REPORT, render(report, verdicts, answers))
    printed = [tables.results_table(with_verdicts(report.rows, verdicts)), tables.verdicts_table(verdicts)]
    printed += [tables.answers_table(answers)]
    return "\n\n".join(filter(None, printed))


def ledger_facts(curves: Curves) -> dict[str, Any]:
    """Return what the report shows of the decoupling ledger: a summary an arm, and modular against monolithic."""
    points = ledger_points(curves)
    arms = {name: label for label, name in plain_names([*curves]).items()}
    pair = [arms.get(name, name) for name in ("modular", "monolithic")]
    return {"summaries": summarise_ledger(points), "comparison": compare_ledgers(points, *pair)}


def registration_facts(registration: Registration) -> dict[str, Any]:
    """Return what hypotheses.json records of the file: its name, hash, rules of testing and whether it has changed."""
    return {
        **{name: getattr(registration, name) for name in ("path", "sha256", "recorded_sha256", "changed")},
        **{name: getattr(registration, name) for name in ("level", "power", "correction")},
    }


def render(
    report: Report,
    verdicts: Sequence[Mapping[str, Any]] | None = None,
    answers: Sequence[Mapping[str, Any]] | None = None,
) -> str:
    """Return the page as HTML, from a report whose rows hold plain JSON values.

    Verdicts and answers to hypotheses are made where they are not passed.
    """
    verdicts = report.judge() if verdicts is None else verdicts
    rows, curves, traces = with_verdicts(report.rows, verdicts), report.curves, report.traces
    weak, judged = unpowered(verdicts), {verdict["arm"] for verdict in verdicts}
    arms, config = list(dict.fromkeys(row["arm"] for row in rows)), report.meta.get("config") or ""
    points = map_points(rows)
    maps = arm_maps(points)
    swept = {point.row["arm"] for point in points} - {*best_labels(points, maps)}
    headline = {arm: outcomes for arm, outcomes in report.outcomes.items() if arm not in swept}
    colour = colours([*arms, *curves, *(arm for trace in traces for arm in trace["arms"])])
    return (
        page_environment()
        .get_template("report.html.jinja")
        .render(
            meta={"title": "Alignment arms compared", "command": "", "model": ""} | dict(report.meta),
            facts=_facts(report.meta),
            config=config if isinstance(config, str) else json.dumps(plain(config), indent=2, default=str),
            notes=report.notes,
            rows=rows,
            arms=arms,
            about={row["arm"]: row.get("about", "") for row in rows},
            colour=colour,
            columns=tables.columns_of(rows),
            questions=sorted({row["n"] for row in rows if row.get("n") is not None}),
            samples=sorted({row["samples"] for row in rows if row.get("samples")}),
            seeds=len({row["seed"] for row in rows}),
            summary=seed_summary(rows, weak),
            accuracy_svg=accuracy_plot(rows, colour),
            curves=curve_plots(curves, colour),
            curve_names=list(curves),
            ledger=ledger_facts(curves),
            ledger_svg=ledger_plot(ledger_points(curves), colour),
            compile_times=compile_times(curves),
            matrices=report.matrices,
            measured=[row for row in rows if row.get("measured_steps")],
            watched=[row for row in rows if row.get("watch")],
            symptoms=list(dict.fromkeys(name for row in rows for name in row.get("watch") or ())),
            gains=unearned_gains(rows, report.outcomes, report.start_arms),
            verdicts=verdicts,
            unjudged={arm: start for arm, start in report.start_arms.items() if start and arm not in judged},
            change_svg=change_plot(verdicts, colour),
            margin=MARGIN,
            maps=maps,
            map_svg=map_plot(points, colours(entry.arm for entry in maps)),
            map_tables=map_tables,
            map_rows=map_tables.map_rows(points),
            controlled=report.controlled,
            pairs=compare_pairs(headline, weak, report.withheld),
            min_questions=MIN_QUESTIONS,
            many=MANY,
            registration=report.registration,
            rules=RULES,
            corrections=CORRECTIONS,
            answers=report.answer(verdicts) if answers is None else answers,
            checks=list(CHECKS.values()),
            audit=_audit_cells(rows, arms),
            traces=[{"context": []} | dict(trace) for trace in traces],
        )
    )


def segments(text: str) -> Iterator[tuple[str, str]]:
    """Cut a completion into (kind, piece) for display; the pieces joined give back `text`.

    Kinds: "reasoning" and "answer" inside those blocks, "outside" elsewhere ("space" where that is blank), "tag" for
    the literals of any template and "box" for a boxed letter. An unclosed block runs to the end.
    """
    kind, end = "outside", 0
    for mark in _MARKS.finditer(text):
        yield from _piece(kind, text[end : mark.start()])
        literal, end = mark.group(), mark.end()
        if literal in _OPENING or literal in _CLOSING:
            kind = _OPENING.get(literal, "outside")
            yield "tag", literal
        else:
            yield "box", literal
    yield from _piece(kind, text[end:])


def _piece(kind: str, text: str) -> Iterator[tuple[str, str]]:
    if text:
        yield ("space" if kind == "outside" and not text.strip() else kind), text


def _audit_cells(rows: Sequence[Mapping], arms: Sequence[str]) -> dict[str, dict[str, dict]]:
    """For each check, and for "auditability", each arm's mean over seeds: of all answers, and of the wrong ones."""
    audit: dict[str, dict[str, dict]] = {name: {} for name in (*CHECKS, "auditability")}
    for arm in arms:
        seeds = [row for row in rows if row["arm"] == arm]
        rewarded = {name for row in seeds for name in row.get("rewarded_checks") or ()}
        for name, cells in audit.items():
            cells[arm] = {
                "all": _mean(_check_value(row, name) for row in seeds),
                "wrong": _mean(_check_value(row.get("wrong_only") or {}, name) for row in seeds),
                "rewarded": name in rewarded,
            }
    return audit


def _check_value(source: Mapping, name: str) -> float | None:
    return source.get("auditability") if name == "auditability" else (source.get("checks") or {}).get(name)


def _mean(values: Iterator[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return float(np.mean(present)) if present else None


def _facts(meta: Mapping[str, Any]) -> dict[str, str]:
    """What was run, as label -> text."""
    facts = {}
    if meta.get("model"):
        size = f" ({meta['parameters'] / 1e6:,.1f} M parameters)" if meta.get("parameters") else ""
        facts["model"] = f"{meta['model']}{size}"
    facts |= {name.replace("_", " "): str(value) for name, value in meta.items() if name not in PLACED}
    if meta.get("versions"):
        facts["versions"] = ", ".join(f"{name} {version}" for name, version in meta["versions"].items())
    return facts


def page_environment() -> jinja2.Environment:
    """Return the environment of all pages: their templates, filters, and model output escaped."""
    folder = importlib.resources.files("alignment.evaluation")
    files = [file for file in folder.iterdir() if file.name.endswith(".jinja")]
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({file.name: file.read_text(encoding="utf-8") for file in files}),
        autoescape=True,  # model output must never become markup
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        tables.percent,
        tables.percent_interval,
        tables.number,
        tables.whole,
        tables.p_value,
        tables.signed,
        tables.points,
        tables.status,
    )
    environment.filters.update({function.__name__: function for function in filters})
    environment.filters["segments"] = segments
    return environment
