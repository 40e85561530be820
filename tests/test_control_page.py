"""The page of the positive control says what the run left, with numbers worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import make_control
import pytest

from alignment import cli
from alignment.arms import get_arm
from alignment.config import default_config
from alignment.errors import UserError

ROOT = Path(__file__).parents[1]
CONFIG = make_control.CONFIG

ARMS = (CONFIG.START, CONFIG.CEILING, *CONFIG.LEARNERS, *CONFIG.CONTROLS)


def answered(right, careful=0.5):
    return {str(seed): {"right": digits, "careful": careful} for seed, digits in enumerate(right)}


def made_up(learners, start=("1000" * 5, "0100" * 5), ceiling=("1111" * 5, "1111" * 5), controls=None):
    """Answers of every arm: the same by both decodings, at one sample a question."""
    chosen = {CONFIG.START: start, CONFIG.CEILING: ceiling}
    chosen |= dict.fromkeys(CONFIG.LEARNERS, learners) | dict.fromkeys(CONFIG.CONTROLS, controls or start)
    return {arm: dict.fromkeys(make_control.DECODINGS, answered(right)) for arm, right in chosen.items()}


def stored():
    rows = [{"arm": arm, "seed": seed, "n": 20, "samples": 1, "strict_rate": 1.0} for arm in ARMS for seed in (0, 1)]
    return {"rows": rows, "tokens": {CONFIG.START: 1000, CONFIG.CEILING: 2000}, "machine": "On paper."}


def test_an_effect_by_hand():
    """Start 25 %, ceiling 100 %; seed 0 ends at 100 % and seed 1 at 50 %: +75 and +25, mean +50, 2/3 of 75 won."""
    change, ceiling = make_control.effect(made_up(("1111" * 5, "0110" * 5)), "modular", "greedy", samples=1)
    assert (change.start, change.difference, ceiling) == (0.25, 0.5, 1.0)
    assert change.seed_changes == (0.75, 0.25)
    assert make_control.headroom_won(change, ceiling) == pytest.approx(2 / 3)
    assert make_control.passes(change, ceiling, 0.009) and not make_control.passes(change, ceiling, 0.011)
    assert not make_control.passes(change, 1.1, 0.009)  # 59 % of 85 points


def test_an_arm_whose_one_seed_falls_does_not_pass():
    change, ceiling = make_control.effect(made_up(("1111" * 5, "0000" * 5)), "modular", "greedy", samples=1)
    assert change.difference == 0.25 and not make_control.passes(change, 0.6, 0.0)
    assert make_control.passes(change._replace(seed_changes=(0.45, 0.05)), 0.6, 0.0)


def test_sampled_answers_are_counted_by_question():
    answers = made_up(("4400", "4400"), start=("2000", "0200"), ceiling=("4444", "4444"))
    assert list(make_control.scores(answers, "modular", "sampled", 4)[1].values()) == [1, 1, 0, 0]
    assert list(make_control.scores(answers, "sft_cot", "sampled", 4)[0].values()) == [0.5, 0, 0, 0]


def test_the_page_has_every_arm_test_and_control():
    page = make_control.page(stored(), made_up(("1111" * 5, "1110" * 5)))
    assert "2,000 tokens instead of 1,000" in page
    assert "4 of 4 tests pass" in page and "On paper." in page and "careful 0.4" in page
    assert "a null result elsewhere is a finding" in " ".join(page.split())
    assert "The control does not hold" in make_control.page(stored(), made_up(("1000" * 5, "0100" * 5)))
    assert all(f"| `{arm}` |" in page for arm in ARMS)
    nothing = [line for line in page.splitlines() if line.startswith("| `modular@reward=random` | greedy")]
    assert nothing[0].endswith("| yes |") and "+0.0" in nothing[0]
    inverted = [line for line in page.splitlines() if line.startswith("| `modular@reward=inverted` | greedy")]
    assert inverted[0].endswith("| no |")  # it did not fall


def test_a_control_passes_by_its_limits():
    """Seeds -1, 0 and +1 point: t(0.975, 2) = 4.303 and a standard error of .577 give an upper limit of 2.48."""
    change, _ = make_control.effect(made_up(("1000" * 5,) * 2), CONFIG.CONTROLS[0], "greedy", samples=1)
    change = change._replace(seed_changes=(-0.01, 0.0, 0.01), ci95=[-0.02, 0.02])
    assert make_control.teaches_nothing("modular@reward=random", change)
    assert not make_control.teaches_nothing("modular@reward=random", change._replace(ci95=[0.0, 0.031]))
    assert not make_control.teaches_nothing("modular@reward=random", change._replace(seed_changes=(0.0, 0.01, 0.02)))
    assert not make_control.teaches_nothing("modular@reward=inverted", change)
    assert make_control.teaches_nothing("modular@reward=inverted", change._replace(ci95=[-0.05, -0.01]))


def test_a_run_is_collected_and_an_unfinished_one_refused(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"there is no results\.json"):
        make_control.collect(tmp_path)
    (tmp_path / "results.json").write_text(
        json.dumps([{"arm": "sft_cot", "seed": 0, "n": 2, "samples": 2, "strict_rate": 1}])
    )
    for stage, counts in {"reasoning": (30, 12), "derived": (60,)}.items():
        (tmp_path / "seed0" / stage).mkdir(parents=True)
        curve = "".join(json.dumps({"step": step, "tokens": count}) + "\n" for step, count in enumerate(counts, 1))
        (tmp_path / "seed0" / stage / "metrics.jsonl").write_text(curve)
    arm = tmp_path / "seed0" / "arms" / "sft_cot"
    (arm / "samples").mkdir(parents=True)
    hasty, careful = "At first glance this is flu.", "The key finding fever points to flu."
    texts = {"": [("A", "A", hasty), ("B", "A", careful)]}
    texts["samples"] = [("A", "A", hasty), ("A", "A", hasty), ("B", "A", hasty), ("A", "A", careful)]
    for below, answers in texts.items():
        lines = [json.dumps({"letter": a, "gold": gold, "text": text}) for a, gold, text in answers]
        (arm / below / "responses.jsonl").write_text("\n".join(lines) + "\n")
    stored, answers = make_control.collect(tmp_path)
    assert stored["tokens"] == {"sft_cot": 42, "sft_ceiling": 60}
    answers = answers["sft_cot"]
    assert answers["greedy"]["0"] == {"right": "10", "careful": 0.5}
    assert answers["sampled"]["0"] == {"right": "21", "careful": 0.25}


def test_the_config_runs_the_arms_that_the_page_compares():
    config = cli.load_config(f"{ROOT}/configs/control_planted.py", default_config())
    assert config.arms == ARMS and all(get_arm(arm) for arm in ARMS)
    assert len(config.seeds) == 5 and config.data.eval.count >= 500 and config.eval.samples == 4
    assert config.grpo.reward == "gated" and config.grpo.beta == 0


def test_the_page_is_written_of_copies_and_a_note_on_trials_follows(tmp_path):
    with pytest.raises(UserError, match="holds no copy of a run"):
        make_control.run([f"--out={tmp_path}"])
    (tmp_path / "rows.json").write_text(json.dumps(stored()))
    (tmp_path / "answers.json").write_text(json.dumps(made_up(("1111" * 5, "1110" * 5))))
    (tmp_path / "trials.md").write_text("## Trials\n")
    make_control.run([f"--out={tmp_path}"])
    page = (tmp_path / "README.md").read_text()
    assert page.startswith("# The positive control") and page.endswith("## Trials\n")
