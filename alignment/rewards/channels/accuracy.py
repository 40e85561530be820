"""Accuracy, alone or together with the strict format."""

from __future__ import annotations

from alignment.record import Record
from alignment.rewards.registry import channel, each
from alignment.text.parser import Response


@channel("accuracy")
@each
def accuracy(response: Response, record: Record) -> float:
    """1 where the one option that the answer block affirms is the gold one, else 0 (the strict reading)."""
    return float(response.letter == record.gold)


@channel("gated_accuracy")
@each
def gated_accuracy(response: Response, record: Record) -> float:
    """1 where the answer is right and the format strict, else 0 (MedVLThinker's released code)."""
    return float(response.strict and response.letter == record.gold)


@channel("penalised_accuracy")
@each
def penalised_accuracy(response: Response, record: Record) -> float:
    """-1 where the format is not strict, else 1 for a right and 0 for a wrong answer (Med-RLVR, 2502.19655)."""
    return float(response.letter == record.gold) if response.strict else -1.0
