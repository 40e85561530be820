from __future__ import annotations

import json
import math

import numpy as np
from evaluation.vignette import mumble, record, respond

from alignment.evaluation.results import outcomes, pick_traces, plain


def test_outcomes_by_record():
    assert outcomes([respond(), respond(letter="A")], [record("x"), record("y")]) == {"x": True, "y": False}


def test_traces_show_disagreement_failure_and_success():
    records = [record(f"r{i}") for i in range(5)]
    right, wrong = respond(), respond(letter="C")
    responses = {
        "base": [right, wrong, wrong, wrong, right],
        "modular": [right, wrong, right, right, right],
    }
    traces = pick_traces(records, responses, count=3)
    # r2 is the first the arms disagree on, r1 the first both got wrong, r0 the first both got right
    assert [[trace["arms"][arm]["correct"] for arm in responses] for trace in traces] == [
        [False, True],
        [False, False],
        [True, True],
    ]
    everything = [
        trace["arms"]["modular"]["letter"] + trace["arms"]["base"]["letter"]
        for trace in pick_traces(records, responses, count=99)
    ]
    assert everything == ["BC", "BC", "CC", "BB", "BB"]
    assert len(pick_traces(records, responses, count=1)) == 1


def test_a_trace_holds_what_a_reader_needs():
    (trace,) = pick_traces([record()], {"base": [mumble()], "modular": [respond()]}, count=1)
    assert trace["gold"] == "B" and trace["options"]["B"] == "Pulmonary embolism"
    assert trace["arms"]["base"]["letter"] is None and trace["arms"]["base"]["correct"] is False
    assert trace["arms"]["modular"]["checks"]["strict_format"] == 1.0
    json.dumps(trace, allow_nan=False)


def test_plain_is_strict_json():
    value = {"a": np.float32(0.5), 1: (np.int64(2), np.bool_(True)), "nan": math.nan, "inf": [np.inf], "none": None}
    assert plain(value) == {"a": 0.5, "1": [2, True], "nan": None, "inf": [None], "none": None}
    assert type(plain(np.bool_(True))) is bool and type(plain(np.int64(2))) is int
    assert plain(np.array([1.0, math.nan])) == [1.0, None]
