"""A suite is a file: being there is enough."""

from __future__ import annotations

import dataclasses

import pytest

from alignment.benchmarks import suites
from alignment.benchmarks.registry import build_suite, suite_names
from alignment.benchmarks.setting import Setting, parse_size
from alignment.errors import UserError

SETTING = Setting("logprob", parse_size("32,2,4,2,64,128"), prompts=2, group=2, prompt_len=8, new_tokens=4)


@pytest.mark.ci
def test_every_suite_puts_ours_first_and_names_its_cases():
    for name in ("attention", "logprob"):
        suite = build_suite(dataclasses.replace(SETTING, suite=name), ("plain",))
        assert [case.name for case in suite.cases] == ["ours", "plain"] and suite.useful_flops > 0


def test_a_new_file_is_a_new_suite(tmp_path, monkeypatch):
    (tmp_path / "echo.py").write_text("def build(setting, against=()):\n    return setting.suite, against\n")
    monkeypatch.setattr(suites, "__path__", [*suites.__path__, str(tmp_path)])
    assert "echo" in suite_names()
    assert build_suite(dataclasses.replace(SETTING, suite="echo"), ("plain",)) == ("echo", ("plain",))


def test_an_unknown_suite_is_refused():
    with pytest.raises(UserError, match="attention, decode, ending, grpo, load, logprob, sft, update or fit"):
        build_suite(dataclasses.replace(SETTING, suite="speed"))
