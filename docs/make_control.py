"""Make docs/results/control/README.md: whether reinforcement finds the better of two planted strategies.

    python -m alignment.ablate --config=configs/control_planted.py --workdir=runs/control
    python docs/make_control.py --workdir=runs/control --machine="2 cores of ..., 52 minutes"

The first command runs the control. The second copies what the page needs of the run (rows.json, answers.json) beside
the page and writes it; without `--workdir` the page is written of the copies. docs/results/control/trials.md, where
share, sizes and rates were chosen, is written by hand and appended.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from result_pages import DECODINGS, RESULTS, interval, load_config, make_parser

from alignment.arms import get_arm
from alignment.common.entry_point import run_entry_point
from alignment.common.files import write_json
from alignment.common.tables import markdown_table
from alignment.data.vignettes.strategies import strategy_of
from alignment.errors import UserError
from alignment.evaluation.curves import read_curve
from alignment.evaluation.effects import Change, paired_change
from alignment.evaluation.statistics import holm, over_seeds
from alignment.evaluation.tables import p_value, percent

FOLDER = RESULTS / "control"
USED = ("arm", "seed", "n", "samples", "strict_rate")  # of a row of results.json
RISE, SHARE, ALPHA, GAIN = 10, 0.6, 0.01, 3  # points, share of the headroom, level of the tests, points

PAGE = """# The positive control: two planted strategies

Supervised traces come from a careful teacher (the chain derived from the knowledge base) and a hasty one (a first
impression, right in 25 %), at shares of {shares}. The reward stage pays right answers in strict format. Research only,
not for patient care, and no statement about larger models. Made by `python docs/make_control.py` from rows.json and
answers.json in this folder; do not edit. {machine}

    python -m alignment.ablate --config=configs/control_planted.py --workdir=runs/control

**What is learned** is the choice between two ways of answering that SFT taught, not one fact. {passed}
{belief}
{control_verdict}

## The arms

{questions} held-out questions, {seeds}; sampled answers are {samples} a question at the temperature of training.
`sft_cot` is where the reward stages start: the reasoning adapter after SFT on the mixed traces. `modular` trains a
reward adapter on top of it, `monolithic` trains the same adapter further, each at its own rate. `sft_ceiling` learned
the same questions, in the same order and as many steps, with careful chains alone; they are longer, so it was trained
on {tokens}. *Careful* is the share of answers that reason like the careful teacher, *strict format*
that of answers which hold the two blocks of the template and nothing else.

{arms}
## The four tests

Change over `sft_cot` in points, with the 95 % percentile bootstrap interval over questions of the differences averaged
over seeds; p by a sign-flip test over questions of the same differences, and adjusted for four tests (Holm).
*Headroom won* is the change over the distance from start to ceiling. A row passes where the change is at least
{rise} points, at least {share} of the headroom is won, the adjusted p is below {alpha} and every seed rises.

{tests}
## Rewards that should teach nothing

Change over `sft_cot` in points. Both intervals are shown: over questions, and Student's t over the seeds. `random` pays
by a fair coin, and passes where no upper limit reaches +{gain}; `inverted` pays for wrong answers, and passes where the
upper limit over questions is below 0.

{controls}
"""

BELIEVABLE = """Because the same trainer, evaluation and statistics find an effect here, a null result elsewhere is a
finding about that task, its budget or its reward, and not about a trainer that cannot learn."""
FAILED = "The control does not hold, and no null result elsewhere can be believed before it does."
HELD = "Two rewards that teach nothing or the wrong thing do not raise accuracy: a rise is not what any reward does."
DRIFTED = """The last table says what rewards do that should teach nothing: where `random` does not pass, a policy
drifts so far at this rate that single seeds rise without anything to learn, greedily most of all, which follows
whichever strategy is the likelier one. A rise counts where every seed rises."""


CONFIG = load_config("control_planted")


def collect(workdir: Path) -> tuple[dict, dict]:
    """Return the rows of a run with the tokens of its two SFT stages, and how each arm answered each question.

    Returns:
      {"rows": those of results.json, "tokens": {arm: trained tokens at the first seed}}, and {arm: {decoding: {seed:
      {"right": one digit a question, the number of its answers that are right; "careful": share of the answers by the
      careful strategy}}}}.

    Raises:
      UserError: the run is not finished, or is another than that of the config.
    """
    path = workdir / "results.json"
    if not path.exists():
        raise UserError(f"--workdir={workdir}: there is no results.json; run configs/control_planted.py to its end")
    rows = [{name: row[name] for name in USED} for row in json.loads(path.read_text(encoding="utf-8"))]
    answers: dict = {}
    for row in rows:
        for decoding, below in DECODINGS.items():
            file = workdir / f"seed{row['seed']}" / "arms" / row["arm"] / below / "responses.jsonl"
            if not file.exists():
                raise UserError(f"{file} is missing; run with --config.eval.samples above 0")
            responses = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
            by_seed = answers.setdefault(row["arm"], {}).setdefault(decoding, {})
            by_seed[str(row["seed"])] = summarise(responses, row["n"])
    tokens = {}
    for arm in (CONFIG.START, CONFIG.CEILING):
        (stage,) = get_arm(arm).serves
        curve = read_curve(workdir / f"seed{rows[0]['seed']}" / stage / "metrics.jsonl")
        tokens[arm] = int(sum(row["tokens"] for row in curve))
    return {"rows": rows, "tokens": tokens}, answers


def summarise(responses: Sequence[Mapping], questions: int) -> dict:
    """Return the right answers of each question as one digit, and the share of careful answers."""
    right = np.array([response["letter"] == response["gold"] for response in responses]).reshape(questions, -1)
    careful = [strategy_of(response["text"]) == "careful" for response in responses]
    return {"right": "".join(map(str, right.sum(axis=1))), "careful": round(float(np.mean(careful)), 4)}


def scores(answers: Mapping, arm: str, decoding: str, samples: int) -> dict[int, dict[str, float]]:
    """Return {seed: {question: share of its answers that are right}}."""
    count = samples if decoding == "sampled" else 1
    return {
        int(seed): {str(number): int(digit) / count for number, digit in enumerate(summary["right"])}
        for seed, summary in answers[arm][decoding].items()
    }


def effect(answers: Mapping, arm: str, decoding: str, samples: int) -> tuple[Change, float]:
    """Return what an arm gained over `sft_cot` by one decoding, and the accuracy of the ceiling."""
    start, end, ceiling = (scores(answers, name, decoding, samples) for name in (CONFIG.START, arm, CONFIG.CEILING))
    change = paired_change(ceiling, start)
    return paired_change(end, start), change.start + change.difference


def headroom_won(change: Change, ceiling: float) -> float:
    """Return the change over the distance from start to ceiling."""
    return change.difference / (ceiling - change.start)


def passes(change: Change, ceiling: float, adjusted: float) -> bool:
    """Whether a learner passes: rise, share of the headroom, adjusted p, and a rise at every seed."""
    enough = 100 * change.difference >= RISE and headroom_won(change, ceiling) >= SHARE
    return enough and adjusted < ALPHA and min(change.seed_changes) > 0


def page(stored: Mapping, answers: Mapping) -> str:
    """Return the page as Markdown, of what `collect` returns and the sentence on the machine."""
    rows = stored["rows"]
    samples, seeds = max(row["samples"] for row in rows), sorted({row["seed"] for row in rows})
    keys = [(arm, decoding) for arm in CONFIG.LEARNERS for decoding in DECODINGS]
    learned = [effect(answers, *key, samples) for key in keys]
    adjusted = holm([change.p for change, _ in learned])
    passed = [passes(*result, p) for result, p in zip(learned, adjusted, strict=True)]
    keys_of_controls = [(arm, decoding) for arm in CONFIG.CONTROLS for decoding in DECODINGS]
    controls = [(*key, effect(answers, *key, samples)[0]) for key in keys_of_controls]
    controls = [(arm, decoding, change, teaches_nothing(arm, change)) for arm, decoding, change in controls]
    return PAGE.format(
        shares=", ".join(CONFIG.get_config().data.sft.strategies).replace("=", " "),
        machine=stored["machine"],
        tokens="{1:,} tokens instead of {0:,}".format(*stored["tokens"].values()),
        passed=f"{sum(passed)} of {len(passed)} tests pass.",
        belief=BELIEVABLE if all(passed) else FAILED,
        control_verdict=HELD if all(held for *_, held in controls) else DRIFTED,
        questions=max(row["n"] for row in rows),
        seeds=f"{len(seeds)} seeds ({', '.join(map(str, seeds))})",
        samples=samples,
        arms=arm_table(rows, answers, samples),
        rise=RISE,
        share=f"{SHARE:.0%}",
        alpha=ALPHA,
        tests=test_table(keys, learned, adjusted, passed),
        gain=GAIN,
        controls=control_table(controls),
    )


def arm_table(rows: Sequence[Mapping], answers: Mapping, samples: int) -> str:
    """Return the table of the arms: accuracy by both decodings, by seed, strict format and careful answers."""
    lines = []
    for arm in answers:
        cells = [f"`{arm}`"]
        for decoding in DECODINGS:
            by_seed = [np.mean([*right.values()]) for right in scores(answers, arm, decoding, samples).values()]
            careful = np.mean([summary["careful"] for summary in answers[arm][decoding].values()])
            cells += [percent(np.mean(by_seed)), ", ".join(f"{100 * share:.1f}" for share in by_seed), percent(careful)]
        strict = [row["strict_rate"] for row in rows if row["arm"] == arm]
        lines.append([*cells, percent(np.mean(strict))])
    head = [f"{decoding}{column}" for decoding in DECODINGS for column in ("", ", by seed", ", careful")]
    return markdown_table(("arm", *head, "strict format"), lines) + "\n"


def test_table(
    keys: Sequence[tuple[str, str]],
    learned: Sequence[tuple[Change, float]],
    adjusted: Sequence[float],
    passed: Sequence[bool],
) -> str:
    """Return the table of the four tests."""
    lines = [
        [
            f"`{arm}`",
            decoding,
            *map(percent, (change.start, change.start + change.difference, ceiling)),
            f"{100 * change.difference:+.1f} ({interval(change.ci95)})",
            f"{headroom_won(change, ceiling):.0%}",
            f"{sum(seed > 0 for seed in change.seed_changes)} of {len(change.seed_changes)}",
            p_value(change.p),
            p_value(p),
            "yes" if passes_ else "no",
        ]
        for (arm, decoding), (change, ceiling), p, passes_ in zip(keys, learned, adjusted, passed, strict=True)
    ]
    head = ("arm", "decoding", "start", "end", "ceiling", "change", "headroom won", "seeds that rise", "p", "p (Holm)")
    return markdown_table((*head, "passes"), lines) + "\n"


def teaches_nothing(arm: str, change: Change) -> bool:
    """Whether a control passes: `inverted` by a fall over questions, `random` where no limit allows a gain."""
    if "inverted" in arm:
        return change.ci95[1] < 0
    over_questions, between_seeds = change.ci95, over_seeds(change.seed_changes)["ci"]
    return 100 * max(over_questions[1], (between_seeds or over_questions)[1]) < GAIN


def control_table(controls: Sequence[tuple[str, str, Change, bool]]) -> str:
    """Return the table of the rewards that should teach nothing."""
    lines = [
        [
            f"`{arm}`",
            decoding,
            f"{100 * change.difference:+.1f}",
            interval(change.ci95),
            interval(over_seeds(change.seed_changes)["ci"]),
            ", ".join(f"{100 * seed:+.1f}" for seed in change.seed_changes),
            "yes" if held else "no",
        ]
        for arm, decoding, change, held in controls
    ]
    head = ("arm", "decoding", "change", "95 % over questions", "95 % over seeds", "by seed", "passes")
    return markdown_table(head, lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page; return the exit status."""
    return run_entry_point(lambda: run(argv), "nothing was written")


def run(argv: Sequence[str] | None = None) -> None:
    """Copy what the page needs of a run, and write the page."""
    args = make_parser(__doc__, FOLDER).parse_args(argv)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    if args.workdir:
        stored, answers = collect(Path(args.workdir))
        write_json(out / "rows.json", {"machine": args.machine, **stored})
        write_json(out / "answers.json", answers)
    elif not (out / "rows.json").exists():
        raise UserError(f"--out={out} holds no copy of a run; name one with --workdir")
    stored = json.loads((out / "rows.json").read_text(encoding="utf-8"))
    answers = json.loads((out / "answers.json").read_text(encoding="utf-8"))
    trials = out / "trials.md"
    text = page(stored, answers)
    text += "\n" + trials.read_text(encoding="utf-8") if trials.exists() else ""
    (out / "README.md").write_text(text, encoding="utf-8")
    print(f"written: {out / 'README.md'}")


if __name__ == "__main__":
    sys.exit(main())
