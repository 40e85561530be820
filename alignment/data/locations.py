"""Where rows come from: a file or a data set of the Hugging Face Hub, with choices after a question mark.

train.jsonl                                        a file (.jsonl, .json, .csv or .parquet), wherever epath reads
pqal.json?keep=test                                of it, the records of one split
hf://openlifescienceai/medmcqa?split=validation    the Hub (`alignment.hub`)
hf://cais/mmlu?name=anatomy&split=test             one configuration of it
"""

from __future__ import annotations

import dataclasses
import re
from urllib.parse import parse_qsl

from alignment.errors import UserError

HUB = "hf://"
SPLITS = ("train", "validation", "valid", "val", "dev", "test")


@dataclasses.dataclass(frozen=True)
class Location:
    """A path with the choices that may follow it as `?choice=value&choice=value`."""

    path: str  # of a file, or "hf://owner/data"
    name: str = ""  # configuration of a Hub data set
    split: str = ""  # which split of the Hub to read; of a file, what its rows are
    revision: str = ""  # commit or tag of a Hub data set
    keep: str = ""  # keep only the records whose own split is this one
    cop: str = ""  # MedMCQA: "0" or "1", what `cop` counts from
    refuse: float = 0.05  # largest share of rows that may be refused before the file as a whole is
    equal_options: str = ""  # "keep": a row whose options have equal texts is a record too

    @property
    def on_hub(self) -> bool:
        """Whether the rows come from the Hugging Face Hub."""
        return self.path.startswith(HUB)

    @property
    def stated_split(self) -> str:
        """The split that is chosen, or the one word of the file's name that names a split; "" where there is none."""
        if self.split or self.on_hub:
            return self.split or "train"
        words = re.split(r"[^a-z]+", self.path.lower().rsplit("/", 1)[-1])
        named = [word for word in words if word in SPLITS]
        return named[0] if len(named) == 1 else ""


def keep_equal_options(text: str) -> str:
    """Return the location `text` with `equal_options=keep`, under which a benchmark is read whole."""
    return text if "equal_options=" in text else f"{text}{'&' if '?' in text else '?'}equal_options=keep"


CHOICES = tuple(field.name for field in dataclasses.fields(Location))[1:]


def parse_location(text: str) -> Location:
    """Return the location that `text` names; raises `UserError` for a choice that is unknown, twice or has no value."""
    path, _, query = text.partition("?")
    choices: dict[str, str | float] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in CHOICES or name in choices or not value:
            raise UserError(f"{text}: '{name}={value}' after '?'; known, once each: {', '.join(CHOICES)}")
        choices[name] = value
    if choices.get("equal_options", "keep") != "keep":
        raise UserError(
            f"{text}: equal_options={choices['equal_options']}; it is keep, or left out to refuse such rows"
        )
    if "refuse" in choices:
        try:
            share = float(choices["refuse"])
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            raise UserError(f"{text}: refuse={choices['refuse']} is not a share between 0 and 1")
        choices["refuse"] = share
    return Location(path, **choices)
