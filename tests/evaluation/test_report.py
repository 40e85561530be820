from __future__ import annotations

import dataclasses
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from evaluation.vignette import mumble, record, respond

from alignment.evaluation.accuracy import summarise
from alignment.evaluation.auditability import audit
from alignment.evaluation.preregistration import Hypothesis, Registration
from alignment.evaluation.report import Report, render, segments, write_report
from alignment.evaluation.results import outcomes, pick_traces
from alignment.evaluation.stability import stability

REQUIRED = {
    "arm",
    "seed",
    "accuracy",
    "accuracy_ci95",
    "valid_rate",
    "auditability",
    "collapsed",
    "reward_drawdown",
    "kl_peak",
}
ALSO = {
    "auditability_wrong_only",
    "strict_rate",
    "reward_change",
    "reward_change_se",
    "never_learned",
    "rewarded_checks",
}
ATTACK = '<script>alert(1)</script><img src="https://evil.example/x.png" onerror="alert(2)"> & "quoted"'
CHANNELS = ("accuracy", "format", "soft_tags", "repetition")


def curve(steps: int = 20, reward: float = 1.0) -> list[dict]:
    return [
        {"step": t, "reward/mean": reward, "kl/mean": 0.01 * t, "entropy/mean": 0.5, "completion/length_mean": 40.0}
        | {"completion/strict": 0.9, "grad_norm": 1.0, "reward/min": 0.0, "reward/max": 2.0}
        for t in range(1, steps + 1)
    ]


def make_run(arms=("base", "modular"), seeds=(0,), n=6, perfect=False):
    """What a small run hands to the report: even questions right, and every third response of the base an attack."""
    records = [record(f"q{i}") for i in range(n)]
    rows, curves, outs, shown = [], {}, {}, {}
    for arm in arms:
        for seed in seeds:
            responses = [respond(letter="B" if perfect or i % 2 == 0 else "A") for i in range(n)]
            if arm == "base" and not perfect:
                responses[::3] = [mumble(ATTACK) for _ in responses[::3]]
            rewarded = arm != "base"
            stage_rows = curve() if rewarded else None
            rows.append(
                {"arm": arm, "seed": seed, "about": f"about {arm}"}
                | summarise(responses, records)
                | audit(responses, records, CHANNELS if rewarded else ())
                | stability(stage_rows)
            )
            if stage_rows:
                curves.setdefault(arm, {})[seed] = stage_rows
            outs.setdefault(arm, {})[seed] = outcomes(responses, records)
            shown[arm] = responses
    return {"rows": rows, "curves": curves, "traces": pick_traces(records, shown, 3), "outcomes": outs}


def write(folder, run, notes=("evaluation: six questions",), meta=None):
    meta = {"model": "nano", "parameters": 1_000_000, "config": {"grpo": {"steps": 20}}} if meta is None else meta
    table = write_report(folder, Report(**run, notes=notes, meta=meta))
    return table, (folder / "report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """Collects tags, attributes and text of a page, and checks that every element is closed."""

    VOID = {"meta", "br", "img", "link", "input", "hr"}

    def __init__(self, source: str):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_watch_says_which_arm_showed_what_since_when(tmp_path):
    run = make_run()
    _, page = write(tmp_path / "plain", run)
    assert "There is nothing to monitor" in Page(page).text
    run["rows"][1]["watch"] = {
        "stem_copy": {"since": 12, "peak": 0.83, "peak_step": 14},
        "format_only": {"since": None, "peak": 0.2, "peak_step": 3},
        "language_drift": {"since": None, "peak": 0.0, "peak_step": 1},
    }
    _, page = write(tmp_path / "watched", run)
    (section,) = [part for part in page.split("<section ") if part.startswith('id="watch"')]
    text = Page(f"<section {section}").text
    assert "modular 0" in text and "83.0 % at step 14 since step 12" in text
    assert "0.0 %" in text and "at step 1" not in text.replace("at step 14", "")  # no step of a peak of 0
    assert "20.0 % at step 3" in text and text.count("since step") == 1
    assert json.loads((tmp_path / "watched" / "results.json").read_text())[1]["watch"]["stem_copy"]["since"] == 12


def test_the_report_says_where_a_reward_was_not_earned(tmp_path):
    run = make_run(n=200, perfect=True)
    run["outcomes"]["modular"] = {0: {name: index < 100 for index, name in enumerate(run["outcomes"]["base"][0])}}
    run["rows"][1] |= {"reward_change": 0.5, "reward_change_se": 0.125, "watch": {}}
    page = render(Report(**run, notes=[], meta={}, start_arms={"modular": "base", "base": None}))
    (section,) = [part for part in page.split("<section ") if part.startswith('id="watch"')]
    text = Page(f"<section {section}").text
    assert "modular 0 +0.500 ± 0.125 base -50.0 points" in text and "unearned" in text
    assert "Was the reward earned?" not in render(Report(**run, notes=[], meta={}))


def test_hypotheses_are_answered_on_the_page_and_in_a_file(tmp_path):
    entry = Hypothesis("N7", "modular <gains>", "accuracy", "modular", ("base",), "greater", 0.1, (0,))
    absent = entry._replace(name="N8", arm="grpo_only")
    registration = Registration("study.toml", "ab" * 32, "", 0.05, 0.8, "holm", (entry, absent), frozenset({"N7"}))
    run = make_run(n=200, perfect=True)
    run["outcomes"]["base"] = {0: {name: index < 100 for index, name in enumerate(run["outcomes"]["base"][0])}}
    table = write_report(tmp_path, Report(**run, notes=[], meta={}, registration=registration))
    assert "N7: supported: modular minus base +50.0 points" in table and "N8: not testable: needs grpo_only" in table
    written = json.loads((tmp_path / "hypotheses.json").read_text())
    assert (written["sha256"], written["changed"]) == ("ab" * 32, True)
    assert [answer["answer"] for answer in written["answers"]] == ["supported", "not testable"]
    page = (tmp_path / "report.html").read_text()
    (section,) = [part for part in page.split("<section ") if part.startswith('id="hypotheses"')]
    text = Page(f"<section {section}").text
    assert "modular <gains>" in text and "study.toml" in text and "not recorded in the workdir" in text
    assert text.count("exploratory") == 1  # N8 was not on record
    assert "No hypotheses were registered" in render(Report(**make_run(), notes=[], meta={}))


def test_a_gain_that_a_control_has_too_is_withheld_on_the_page(tmp_path):
    run = make_run(("base", "modular", "modular@reward=random"), n=200, perfect=True)
    names = list(run["outcomes"]["base"][0])
    run["outcomes"] = {arm: {0: {name: index < 150 for index, name in enumerate(names)}} for arm in run["outcomes"]}
    run["outcomes"]["base"] = {0: {name: index < 100 for index, name in enumerate(names)}}
    parts = {"notes": [], "meta": {}, "start_arms": {"modular": "base"}}
    claimed = Report(**run, **parts).judge()
    assert [verdict["verdict"] for verdict in claimed] == ["learned", "learned"]  # over all seeds, and of the one seed
    controls = {"modular": {"random": "modular@reward=random"}}
    table = write_report(tmp_path, Report(**run, **parts, controls=controls))
    assert "withheld" in table and "its control random does as well" in table
    page = (tmp_path / "report.html").read_text()
    (section,) = [part for part in page.split("<section ") if part.startswith('id="controls"')]
    assert "does as well: claims withheld" in Page(f"<section {section}").text
    assert json.loads((tmp_path / "verdicts.json").read_text())[0]["verdict"] == "withheld"
    assert 'id="controls"' not in render(Report(**run, **parts))


def judged_run():
    """Two hundred questions of which the base answers half; modular loses half of those, greedily and sampled."""
    run = make_run(n=200, perfect=True)
    names = list(run["outcomes"]["base"][0])
    for arm, right in (("base", 100), ("modular", 50)):
        run["outcomes"][arm] = {0: {name: index < right for index, name in enumerate(names)}}
    run["samples"] = {
        arm: {0: {name: float(right) for name, right in run["outcomes"][arm][0].items()}} for arm in run["outcomes"]
    }
    return run | {"start_arms": {"modular": "base", "base": None}}


def test_an_arm_that_ends_below_its_start_is_harmed_and_not_called_healthy(tmp_path):
    run = judged_run()
    table, source = write(tmp_path, run)
    text = Page(source).text
    (section,) = [part for part in source.split("<section ") if part.startswith('id="verdicts"')]
    assert Page(f"<section {section}").text.count("-25.0 -31.") == 2  # the change and its interval
    assert table.count("harmed: accuracy changed by -25.0 points") == 2
    assert "no collapse seen" not in text and "no collapse seen" not in table and table.count("harmed") >= 4
    assert "greedy harmed" in text and "sampled harmed" in text
    verdicts = json.loads((tmp_path / "verdicts.json").read_text())
    assert [(row["decoding"], row["seed"]) for row in verdicts] == [
        ("greedy", None), ("greedy", 0), ("sampled", None), ("sampled", 0)
    ]  # fmt: skip
    assert source.count("<svg") == 7  # the changes too


def test_no_claim_is_made_about_an_arm_that_was_not_powered(tmp_path):
    run = judged_run()
    half = {name: index % 2 == 0 for index, name in enumerate(run["outcomes"]["base"][0])}
    run["outcomes"]["modular"], run["samples"] = {0: half}, {}
    _, source = write(tmp_path, run)
    text = Page(source).text
    assert "no claim: modular not powered" in text and "questions would be needed" in text


def test_an_arm_without_its_start_arm_has_no_verdict_and_the_page_says_why(tmp_path):
    _, source = write(tmp_path, make_run() | {"start_arms": {"modular": "sft_cot", "base": None}})
    assert "modular (needs sft_cot)" in Page(source).text


def test_greedy_and_sampled_accuracy_stand_side_by_side(tmp_path):
    run = make_run()
    for row in run["rows"]:
        row |= {"samples": 4, "sampled_accuracy": 0.25, "sampled_accuracy_ci95": [0.2, 0.3]}
    _, source = write(tmp_path, run)
    text = Page(source).text
    assert "k = 4 times at the temperature of training" in text and "25.0 % 20.0 to 30.0" in text
    assert "hatched sampled" in text


def test_rows_have_the_required_keys_and_are_strict_json(tmp_path):
    run = make_run()
    run["rows"][1]["kl_peak"] = math.nan
    write(tmp_path / "new" / "folder", run)

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    rows = json.loads((tmp_path / "new" / "folder" / "results.json").read_text(), parse_constant=refuse)
    assert [(row["arm"], row["seed"]) for row in rows] == [("base", 0), ("modular", 0)]
    assert all(row.keys() >= REQUIRED | ALSO for row in rows)
    assert rows[0]["collapsed"] is None and rows[0]["reward_drawdown"] is None
    assert rows[1]["collapsed"] is False and rows[1]["kl_peak"] is None
    assert not list(tmp_path.rglob("*.tmp"))


def test_the_returned_table_has_a_line_an_arm_and_seed(tmp_path):
    table, _ = write(tmp_path, make_run(seeds=(0, 1)))
    assert len(table.splitlines()) == 2 + 4
    assert "modular" in table and "50.0 %" in table


def test_model_output_is_escaped(tmp_path):
    _, source = write(tmp_path, make_run())
    assert "<script" not in source and "<img" not in source
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in source
    assert ATTACK in Page(source).text


@pytest.mark.parametrize("path", ["question", "option", "note", "meta", "arm", "about", "reason", "config"])
def test_everything_else_is_escaped_too(tmp_path, path):
    run, notes, meta = make_run() | {"curves": {}}, ["plain"], {"model": "nano"}
    if path == "question":
        run["traces"][0]["question"] = ATTACK
    elif path == "option":
        run["traces"][0]["options"]["A"] = ATTACK
    elif path == "note":
        notes = [ATTACK]
    elif path == "meta":
        meta = {"title": ATTACK, "command": ATTACK, ATTACK: ATTACK}
    elif path == "arm":
        run["rows"][1]["arm"] = ATTACK
    elif path == "config":
        meta = {"config": {"path": ATTACK}}
    else:
        run["rows"][1][{"about": "about", "reason": "reasons"}[path]] = [ATTACK] if path == "reason" else ATTACK
    _, source = write(tmp_path, run, notes, meta)
    page = Page(source)
    assert not {"script", "img", "iframe", "object", "link"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "alert(1)" in page.text


def test_the_page_loads_nothing(tmp_path):
    _, source = write(tmp_path, make_run(perfect=True))
    page = Page(source)
    assert "http" not in source  # neither a resource nor a namespace
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    links = [value for name, value in page.attributes if name in ("href", "src", "xlink:href", "action")]
    assert links and all(value.startswith("#") for value in links)
    assert "@import" not in source and not re.search(r"url\((?!#)", source)
    ids = {value for name, value in page.attributes if name == "id"}
    assert {value[1:] for value in links} <= ids


def test_the_page_says_what_it_must(tmp_path):
    _, source = write(tmp_path, make_run())
    text = Page(source).text
    assert "Research only, not for patient care" in text
    assert "are a reconstruction" in text
    assert "evaluation: six questions" in text
    assert "nano (1.0 M parameters)" in text
    assert '"steps": 20' in text
    assert "No hypotheses were registered for this run" in text
    assert "no claim: 6 questions are too few" in text
    assert source.count("<svg") == 6  # five panels and the accuracies
    assert "strict format ◆" in text  # the modular arm was rewarded for it


def test_one_seed_makes_no_claim_about_stability(tmp_path):
    _, one = write(tmp_path, make_run())
    _, two = write(tmp_path, make_run(seeds=(0, 1)))
    claim = "There is one seed, so this report makes no claim about stability"
    assert claim in Page(one).text and claim not in Page(two).text
    assert "Over seeds" in Page(two).text and "Over seeds" not in Page(one).text


def test_without_wrong_answers_the_audit_shows_a_dash(tmp_path):
    _, source = write(tmp_path, make_run(perfect=True))
    text = Page(source).text
    assert "wrong only: –" in text and not re.search(r"wrong only: \d", text)


def test_wrong_answers_have_their_own_figures(tmp_path):
    run = make_run(arms=("modular",))
    _, source = write(tmp_path, run)
    # All six responses are strict, so the three wrong ones are too; agreement fails in exactly these three.
    assert run["rows"][0]["checks"]["answer_reasoning_agreement"] == 0.5
    cells = re.search(r"answer reasoning agreement</strong>.*?</tr>", source, re.DOTALL)[0]
    assert "50.0 %" in cells and "wrong only: 0.0 %" in cells


@pytest.mark.parametrize(
    "change",
    [
        {"curves": {}},
        {"traces": []},
        {"outcomes": {}},
        {"rows": []},
        {"rows": [], "curves": {}, "traces": [], "outcomes": {}},
        {"curves": {"modular": {0: []}}},
        {"curves": {"modular": {0: [{"step": 1, "reward/mean": None}]}}},
        {"curves": {"reasoning": {0: [{"step": 1, "nll": 1.0}]}}},
        {"rows": [{"arm": "base", "seed": 0, "accuracy": 0.5, "auditability": 0.5}]},
    ],
)
def test_a_degenerate_run_still_renders(tmp_path, change):
    _, source = write(tmp_path, make_run() | change)
    assert "Research only" in Page(source).text


def test_the_rows_of_an_older_run_still_render(tmp_path):
    rows = json.loads((Path(__file__).resolve().parents[1] / "golden" / "old_run" / "results.json").read_text())
    assert not {"sampled_accuracy", "harmed"} & rows[0].keys()
    table, source = write(tmp_path, {"rows": rows, "curves": {}, "traces": []})
    assert "sampled" not in table and "No verdict" in Page(source).text


def test_mixed_seeds_and_minimal_traces_render(tmp_path):
    run = make_run(seeds=(0, 1))
    run["rows"].pop()
    arm = {"response": "", "letter": None, "checks": {"strict_format": None, "mine": 0.5}, "correct": False}
    run["traces"] = [{"question": "?", "options": {"A": "x"}, "gold": "A", "arms": {"unlisted": arm}}]
    _, source = write(tmp_path, run, meta={})
    assert "(empty)" in Page(source).text and "no letter, wrong" in Page(source).text


def test_a_lone_surrogate_does_not_lose_the_report(tmp_path):
    run = make_run()
    run["traces"][0]["arms"]["base"]["response"] = "broken \ud800 text"
    _, source = write(tmp_path, run)
    assert "broken ? text" in source


def test_segments_by_hand():
    text = "Well. <think>a</think>\n<answer>B \\boxed{B}</answer> bye"
    assert list(segments(text)) == [
        ("outside", "Well. "),
        ("tag", "<think>"),
        ("reasoning", "a"),
        ("tag", "</think>"),
        ("space", "\n"),
        ("tag", "<answer>"),
        ("answer", "B "),
        ("box", "\\boxed{B}"),
        ("tag", "</answer>"),
        ("outside", " bye"),
    ]
    assert list(segments("<dx>open")) == [("tag", "<dx>"), ("reasoning", "open")]
    assert list(segments("")) == []


@pytest.mark.parametrize("text", ["<think>" * 3 + "x", "\\boxed{" * 3, "</answer></think>", "a < b > c & \\boxed{A"])
def test_segments_lose_nothing(text):
    assert "".join(piece for _, piece in segments(text)) == text


def test_a_long_table_of_pairs_is_folded(tmp_path):
    few, many = (make_run(arms=[f"arm{index}" for index in range(count)], n=2) for count in (11, 12))
    assert "55 comparisons" not in write(tmp_path / "few", few)[1]
    assert "<summary>66 comparisons</summary>" in write(tmp_path / "many", many)[1]


def test_signal_distance_and_held_out_loss_are_shown_where_they_were_measured():
    report = Report(**make_run(), notes=[], meta={})
    measured = {"measured_steps": 2, "groups_with_signal": 0.75, "signal_share": 0.2, "signal_share_ci95": [-0.1, 0.6]}
    measured |= {"completions_needed": 1234.4, "completions_needed_is_bound": True, "completions": 1280}
    measured |= {"weights_moved": 0.51, "weights_moved_share": 0.125, "kl_final": 0.013}
    measured |= {"reasoning_nll_start": 0.0912, "reasoning_nll": 0.2, "reasoning_nll_without_reward": None}
    plain = render(report)
    assert "Signal, distance and what SFT taught" not in plain
    rows = [row | measured if row["arm"] == "modular" else row for row in report.rows]
    page = render(dataclasses.replace(report, rows=rows))
    _, _, section = page.partition("Signal, distance and what SFT taught")
    for text in ("75.0 %", "-10.0 to 60.0", "at least 1,234", "1280", "0.51 (12.5 %)", "0.0912 → 0.2", "0.013"):
        assert text in section.partition("</section>")[0]


def test_a_sweep_of_rates_has_a_map_and_compares_arms_at_their_best_rates(tmp_path):
    arms = [f"{arm}@learning_rate={rate}" for arm in ("modular", "monolithic") for rate in ("1e-4", "2e-4", "4e-4")]
    run = make_run(("base", *arms), seeds=(0, 1), n=12)
    for row in run["rows"]:
        row["dev"] = {"accuracy": 0.9 if row["arm"].endswith("2e-4") else 0.5}
    _, page = write(tmp_path, run)
    text = Page(page).text
    assert "Stability map" in text and "first minus second" in text and "learning rate" in text
    pairs = page[page.index('<section id="pairs">') : page.index('<section id="hypotheses">')]
    assert "modular@learning_rate=2e-4" in pairs and "modular@learning_rate=4e-4" not in pairs
    assert "Stability map" not in write(tmp_path / "plain", make_run())[1]
