"""The page of results says what the runs left, with intervals worked out by hand."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

from alignment import cli
from alignment.config import default_config

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("make_results", ROOT / "docs" / "make_results.py")
make_results = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(make_results)


def row(seed, accuracy, **changed):
    fields = {"arm": "modular", "seed": seed, "accuracy": accuracy, "strict_rate": 1.0, "auditability": 0.9}
    fields |= {"reward_change": 0.1, "kl_peak": 0.02, "collapsed": False, "watch": {}}
    return fields | changed


def write(folder, config, variant, rows):
    path = folder / config / variant / "results.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(rows))


def cells(page, variant):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith(f"| `{variant}` |")
    ]


def test_means_intervals_and_differences_by_hand(tmp_path):
    """t(0.975, 2) = 4.302653; accuracies .3 .4 .5 have std .1: .4 +- .2484. Differences 2, 4, 6 points: 4 +- 4.968."""
    write(tmp_path, "losses", "grpo", [row(0, 0.3), row(1, 0.4), row(2, 0.5)])
    alarmed = {"stem_copy": {"since": 9, "peak": 1.0, "peak_step": 9}, "format_only": {"since": None}}
    dapo = [row(0, 0.32), row(1, 0.44, watch=alarmed), row(2, 0.56, collapsed=True, reward_change=None)]
    write(tmp_path, "losses", "dapo", dapo)
    page = make_results.page(tmp_path, "On paper.")
    (reference,), (dapo,) = cells(page, "grpo")[:1], cells(page, "dapo")
    assert reference[2:5] == ["40.0 % (15.2 to 64.8)", "30.0, 40.0, 50.0", "–"]
    assert dapo[3:5] == ["32.0, 44.0, 56.0", "+4.0 (-1.0 to +9.0)"]
    assert dapo[7:] == ["0.1", "0.02", "1 of 3", "stem_copy (1)"]
    assert dapo[5] == "100.0 % (100.0 to 100.0)"
    assert "On paper." in page and cells(page, "gspo")[0][1] == "not run"


def test_an_interval_of_shares_ends_where_shares_end():
    """t(0.975, 1) = 12.706: .9 and 1 have the interval .95 +- .6353, cut at 1."""
    assert make_results.spread([0.9, 1.0]) == "95.0 % (31.5 to 100.0)"
    assert make_results.spread([0.0, 0.1]) == "5.0 % (0.0 to 68.5)"


def test_one_seed_has_no_interval_and_an_arm_without_rewards_no_verdict(tmp_path):
    plain = row(0, 0.3, arm="sft_cot", collapsed=None, reward_change=None, kl_peak=None, watch=None)
    write(tmp_path, "quark", "plain", [plain, row(0, 0.4)])
    first, second = cells(make_results.page(tmp_path, ""), "plain")[-2:]
    assert first[1:4] == ["`sft_cot`", "30.0 %", "30.0"] and first[7:] == ["–"] * 4
    assert second[2] == "40.0 %" and second[9:] == ["0 of 1", "none"]


@pytest.mark.parametrize("command", make_results.commands(), ids=lambda command: command.split("=")[-1])
def test_every_command_names_a_config_that_loads(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    words = command.split()
    args = cli.parse(words[3:], description="d")
    assert words[:3] == ["python", "-m", "alignment.ablate"]
    assert cli.leaves(args.config).keys() == cli.leaves(default_config()).keys()
    assert len(args.config.seeds) == 3


def test_the_page_is_written(tmp_path, capsys):
    make_results.main([f"--runs={tmp_path}", f"--out={tmp_path / 'results.md'}"])
    text = (tmp_path / "results.md").read_text()
    assert all(f"configs/{config}.py" in text for config in make_results.CONFIGS)
    make_results.main(["--commands"])
    assert capsys.readouterr().out.count("alignment.ablate") == len(make_results.commands()) == 20


def test_the_committed_page_is_that_of_the_committed_rows():
    committed = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    machine = re.search(r"do not edit\. (.+?)\n\n", committed, re.DOTALL)[1]
    assert committed == make_results.page(ROOT / "docs" / "results", machine)


def test_the_verdict_over_all_seeds_and_the_sampled_accuracy_are_shown(tmp_path):
    rows = [row(seed, 0.3, sampled_accuracy=0.2 + 0.1 * seed, harmed=seed == 1) for seed in range(3)]
    write(tmp_path, "losses", "grpo", rows)
    verdict = {"arm": "modular", "decoding": "greedy", "verdict": "learned", "change": 0.052, "seed": None}
    verdicts = [verdict, verdict | {"seed": 0, "verdict": "harmed"}, verdict | {"decoding": "sampled"}]
    (tmp_path / "losses" / "grpo" / "verdicts.json").write_text(json.dumps(verdicts))
    ((*_, alarms, harmed, sampled, shown),) = cells(make_results.page(tmp_path, ""), "grpo")[:1]
    assert (harmed, alarms, sampled) == ("1 of 3", "none", "30.0 % (5.2 to 54.8)")
    assert shown == "greedy: learned (+5.2), sampled: learned (+5.2)"
