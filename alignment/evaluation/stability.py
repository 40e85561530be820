"""Whether reward training was stable, computed from the metric rows of one GRPO run; a reconstruction.

A run has T steps; r_t is `reward/mean`. Windows grow with the run, up to the definition's own length where it has one:

    sustained  w = min(20, max(3, ceil(T / 10)))    steps that must agree in a row; 20 from T = 191 on
    tail           max(3, ceil(T / 10))             the last tenth
    fifth          max(1, floor(T / 5))             the first and the last fifth

(never more than T). Reward is smoothed as E_1 = r_1, E_t = 0.9 E_{t-1} + 0.1 r_t, in runs of every length, so that
the drawdowns of different runs can be compared.

*Drawdown* is max_t (max_{s<=t} E_s - E_t) / max(range, 1e-8). The range is that of single completions over the whole
run, highest `reward/max` minus lowest `reward/min`; dividing by the best mean instead would depend on where a reward
puts its zero and explode for rewards around it. A drawdown of 0.5
means that half of the distance between the worst completion and the best was lost.

*Collapsed* means something was lost, by any of: drawdown above 0.5; strict format below 0.5 over the tail after it had
been there; mean length below a tenth of its mean over the first w steps, for w steps; truncation above 0.5 for w steps
after it had been lower; entropy below 0.05 nat while over 0.9 of the groups have zero variance, for w steps; a value
that is not finite. *Never learned* is an arm whose strict format was below 0.5 at its first step, in the mean of every
w steps and of the tail: it had nothing to lose and does not count as collapsed (unless a value is not finite).
*Harmed* is a run that ends worse than it began, whatever its reward did: the training accuracy or the strict format of
the last fifth lies below that of the first by more than 0.03 and 2 standard errors. A reward may rise all the while.
The verdict on the answers (`verdicts`) looks for the same on held-out questions.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from alignment.evaluation.statistics import mean_change
from alignment.metric_schema import METRICS

Row = Mapping[str, float | None]

SMOOTHING = 0.9
GUARD = 1e-8
MAX_DRAWDOWN = 0.5
MIN_STRICT = 0.5
MIN_LENGTH = 0.1  # of the length at the start
MAX_TRUNCATED = 0.5
MIN_ENTROPY = 0.05  # nat a token
MAX_ZERO_VARIANCE = 0.9
SPIKE = 5.0  # times the running median
MAX_FALL = 0.03  # of a share between the first and the last fifth
CLEAR = 2.0  # standard errors beyond which a change is one
WATCHED = ("loss", "grad_norm", "reward/mean", "kl/mean", "entropy/mean")  # must be finite in every row that has them
KEYS = tuple(name for name in METRICS["stability"] if name != "watch")  # which the monitor adds


def stability(rows: Sequence[Row] | None) -> dict:
    """Summarise the metric rows of one GRPO run, in the order of their steps, under the names in `KEYS`.

    Every value is None for an arm without GRPO (no rows); single values are None where the rows lack what they need.
    `reasons` names in words every condition that was met, also for an arm that never learned.
    """
    if not rows:
        return dict.fromkeys(KEYS)
    drawdown = reward_drawdown(rows)
    broken = []
    for name in WATCHED:
        bad = [row for row in rows if name in row and not _finite(row[name])]
        broken += [f"{name} is not finite from step {bad[0].get('step', '?')}"] if bad else []
    learned = _had_format(rows)
    lost = _losses(rows, drawdown)
    never = learned is False and not broken
    magnitudes = _magnitudes(rows)
    fell = _falls(magnitudes)
    reasons = broken + (["the strict format never reached half of the completions"] if never else []) + lost + fell
    return {
        "collapsed": bool(broken) or (bool(lost) and not never),
        "never_learned": never,
        "harmed": bool(fell),
        "reasons": reasons,
        "reward_drawdown": drawdown,
        **magnitudes,
    }


def is_harmed(row: Mapping) -> bool:
    """Whether a results row ended worse than its reward stage began, in training or by a verdict on its answers."""
    return bool(row.get("harmed")) or "harmed" in (row.get("verdicts") or {}).values()


def windows(steps: int) -> dict[str, int]:
    """Return the lengths in steps of the windows `sustained`, `tail` and `fifth` for a run of `steps` steps."""
    tenth = max(3, math.ceil(steps / 10))
    return {"sustained": min(20, tenth, steps), "tail": min(tenth, steps), "fifth": max(1, steps // 5)}


def smooth(values: Sequence[float], decay: float = SMOOTHING) -> list[float]:
    """Return the exponential moving average of `values` [T], started at the first value."""
    smoothed: list[float] = []
    for value in values:
        smoothed.append(decay * smoothed[-1] + (1 - decay) * value if smoothed else value)
    return smoothed


def reward_drawdown(rows: Sequence[Row]) -> float | None:
    """Return the largest fall of the smoothed reward from its best so far, as a share of the reward's range."""
    reward = smooth(_series(rows, "reward/mean"))
    if not reward:
        return None
    fall = float(np.max(np.maximum.accumulate(reward) - reward))
    low, high = _reward_range(rows)
    return fall / max(high - low, GUARD)


def grad_spikes(norms: Sequence[float]) -> int:
    """Count the steps whose gradient norm exceeds 5 times the median of the steps before it.

    The median runs over the preceding max(5, ceil(T / 5)) steps, and the first 5 steps are not judged.
    """
    span = max(5, math.ceil(len(norms) / 5))
    return sum(norms[t] > SPIKE * float(np.median(norms[max(0, t - span) : t])) for t in range(5, len(norms)))


def _magnitudes(rows: Sequence[Row]) -> dict:
    reward, kl = _series(rows, "reward/mean"), _series(rows, "kl/mean")
    norms = _series(rows, "grad_norm")
    change, right = _change(reward), _change(_series(rows, "reward/accuracy") or _series(rows, "reward/crpo_accuracy"))
    strict = _change(_series(rows, "completion/strict"))
    late = reward[-windows(len(reward))["fifth"] :]
    clipped = [_mean(_series(rows, name)) for name in ("clip/low", "clip/high")]
    return {
        "steps": len(rows),
        "reward_change": change[0],
        "reward_change_se": change[1],
        "accuracy_change": right[0],
        "accuracy_change_se": right[1],
        "strict_change": strict[0],
        "strict_change_se": strict[1],
        "steps_to_90": _steps_to_90(rows),
        "late_reward_std": float(np.std(late, ddof=1)) if len(late) > 1 else None,
        "kl_peak": max(kl, default=None),
        "kl_final": kl[-1] if kl else None,
        "grad_spikes": grad_spikes(norms) if norms else None,
        "clip_fraction": None if None in clipped else sum(clipped),
        "zero_variance": _mean(_series(rows, "groups/zero_variance")),
    }


def _falls(magnitudes: Mapping[str, float | None]) -> list[str]:
    """Which of accuracy and strict format ended below their beginning, in words."""
    names = {"accuracy": "training accuracy", "strict": "strict format"}
    changes = {words: (magnitudes[f"{name}_change"], magnitudes[f"{name}_change_se"]) for name, words in names.items()}
    return [
        f"{words} ended {-100 * change:.0f} points below its beginning"
        for words, (change, error) in changes.items()
        if error is not None and change < -max(MAX_FALL, CLEAR * error)
    ]


def _change(series: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean of the last fifth minus that of the first, and its standard error."""
    fifth = windows(len(series))["fifth"]
    return mean_change(series[:fifth], series[-fifth:]) if len(series) > 1 else (None, None)


def _steps_to_90(rows: Sequence[Row]) -> int | None:
    """First step whose smoothed reward, above the lowest reward seen, is 90 % of the best one; 1-based."""
    reward = smooth(_series(rows, "reward/mean"))
    if not reward:
        return None
    low, _ = _reward_range(rows)
    goal = 0.9 * (max(reward) - low)
    return next(step for step, value in enumerate(reward, start=1) if value - low >= goal)


def _reward_range(rows: Sequence[Row]) -> tuple[float, float]:
    """Lowest and highest reward of any completion; of the means where rows do not carry the extremes."""
    means = _series(rows, "reward/mean")
    return min(_series(rows, "reward/min") + means), max(_series(rows, "reward/max") + means)


def _losses(rows: Sequence[Row], drawdown: float | None) -> list[str]:
    """What was lost in the course of the run, one phrase for each condition that was met."""
    size = windows(len(rows))
    w = size["sustained"]
    strict, length = _series(rows, "completion/strict"), _series(rows, "completion/length_mean")
    reasons = []
    if drawdown is not None and drawdown > MAX_DRAWDOWN:
        reasons.append(f"reward fell by {drawdown:.0%} of its range")
    if _had_format(rows) and np.mean(strict[-size["tail"] :]) < MIN_STRICT:
        reasons.append(f"strict format lost: {np.mean(strict[-size['tail'] :]):.0%} over the last {size['tail']} steps")
    if length and _sustained(rows, w, _below("completion/length_mean", MIN_LENGTH * float(np.mean(length[:w])))):
        reasons.append(f"completions under a tenth of their first length for {w} steps")
    lower = _below("completion/truncated", MAX_TRUNCATED, inclusive=True)  # truncation counts after the first such row
    start = next((t for t, row in enumerate(rows) if lower(row)), len(rows))
    if _sustained(rows[start:], w, _above("completion/truncated", MAX_TRUNCATED)):
        reasons.append(f"over half of the completions truncated for {w} steps")
    if _sustained(rows, w, _below("entropy/mean", MIN_ENTROPY), _above("groups/zero_variance", MAX_ZERO_VARIANCE)):
        reasons.append(f"entropy and group variance gone for {w} steps")
    return reasons


def _had_format(rows: Sequence[Row]) -> bool | None:
    """Whether half of the completions ever were strict: at the first step, over w steps, or over the tail."""
    strict = _series(rows, "completion/strict")
    if not strict:
        return None
    size = windows(len(strict))
    w = size["sustained"]
    means = [float(np.mean(strict[t : t + w])) for t in range(len(strict) - w + 1)]
    return max(strict[0], *means, float(np.mean(strict[-size["tail"] :]))) >= MIN_STRICT


def _sustained(rows: Sequence[Row], count: int, *conditions: Callable[[Row], bool]) -> bool:
    """Whether `count` rows in a row meet all conditions."""
    run = 0
    for row in rows:
        run = run + 1 if all(condition(row) for condition in conditions) else 0
        if run == count:
            return True
    return False


def _below(name: str, bound: float, inclusive: bool = False) -> Callable[[Row], bool]:
    return lambda row: _finite(row.get(name)) and (row[name] < bound or (inclusive and row[name] == bound))


def _above(name: str, bound: float) -> Callable[[Row], bool]:
    return lambda row: _finite(row.get(name)) and row[name] > bound


def _series(rows: Sequence[Row], name: str) -> list[float]:
    return [float(row[name]) for row in rows if _finite(row.get(name))]


def _finite(value: object) -> bool:
    return isinstance(value, numbers.Real) and math.isfinite(value)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
