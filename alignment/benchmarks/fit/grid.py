"""The programs to compile: sizes of Qwen2.5, TPU chips, group sizes, lengths, and ways to compute the update."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from alignment.benchmarks.setting import Setting, Size
from alignment.errors import UserError


class Model(NamedTuple):
    """A Qwen2.5 by its sizes."""

    size: Size
    tied: bool  # the head is the embedding


class Way(NamedTuple):
    """One way to compute the update."""

    shared: bool  # a prompt is computed once a group
    head: str  # an implementation of `kernels.linear_logprob`
    remat: bool  # a layer is computed again in the backward pass


# As in the `config.json` of each Qwen2.5-Instruct.
SIZES = {
    "0.5b": Model(Size(896, 24, 14, 2, 4864, 151_936), True),
    "1.5b": Model(Size(1536, 28, 12, 2, 8960, 151_936), True),
    "3b": Model(Size(2048, 36, 16, 2, 11_008, 151_936), True),
    "7b": Model(Size(3584, 28, 28, 4, 18_944, 152_064), False),
}
# Name of a topology and how its chips are set up: both cores of a v4 work as one device, as they do by default.
CHIPS: dict[str, tuple[str, dict[str, Any]]] = {
    "v4": ("v4:2x2x1", {"chip_config_name": "megacore"}),
    "v5e": ("v5e:2x2", {}),
    "v5p": ("v5p:2x2x1", {}),
    "v6e": ("v6e:2x2", {}),
}
WAYS = {
    "ours": Way(True, "xla", True),
    "pallas_head": Way(True, "pallas_tpu", True),
    "no_remat": Way(True, "xla", False),
    "plain": Way(False, "reference", True),
}


@dataclasses.dataclass(frozen=True)
class Program:
    """One update on one chip: bfloat16 weights, LoRA of rank 16 on all seven projections, full lengths."""

    chip: str
    size: str
    group: int
    length: int  # tokens of a prompt, and of a completion
    way: str = "ours"
    prompts: int = 1

    @property
    def setting(self) -> Setting:
        """The setting of the suite `update` that this program computes."""
        model, lengths = SIZES[self.size], (self.length, self.length)
        options = {"dtype": "bfloat16", "tied": model.tied, "remat": WAYS[self.way].remat}
        return Setting("update", model.size, self.prompts, self.group, *lengths, **options)


def make_grid(chips: str, sizes: str, groups: str, lengths: str) -> list[Program]:
    """Return every combination of the comma-separated values of four flags, at one prompt; chips change fastest.

    Raises:
      UserError: a chip or size is unknown, or a group size or length is no positive whole number.
    """
    names = _names("sizes", sizes, SIZES), _names("chips", chips, CHIPS)
    numbers = _numbers("groups", groups), _numbers("lengths", lengths)
    return [
        Program(chip, size, group, length)
        for length in numbers[1]
        for group in numbers[0]
        for size in names[0]
        for chip in names[1]
    ]


def check_ways(names: tuple[str, ...]) -> None:
    """Raise `UserError` where `--against` names an unknown way."""
    others = [name for name in WAYS if name != "ours"]
    for name in names:
        if name not in others:
            raise UserError(f"--against={name}: the suite fit compiles beside {', '.join(others)} only")


def _names(flag: str, text: str, known: dict) -> list[str]:
    names = [name for name in text.split(",") if name]
    for name in names or [text]:
        if name not in known:
            raise UserError(f"--{flag}={name}: there is none of that name; use some of {','.join(known)}")
    return names


def _numbers(flag: str, text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = [0]
    if min(numbers) < 1:
        raise UserError(f"--{flag}={text}: write whole numbers from 1 on, separated by commas")
    return numbers
