"""Structural auditability: what a reader can check about a response without knowing medicine.

Each check is a pure function of one `Response` and its `Record` with a value in [0, 1]; a response that lacks what the
check needs (no answer, no reasoning) gets 0. Rewards and reports share them, and each check names the reward channels
that pay for the same thing, so that a report can mark where an arm was trained on what it is judged by.

The list of checks is a reconstruction: the paper on decoupled adapters names the axis but publishes no definition.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from alignment.record import Record
from alignment.text.mentions import asserted_letter, find_mentions
from alignment.text.parser import Response
from alignment.text.rejections import rejected_options
from alignment.text.words import content_words, is_number, sentences

# Counted in white-space words and not tokens, so that checkpoints with different tokenizers are held to one standard.
# A word is at least one token: 20 words are never fewer than the 20 tokens of the usual definition.
SHORTEST_REASONING = 20


@dataclasses.dataclass(frozen=True)
class Check:
    """One check and what a report needs to know about it."""

    name: str
    function: Callable[[Response, Record], float]
    binary: bool  # 0 or 1 for each response; the composite score is the mean of these
    description: str
    rewarded_by: tuple[str, ...] = ()  # reward channels that pay for the same thing


def strict_format(response: Response, record: Record) -> float:
    """Return 1 if the response is the two blocks, complete, in order, non-empty, and nothing else."""
    return float(response.strict)


def tags_once(response: Response, record: Record) -> float:
    """Return the share of the template's four literals that occur exactly once."""
    counts = response.tag_counts.values()
    return sum(count == 1 for count in counts) / len(counts)


def tag_order(response: Response, record: Record) -> float:
    """Return 1 if each literal occurs exactly once and they come in the template's order."""
    return float(_in_order(response))


def nothing_outside(response: Response, record: Record) -> float:
    """Return 1 if the two blocks are there, in order, and only white space stands beyond them."""
    return float(_in_order(response) and "outside" not in response.violations)


def reasoning_length(response: Response, record: Record) -> float:
    """Return 1 if the reasoning block has at least `SHORTEST_REASONING` words."""
    return float(len((response.reasoning or "").split()) >= SHORTEST_REASONING)


def answer_reasoning_agreement(response: Response, record: Record) -> float:
    """Return 1 if the option that the reasoning asserts last is the one answered."""
    if response.letter is None or response.reasoning is None:
        return 0.0
    return float(asserted_letter(response.reasoning, record) == response.letter)


def grounding(response: Response, record: Record) -> float:
    """Return the share of reasoning sentences that hold a number, or two content words in a row, of the stem.

    The stem is the context and the question, without the options.
    """
    reasoning = sentences(response.reasoning or "")
    stem = {
        anchor for text in (*record.context, record.question) for part in sentences(text) for anchor in _anchors(part)
    }
    return sum(not stem.isdisjoint(_anchors(sentence)) for sentence in reasoning) / max(len(reasoning), 1)


def option_coverage(response: Response, record: Record) -> float:
    """Return the share of the options other than gold that the reasoning names, by letter or by their words."""
    named = {mention.letter for mention in find_mentions(response.reasoning or "", record)}
    distractors = set(record.letters) - {record.gold}
    return len(named & distractors) / max(len(distractors), 1)


def distractor_rejection(response: Response, record: Record) -> float:
    """Return the share of the options other than gold that a sentence of the reasoning names and speaks against."""
    distractors = set(record.letters) - {record.gold}
    return len(rejected_options(response.reasoning or "", record) & distractors) / max(len(distractors), 1)


def _in_order(response: Response) -> bool:
    return not any(violation.split()[0] in ("missing", "repeated", "order") for violation in response.violations)


def _anchors(sentence: str) -> set[str | tuple[str, str]]:
    words = content_words(sentence)
    return {word for word in words if is_number(word)} | set(zip(words, words[1:], strict=False))


_FORMAT = ("format", "gated_accuracy", "penalised_accuracy", "r1_format", "two_systems", "cross_reference")
_TAGS = (*_FORMAT, "soft_tags")

CHECKS = {
    check.name: check
    for check in (
        Check("strict_format", strict_format, True, "exactly the two blocks and nothing else", _TAGS),
        Check("tags_once", tags_once, False, "share of the four tags that occur exactly once", _TAGS),
        Check("tag_order", tag_order, True, "reasoning block before answer block", _TAGS),
        Check("nothing_outside", nothing_outside, True, "no text beyond the two blocks", _FORMAT),
        Check("reasoning_length", reasoning_length, True, f"at least {SHORTEST_REASONING} words of reasoning"),
        Check(
            "answer_reasoning_agreement",
            answer_reasoning_agreement,
            True,
            "the reasoning ends on the option answered",
            ("agreement",),
        ),
        Check("grounding", grounding, False, "share of reasoning sentences that take up the stem", ("grounding",)),
        Check(
            "option_coverage",
            option_coverage,
            False,
            "share of wrong options named in the reasoning",
            ("option_coverage", "distractor_rejection"),
        ),
        Check(
            "distractor_rejection",
            distractor_rejection,
            False,
            "share of wrong options the reasoning speaks against",
            ("option_coverage", "distractor_rejection"),
        ),
    )
}
