"""200,000 records are cleaned within 4 GB, and exactly what was planted goes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import dataclasses, json, resource
import numpy as np
from alignment.data.hygiene import HygieneConfig, clean
from alignment.record import Record

SIZE, PLANTED = 200_000, 1000
rng = np.random.default_rng(0)
words = np.array([f"w{number}" for number in range(20_000)])
drawn = words[rng.zipf(1.3, (SIZE + 3000, 150)) % len(words)]
made = [
    Record(f"{n}", "made", " ".join(row[:90]), {"A": row[90], "B": row[91], "C": "yes"}, "C", cot=" ".join(row[92:]))
    for n, row in enumerate(drawn.tolist())
]
del drawn
records, tests = made[:SIZE], made[SIZE:]
for n in range(PLANTED):
    near = records[n + PLANTED].question.split()
    near[45] = "changed"
    leak = records[n + 2 * PLANTED].question.split()
    leak[10:40] = tests[n].question.split()[20:50]
    changes = (records[n].question.upper(), n), (" ".join(near), n + PLANTED), (" ".join(leak), n + 2 * PLANTED)
    for place, (question, source) in zip((SIZE - 1 - n, SIZE - 1 - n - PLANTED, n + 2 * PLANTED), changes):
        records[place] = dataclasses.replace(records[source], id=f"planted {place}", question=question)
cleaned = clean(records, {"exam": tests}, HygieneConfig(characters=200))
print(json.dumps({
    "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    "planted": sum(item.record.id.startswith("planted") for item in cleaned.removals),
    "others": sum(not item.record.id.startswith("planted") for item in cleaned.removals),
}))
"""


@pytest.mark.long
def test_two_hundred_thousand_records():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout)
    print(figures)
    assert (figures["planted"], figures["others"]) == (3000, 0)
    assert figures["gigabytes"] < 4
