"""The vignettes and the prose that the embedded base was taught with never move, whatever is added around them."""

from __future__ import annotations

import hashlib

import pytest

from alignment.data.ids import fingerprint
from alignment.data.vignettes import generate
from alignment.knowledge.prose import documents

# The embedded base, the demonstration and every figure printed in docs/nano.md stand on exactly these bits.
RECORDS = {
    (400, "eval"): "48df2d8c3a9bbd8c8a936db155da428344b04541c0a9a40d01f3cca58012091b",
    (200, "train"): "85420c2ca31956020656101647fa94a68a2474e7368b4240b9aabb9697e5d7dc",
}
PROSE = "1e7f343f1b48ca0576b5619fa899ecd03bc95833afa73f52fd999f2f31dea937"


@pytest.mark.parametrize(("count", "split"), RECORDS)
def test_the_default_vignettes_keep_every_bit(count, split):
    assert fingerprint(generate(count, seed=0, split=split)) == RECORDS[count, split]


def test_the_pretraining_prose_keeps_every_bit():
    assert hashlib.sha256("\n\n".join(documents(500, seed=0)).encode()).hexdigest() == PROSE
