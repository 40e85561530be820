r"""Prompt templates as data, the prompts they make and the gold completions they expect.

A completion has one labelled reasoning block and one labelled answer block that ends in a boxed letter:

    <think>
    Crushing pain and ST elevation point to infarction, so option B fits.
    </think>
    <answer>
    B. Myocardial infarction \boxed{B}
    </answer>

The source papers publish no prompt; the wording and the choice of `<think>/<answer>` for the modular arms are a
reconstruction. `<dx>/<conclusion>` are the tags of Clinical-R1 (arXiv 2512.00601), its prompt again a reconstruction;
`think_systems` has the same four parts in the tags of `think_answer`, for the embedded base, which cannot write `<dx>`
(docs/nano.md).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from alignment.common.registry import lookup
from alignment.errors import UserError
from alignment.record import Record

TURN_ENDS = ("<|im_end|>", "<|eot_id|>")  # of ChatML (Qwen2, SmolLM2) and of Llama 3; no vocabulary has both
END_TOKENS = (*TURN_ENDS, "<|endoftext|>", "<|end_of_text|>")
BOX = "\\boxed"
# Spelled out in a record, any of these would open, close or end a turn of the chat.
CHAT_TOKENS = ("<|im_start|>", "<|start_header_id|>", "<|end_header_id|>", *END_TOKENS)


@dataclasses.dataclass(frozen=True)
class Template:
    """The two blocks a completion must have and the words that ask for them."""

    name: str
    system: str
    instruction: str
    reasoning_tag: str
    answer_tag: str
    systems: tuple[str, ...] = ()  # labels of the parts that the reasoning block is to have
    open_instruction: str = ""  # of questions without options; "" takes that of lettered ones

    @property
    def literals(self) -> tuple[str, str, str, str]:
        """Opening and closing literal of the reasoning block, then of the answer block."""
        return (f"<{self.reasoning_tag}>", f"</{self.reasoning_tag}>", f"<{self.answer_tag}>", f"</{self.answer_tag}>")


TEMPLATES = {
    "think_answer": Template(
        name="think_answer",
        system="You are a careful clinician.",
        instruction=(
            "Reason step by step in <think></think>. Then, in <answer></answer>, name your choice and box its letter "
            "as \\boxed{letter}. Write nothing else."
        ),
        reasoning_tag="think",
        answer_tag="answer",
        open_instruction=(
            "Reason step by step in <think></think>. Then, in <answer></answer>, write your answer; box a number or a "
            "date as \\boxed{value}. Write nothing else."
        ),
    ),
    "dx_conclusion": Template(
        name="dx_conclusion",
        system="You are a careful clinician.",
        instruction=(
            "Write two sections only. In <dx></dx> give your first impression under (System 1: Intuitive), then check "
            "every option against the findings under (System 2: Analytical). In <conclusion></conclusion> justify your "
            "choice by the findings above and box its letter as \\boxed{letter}."
        ),
        reasoning_tag="dx",
        answer_tag="conclusion",
        open_instruction=(
            "Write two sections only. In <dx></dx> give your first impression under (System 1: Intuitive), then check "
            "it against the findings under (System 2: Analytical). In <conclusion></conclusion> write your answer; box "
            "a number or a date as \\boxed{value}."
        ),
        systems=("(System 1: Intuitive)", "(System 2: Analytical)"),
    ),
    "think_systems": Template(
        name="think_systems",
        system="You are a careful clinician.",
        instruction=(
            "Reason in <think></think>: first your impression under System 1, then every option against the findings "
            "under System 2. Then, in <answer></answer>, justify your choice by the findings above and box its letter "
            "as \\boxed{letter}. Write nothing else."
        ),
        open_instruction=(
            "Reason in <think></think>: first your impression under System 1, then check it against the findings under "
            "System 2. Then, in <answer></answer>, write your answer; box a number or a date as \\boxed{value}. Write "
            "nothing else."
        ),
        reasoning_tag="think",
        answer_tag="answer",
        systems=("System 1", "System 2"),
    ),
}


def get_template(name: str) -> Template:
    """Return the template called `name`, or raise `UserError` with the nearest known name."""
    return lookup(TEMPLATES, name, "prompt template (--config.prompt.template)")


def user_message(record: Record, template: Template) -> str:
    """Return the user's turn: instruction, context paragraphs if any, question, lettered options one a line."""
    options = [f"{letter}. {text}" for letter, text in record.options.items()]
    case = "\n".join((*record.context, record.question, *options))
    _refuse(record, "its question, context or options", case, CHAT_TOKENS)
    instruction = template.instruction if record.options else template.open_instruction or template.instruction
    return f"{instruction}\n\n{case}"


def messages(record: Record, template: Template) -> list[dict[str, str]]:
    """Return the prompt of `record` as chat messages: the system line, then the user's turn."""
    return [
        {"role": "system", "content": template.system},
        {"role": "user", "content": user_message(record, template)},
    ]


def cot_response(record: Record, template: Template) -> str:
    """Return the gold completion with the record's own chain of thought; it always parses as strict.

    Where the template asks for labelled parts and the chain of thought has none, its first line (or its first sentence,
    if it has only one line) becomes the first part and the rest the second: a reconstruction.

    Raises:
      UserError: the record has no chain of thought, or its text holds a tag or a chat token.
    """
    cot = (record.cot or "").strip()
    if not cot:
        raise UserError(f"record {record.id!r} has no chain of thought; give it a cot or leave it out of data.sft")
    _refuse(record, "its chain of thought", cot, template.literals + CHAT_TOKENS)
    labels = template.systems
    if labels and not any(label.split(":")[0].strip("(").lower() in cot.lower() for label in labels):
        first, mark, rest = cot.partition("\n") if "\n" in cot else cot.partition(". ")
        if rest.strip():
            cot = f"{labels[0]}\n{(first + mark).strip()}\n{labels[1]}\n{rest.strip()}"
    opening, closing = template.literals[:2]
    return f"{opening}\n{cot}\n{closing}\n{answer_response(record, template)}"


def answer_response(record: Record, template: Template) -> str:
    """Return the gold completion without reasoning: the answer block alone.

    Raises:
      UserError: the gold option's text holds a tag, a chat token or a box.
    """
    _refuse(record, "its gold option", record.gold_text, template.literals + CHAT_TOKENS + (BOX,))
    opening, closing = template.literals[2:]
    return f"{opening}\n{record.gold}. {record.gold_text} {BOX}{{{record.gold}}}\n{closing}"


def _refuse(record: Record, part: str, text: str, literals: Iterable[str]) -> None:
    for literal in literals:
        if literal in text:
            raise UserError(f"record {record.id!r}: {part} contains {literal!r}, which is markup here; remove it")
