"""Reward presets as data: channels, their weights, the source of both and what in them is a reconstruction."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

from alignment.common.registry import lookup
from alignment.errors import UserError


@dataclasses.dataclass(frozen=True)
class Weight:
    """The coefficient of one channel; with `anneal_until` it falls linearly to 0 over that share of the stage.

    `std_floor` is the least standard deviation that the normalisers `gdpo` and `batch` divide the channel by. The
    weighting `tri_factor` (`alignment/rewards/weightings/tri_factor.py`) reads target, floor and severity.
    """

    value: float
    anneal_until: float | None = None
    target: float = 1.0  # mean raw reward at which the channel counts as solved
    floor: float = 0.5  # a raw reward below it is a violation
    severity: float = 1.0  # of a violation: safety 3, correctness 1, format 0.5
    std_floor: float = 0.1  # in units of the channel, most of which lie between 0 and 1

    def at(self, progress: float) -> float:
        """Return the coefficient when `progress` (0 to 1) of the stage is done."""
        if self.anneal_until is None:
            return self.value
        return self.value * max(0.0, 1.0 - progress / self.anneal_until)


@dataclasses.dataclass(frozen=True)
class Preset(Mapping[str, Weight]):
    """The weights of a reward by channel, with its paper and section and what in it is a reconstruction.

    `std_floor` is the least standard deviation of the total reward that an advantage is divided by
    (`alignment/objectives/advantages.py`); 0 is the published formula.
    """

    weights: Mapping[str, Weight]
    source: str
    reconstruction: str
    std_floor: float = 0.1

    def __getitem__(self, name: str) -> Weight:
        return self.weights[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.weights)

    def __len__(self) -> int:
        return len(self.weights)


_DETECTORS = "how the option, System 1 and 2, the cross-reference and effective characters are detected, and the prompt"

PRESETS: dict[str, Preset] = {
    "decoupled_v1": Preset(
        {
            "accuracy": Weight(2.0),
            "format": Weight(0.5, severity=0.5),
            "soft_tags": Weight(0.25, anneal_until=0.2, severity=0.5),
            "repetition": Weight(0.25, target=0.0, floor=-0.5, severity=0.5),
        },
        source="Decoupling Reasoning and Reward (medRxiv 2026.03.12.26348283), abstract: it publishes no reward",
        # Accuracy has the largest weight, because small models otherwise learn the format alone.
        reconstruction="all of it: channels, definitions and weights",
    ),
    # k * r_acc + r_CR + 0.5 * r_cons with k = 10 and r_CR in {0, 1, 1.5}: at most 12.
    "crpo": Preset(
        {
            "crpo_accuracy": Weight(10.0),
            "two_systems": Weight(1.0, severity=0.5),
            "cross_reference": Weight(0.5),
            "effective_ratio": Weight(0.5, floor=0.9, severity=0.5),
        },
        source="Clinical-R1 / CRPO (arXiv 2512.00601), section 3, equations 3 and 4; for the template dx_conclusion",
        reconstruction=_DETECTORS,
        std_floor=0.0,
    ),
    "grpo_r1": Preset(
        {
            "r1_accuracy": Weight(10.0),
            "r1_format": Weight(1.0, target=1.5, severity=0.5),
            "effective_ratio": Weight(0.5, floor=0.9, severity=0.5),
        },
        source="the GRPO baseline of Clinical-R1 (arXiv 2512.00601) as its code of April 2025 computes it",
        reconstruction="tags that occur twice fail, although the released expression lets them through",
        std_floor=0.0,
    ),
    "gated": Preset(
        {"gated_accuracy": Weight(1.0)},
        source="MedVLThinker, released code: accuracy gated by the strict format",
        reconstruction="the strict format is this project's own definition",
    ),
    "penalised": Preset(
        {"penalised_accuracy": Weight(1.0)},
        source="Med-RLVR (arXiv 2502.19655), reward: -1 bad format, 1 right, 0 wrong",
        reconstruction="the strict format is this project's own definition",
    ),
    # Controls: what a reward that says nothing, one that pays for wrong answers, and one that pays for form alone, make
    # of a policy.
    "format_only": Preset(
        {"format": Weight(1.0, severity=0.5)},
        source="Spurious Rewards (arXiv 2506.10947), after its format reward",
        reconstruction="the strict format is this project's own definition; the paper pays for a boxed answer",
    ),
    "random": Preset(
        {"random": Weight(1.0)},
        source="Spurious Rewards (arXiv 2506.10947), its random reward with probability 0.5",
        reconstruction="nothing but the draws, which are functions of seed, step and record",
    ),
    "inverted": Preset(
        {"accuracy": Weight(-1.0)},
        source="Spurious Rewards (arXiv 2506.10947), after its incorrect reward",
        reconstruction="every wrong answer is paid alike; the paper pays the wrong answer of a majority vote",
    ),
    # For grpo.normaliser=rfn and grpo.weighting=tri_factor. Online feedback, Quark's fourth category, needs a log of
    # preferences and is not part of the preset.
    "quark": Preset(
        {
            "accuracy": Weight(1.0, target=0.8),
            "agreement": Weight(1.0, target=0.95),
            "grounding": Weight(1.0, target=0.8, floor=0.25),
            "assertions": Weight(1.0, target=0.95, floor=0.0),
            "contraindication_safety": Weight(1.0, severity=3.0),
            "compliance": Weight(1.0, floor=1.0, severity=3.0),
            "format": Weight(1.0, severity=0.5),
            "repetition": Weight(1.0, target=0.0, floor=-0.5, severity=0.5),
        },
        source="Quark Medical Alignment (arXiv 2602.11661), abstract: categories of metrics and three named factors",
        reconstruction="every channel, target, floor and severity; the paper publishes no formula",
    ),
}


def get_preset(name: str, extra: Sequence[str] = ()) -> Mapping[str, Weight]:
    """Return the weights of the preset called `name`, to which the entries of `extra` add or which they replace.

    Args:
      name: a key of `PRESETS`.
      extra: entries "channel=weight" or "channel=weight@target"; a channel may be the dotted path of a user's function.
        Fields that an entry does not set (target, floor, severity) are those of the preset, else those of `quark`.

    Raises:
      UserError: an unknown preset, with the nearest known name, or an entry of another form.
    """
    preset = lookup(PRESETS, name, "reward preset (--config.grpo.reward)")
    known = {**PRESETS["quark"], **preset}
    return {**preset, **dict(_parse(entry, known) for entry in extra)} if extra else preset


def _parse(entry: str, known: Mapping[str, Weight]) -> tuple[str, Weight]:
    channel, _, numbers = entry.rpartition("=")
    channel, (value, at, target) = channel.strip(), numbers.partition("@")
    try:
        changed = {"value": float(value)} | ({"target": float(target)} if at else {})
        valid = bool(channel) and all(map(math.isfinite, changed.values()))
    except ValueError:
        valid = False
    if not valid:
        raise UserError(
            f"--config.grpo.channels: {entry!r} is not of the form channel=weight or channel=weight@target, such as "
            "overlong=0.5"
        )
    return channel, dataclasses.replace(known.get(channel, Weight(0.0)), **changed)
