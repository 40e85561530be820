"""The pages of results say what the runs left, with intervals worked out by hand."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import make_results
import pytest
import result_pages

from alignment import cli
from alignment.arms import get_arm
from alignment.config import default_config
from alignment.errors import UserError

ROOT = Path(__file__).parents[1]
LOSSES = result_pages.load_config("losses")
GRPO, DAPO = LOSSES.COMPARED["grpo"], LOSSES.COMPARED["dapo"]


def row(arm, seed, accuracy, **changed):
    fields = {"arm": arm, "seed": seed, "n": 200, "samples": 4, "accuracy": accuracy, "sampled_accuracy": accuracy}
    fields |= {"strict_rate": 1.0, "auditability": 0.9, "reward_change": 0.1, "kl_final": None}
    return fields | {"completions": 640, "collapsed": False, "harmed": False, "dev": None} | changed


def judged(arm, seed, decoding="greedy", verdict="learned", ci95=(0.1, 0.3)):
    fields = {
        "arm": arm,
        "start": "sft_cot",
        "seed": seed,
        "decoding": decoding,
        "verdict": verdict,
        "reason": "because",
    }
    fields |= {"start_accuracy": 0.3, "change": 0.2, "ci95": list(ci95), "p_holm": 0.0001, "seeds": 3, "seeds_up": 2}
    return fields | {"headroom_won": None}


def write(workdir, rows, verdicts, curves=(), answers=None):
    """Write a run; `answers` is arm -> one digit a question, how many of two sampled answers are right."""
    workdir.mkdir(parents=True)
    for entry, (decoding, count) in itertools.product(rows, {"": 1, "samples": 2}.items()):
        folder = workdir / f"seed{entry['seed']}" / "arms" / entry["arm"] / decoding
        folder.mkdir(parents=True, exist_ok=True)
        right = [int(digit) for digit in (answers or {}).get(entry["arm"], "12")]
        letters = [(index, "AB"[turn >= digit]) for index, digit in enumerate(right) for turn in range(count)]
        lines = [json.dumps({"id": f"q{index}", "gold": "A", "letter": letter}) for index, letter in letters]
        (folder / "responses.jsonl").write_text("\n".join(lines) + "\n")
    (workdir / "results.json").write_text(json.dumps(rows))
    (workdir / "verdicts.json").write_text(json.dumps(verdicts))
    for seed, stage, points in curves:
        folder = workdir / f"seed{seed}" / stage
        folder.mkdir(parents=True)
        lines = [{"step": step, "reward/mean": value, "loss": 0} for step, value in enumerate(points, 1)]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def cells(page, beginning):
    lines = [line for line in page.splitlines() if line.startswith(f"| {beginning}")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_means_intervals_and_differences_by_hand(tmp_path, capsys):
    """t(0.975, 2) = 4.302653; accuracies .3 .4 .5 have std .1: .4 +- .2484."""
    rows = [row(GRPO, seed, 0.3 + 0.1 * seed) for seed in range(3)]
    rows += [row(DAPO, seed, 0.32 + 0.12 * seed, harmed=seed == 1) for seed in range(3)]
    verdicts = [judged(GRPO, None), judged(GRPO, 0, verdict="harmed"), judged(GRPO, None, "sampled", "harmed")]
    write(tmp_path / "run", rows, verdicts, answers={GRPO: "0100", DAPO: "0120"})
    arguments = ["--page=losses", f"--workdir={tmp_path / 'run'}", f"--out={tmp_path}", "--machine=On paper."]
    assert make_results.main(arguments) == 0
    page = (tmp_path / "results" / "losses" / "README.md").read_text()
    ((_, accuracy, by_seed, *_),) = cells(page, f"`grpo`: `{GRPO}`")
    assert (accuracy, by_seed) == ("40.0 % (15.2 to 64.8)", "30.0, 40.0, 50.0")
    ((_, _, by_seed, *_, training),) = cells(page, f"`dapo`: `{DAPO}`")
    assert (by_seed, training) == ("32.0, 44.0, 56.0", "0, 1")
    # One more of four questions is right, by one answer greedily and by both sampled ones.
    (greedy,), (sampled,) = cells(page, "`dapo` | greedy"), cells(page, "`dapo` | sampled")
    assert greedy[2] == sampled[2] == "+25.0" and greedy[4:6] == ["+25.0 to +25.0", "3 of 3"]
    greedy, sampled = cells(page, "`grpo` |")  # none in the table of differences to itself
    assert greedy[2:5] == ["`sft_cot`, 30.0 %", "+20.0 (+10.0 to +30.0)", "2 of 3"] and greedy[-1] == "learned"
    assert sampled[1] == "sampled" and "- `grpo`, sampled, is *harmed*: because." in page
    assert "On paper." in page and "{" not in page and "KL at the end" not in page
    # The page has its own two commands, and the index knows which pages were run.
    assert "--config=configs/losses.py --workdir=runs/losses\n    python docs/make_results.py --page=losses" in page
    index = (tmp_path / "results.md").read_text()
    assert cells(index, "[losses]")[0][2] == "greedy: 1 learned; sampled: 1 harmed"
    assert cells(index, "quark")[0][2] == "not run yet" and "earlier" not in index


def test_the_same_page_is_made_of_the_copy(tmp_path, capsys):
    write(tmp_path / "run", [row(GRPO, 0, 0.3)], [judged(GRPO, None)])
    make_results.run(["--page=losses", f"--workdir={tmp_path / 'run'}", f"--out={tmp_path}"])
    page = tmp_path / "results" / "losses" / "README.md"
    before = page.read_text()
    page.unlink()
    make_results.run([f"--out={tmp_path}"])
    assert page.read_text() == before and "1 seed;" in before


def test_an_interval_of_shares_ends_where_shares_end():
    """t(0.975, 1) = 12.706: .9 and 1 have the interval .95 +- .6353, cut at 1."""
    assert result_pages.spread([0.9, 1.0]) == "95.0 % (31.5 to 100.0)"
    assert result_pages.spread([0.0, 0.1]) == "5.0 % (0.0 to 68.5)"


def test_the_demonstration_says_by_seed_whether_the_interval_lies_above_zero(tmp_path, capsys):
    rows = [row(arm, seed, 0.5) for arm in ("sft_cot", "modular") for seed in (0, 1)]
    verdicts = [judged("modular", seed, ci95=(0.01 - 0.02 * (seed or 0), 0.3)) for seed in (None, 0, 1)]
    write(tmp_path / "run", rows, verdicts)
    make_results.run(["--page=demo", f"--workdir={tmp_path / 'run'}", f"--out={tmp_path}"])
    page = (tmp_path / "results" / "demo" / "README.md").read_text()
    assert [cells(page, f"{seed} | `modular`")[0][-1] for seed in (0, 1)] == ["yes", "no"]
    assert "- 1 of 2 seeds for `modular`, greedy\n" in page
    assert "--config.seeds=0,1,2,3,4" in page and "--workdir=runs/demo\n" not in page


def test_a_sweep_is_scored_on_development_questions_and_curves_are_drawn(tmp_path, capsys):
    dev = {"n": 150, "accuracy": 0.6, "strict_rate": 1.0}
    swept = {"sft_cot": 0.4, "modular@learning_rate=1e-3": 0.5, "modular@learning_rate=2e-3": 0.55}
    swept["monolithic@learning_rate=1e-3"] = 0.45
    rows = [row(arm, 0, 0.1, dev=dev | {"sampled_accuracy": score}) for arm, score in swept.items()]
    write(tmp_path / "run" / "sweep", rows, [])
    arm = "modular@learning_rate=2e-3"
    write(
        tmp_path / "run" / "confirm",
        [row("sft_cot", 1, 0.4), row(arm, 1, 0.5)],
        [judged(arm, None), judged(arm, 1)],
        curves=[(1, "reward@learning_rate=2e-3", [0.1, 0.2])],
    )
    make_results.run(["--page=plain_rl", f"--workdir={tmp_path / 'run'}", f"--out={tmp_path}"])
    folder = tmp_path / "results" / "plain_rl"
    page = (folder / "README.md").read_text()
    assert "150 questions of the development split" in page and "10.0" not in page.partition("## Verdicts")[0]
    bold = [line[0] for line in cells(page.partition("## Verdicts")[0], "`") if "**" in line[2]]
    assert bold == ["`modular@learning_rate=2e-3`", "`monolithic@learning_rate=1e-3`"]
    stored = json.loads((folder / "rows.json").read_text())["runs"]["confirm"]["curves"]
    assert stored == {arm: {"1": [{"step": 1, "reward/mean": 0.1}, {"step": 2, "reward/mean": 0.2}]}}
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG") and "(curves.png)" in page


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (["--page=losses"], "belong together"),
        (["--workdir=runs"], "belong together"),
        (
            ["--page=plain_rl", "--workdir=nowhere"],
            r"results\.json is missing; run configs/plain_rl\.py:sweep to its end",
        ),
    ],
)
def test_a_missing_run_is_refused(arguments, problem, tmp_path):
    with pytest.raises(UserError, match=problem):
        make_results.run([*arguments, f"--out={tmp_path}"])
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("name", make_results.PAGES)
def test_every_page_is_made_of_a_config_and_its_commands_load(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    page = make_results.PAGES[name]
    module = result_pages.load_config(page.config)
    title, about, (*commands, making) = make_results.parts_of(module.__doc__, name)
    assert title and about and len(commands) == len(page.runs) and f"--page={name}" in making
    for command in commands:
        words = re.sub(r"\\\n", " ", command).split()
        config = cli.parse(words[3:], description="d").config
        assert cli.leaves(config).keys() == cli.leaves(default_config()).keys()
        assert config.eval.samples == 4 and all(map(get_arm, config.arms))
    rows = [{"arm": arm} for arm in config.arms]
    assert make_results.reference_of(page, rows) in config.arms and len(config.seeds) == (5 if name == "demo" else 3)


def test_the_committed_index_is_that_of_the_committed_rows():
    committed = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert committed == make_results.index(result_pages.RESULTS)
    for folder in result_pages.RESULTS.glob("*/rows.json"):
        if folder.parent.name in make_results.PAGES:
            stored = json.loads(folder.read_text(encoding="utf-8"))
            page = (folder.parent / "README.md").read_text(encoding="utf-8")
            assert page == make_results.make_page(folder.parent.name, stored)
