"""The results table: its columns, the format of its numbers, and the table as plain text."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from alignment.common.tables import text_table
from alignment.evaluation.stability import is_harmed

Row = Mapping
NONE = "–"


def percent(value: float | None) -> str:
    """Format a share as percent with one decimal; None as a dash."""
    return NONE if value is None else f"{100 * value:.1f} %"


def percent_interval(interval: Sequence[float] | None) -> str:
    """Format an interval of shares in percent, "" where there is none."""
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}" if interval else ""


def number(value: float | None) -> str:
    """Format a number with three significant digits; None as a dash."""
    return NONE if value is None else f"{value:.3g}"


def whole(value: int | None) -> str:
    """Format a whole number; None as a dash."""
    return NONE if value is None else str(value)


def p_value(value: float) -> str:
    """Format a p value with three decimals; below 0.001 as that bound."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def signed(value: float | None) -> str:
    """Format a number with its sign and three decimals; None as a dash."""
    return NONE if value is None else f"{value:+.3f}"


def points(share: float | None) -> str:
    """Format a change of a share in points, with its sign; None as a dash."""
    return NONE if share is None else f"{100 * share:+.1f}"


def status(row: Row) -> str:
    """Return the outcome of a row's reward stage in two or three words."""
    if row.get("collapsed") is None:
        return "no reward stage"
    if row["collapsed"]:
        return "collapsed"
    if is_harmed(row):
        return "harmed"
    if row.get("never_learned"):
        return "never learned"
    return "not powered" if set((row.get("verdicts") or {}).values()) == {"not powered"} else "no collapse seen"


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: the row's key, a heading, a line of explanation, and the formats of a value and of its error."""

    key: str
    title: str
    about: str
    show: Callable[[float | None], str] = percent
    interval: str | None = None  # key of a 95 % interval of shares
    error: str | None = None  # key of a standard error
    chance: str | None = None  # key of what a guesser gets

    def text(self, row: Row) -> str:
        """Return the value as text."""
        return self.show(row.get(self.key))

    def spread(self, row: Row) -> str:
        """Return the interval or the standard error as text, with a guesser's share where there is one; "" for none."""
        if self.interval:
            guess = row.get(self.chance) if self.chance else None
            guessing = "" if guess is None else f" (guess {100 * guess:.1f})"
            return percent_interval(row.get(self.interval)) + guessing
        value = row.get(self.error) if self.error else None
        return "" if value is None else f"± {value:.3f}"


COLUMNS = (
    Column(
        "accuracy",
        "accuracy",
        "the answer block affirms the right letter; a response without a letter is wrong. Wilson 95 % interval",
        interval="accuracy_ci95",
    ),
    Column(
        "sampled_accuracy",
        "sampled acc.",
        "share of right answers among k samples a question at the temperature of training. Bootstrap interval",
        interval="sampled_accuracy_ci95",
    ),
    Column(
        "pass_at_k",
        "pass@k",
        "one of the k samples of a question is right; stands beside what a guesser gets",
        interval="pass_at_k_ci95",
        chance="pass_at_k_chance",
    ),
    Column(
        "majority_at_k",
        "majority@k",
        "the most frequent letter of the k samples is right",
        interval="majority_at_k_ci95",
    ),
    Column(
        "lenient_accuracy",
        "lenient acc.",
        "the right letter is affirmed anywhere in the response; never part of a reward",
        interval="lenient_accuracy_ci95",
    ),
    Column(
        "likelihood_accuracy",
        "acc. by likelihood",
        "the gold option's text has the highest log-probability, whatever is written; a tie is wrong",
        interval="likelihood_accuracy_ci95",
    ),
    Column("valid_rate", "valid", "the answer block affirms one letter", interval="valid_rate_ci95"),
    Column(
        "accuracy_given_valid",
        "acc. if valid",
        "accuracy among valid answers; flatters arms that often fail the format",
    ),
    Column("strict_rate", "strict format", "the two blocks and nothing else", interval="strict_rate_ci95"),
    Column(
        "auditability", "auditability", "mean of the binary checks. Bootstrap interval", interval="auditability_ci95"
    ),
    Column("auditability_wrong_only", "… if wrong", "auditability of the wrong answers alone"),
    Column(
        "reward_change",
        "reward change",
        "last fifth of steps minus the first, ± standard error (a lower bound: steps are not independent)",
        signed,
        error="reward_change_se",
    ),
    Column("reward_drawdown", "drawdown", "largest fall of the smoothed reward, as a share of the reward's range"),
    Column("kl_peak", "KL peak", "largest mean k3 of a step, nat a token", number),
    Column("grad_spikes", "spikes", "steps whose gradient norm exceeds 5 x the running median", whole),
)


# The printed table has to fit a terminal; the report shows every column and interval.
PRINTED = ("accuracy", "sampled_accuracy", "strict_rate", "auditability", "reward_drawdown", "kl_peak")


def columns_of(rows: Sequence[Row], among: Sequence[Column] = COLUMNS) -> list[Column]:
    """Return the columns that have a value in any of the rows."""
    return [column for column in among if any(row.get(column.key) is not None for row in rows)]


def results_table(rows: Sequence[Row]) -> str:
    """Return the results as aligned plain text, one line an arm and seed, to print at the end of a run."""
    columns = columns_of(rows, [column for column in COLUMNS if column.key in PRINTED])
    head = ["arm", "seed", *(column.title for column in columns), "reward stage"]
    body = []
    for row in rows:
        cells = [column.text(row) for column in columns]
        if spread := columns[0].spread(row):  # the interval of the accuracy alone
            cells[0] += f" ({spread})"
        body.append([row["arm"], str(row["seed"]), *cells, status(row)])
    return text_table([head, *body], rule=True)


def answers_table(answers: Sequence[Row]) -> str:
    """Return the answers to the registered hypotheses as plain text, each with its reason; "" where there are none."""
    return "\n".join(f"{answer['name']}: {answer['answer']}: {answer['reason']}" for answer in answers)


def verdicts_table(verdicts: Sequence[Row]) -> str:
    """Return the verdicts over all seeds as aligned plain text, and why an arm was harmed or not powered.

    "" where there are no verdicts.
    """
    head = ["arm", "decoding", "change", "95 % interval", "p (Holm)", "headroom won", "verdict"]
    body, reasons = [], []
    for verdict in verdicts:
        if verdict["seed"] is None:
            interval = " to ".join(map(points, verdict["ci95"])) if verdict["ci95"] else NONE
            numbers = [
                points(verdict["change"]),
                interval,
                p_value(verdict["p_holm"]),
                percent(verdict["headroom_won"]),
            ]
            body.append([verdict["arm"], verdict["decoding"], *numbers, verdict["verdict"]])
            if verdict["verdict"] in ("harmed", "not powered", "withheld"):
                reasons.append(f"{verdict['arm']}, {verdict['decoding']}: {verdict['verdict']}: {verdict['reason']}")
    return "\n".join([text_table([head, *body], rule=True), *reasons]) if body else ""
