"""Machines by name, for estimates of a run on one that is not at hand: memory and rates that their makers state."""

from __future__ import annotations

from typing import NamedTuple

GIB, TERA, GIGA = 2**30, 1e12, 1e9


class Machine(NamedTuple):
    """One device, and what it does at best."""

    label: str  # its name; "" for the machine at hand
    memory: float  # bytes
    products: float  # operations a second of matrix products
    reads: float  # bytes a second out of its memory


def _chip(label: str, gib: int, tera: float, giga: float) -> Machine:
    return Machine(label, gib * GIB, tera * TERA, giga * GIGA)


# One chip each, by NVIDIA's data sheets (dense bfloat16, SXM modules) and cloud.google.com/tpu/docs.
MACHINES = {
    chip.label: chip
    for chip in (
        _chip("l4", 24, 121, 300),
        _chip("rtx4090", 24, 165, 1008),
        _chip("a100-40gb", 40, 312, 1555),
        _chip("a100-80gb", 80, 312, 2039),
        _chip("h100", 80, 989, 3350),
        _chip("h200", 141, 989, 4800),
        _chip("v4", 32, 275, 1228),
        _chip("v5e", 16, 197, 819),
        _chip("v5p", 95, 459, 2765),
        _chip("v6e", 32, 918, 1640),
    )
}
