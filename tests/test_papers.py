"""docs/papers.md: every switch works and names something, every function is there, no citation is missing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from alignment import cli
from alignment.arms import ARMS
from alignment.config import default_config
from alignment.data.sources import SOURCES
from alignment.objectives.family import LOSSES
from alignment.objectives.kl import ESTIMATORS, TARGETS
from alignment.objectives.ratios import IMPORTANCE
from alignment.rewards.normalisers import NORMALISERS
from alignment.rewards.presets import PRESETS, get_preset
from alignment.rewards.registry import find_channel
from alignment.rewards.weightings import WEIGHTINGS
from alignment.text.templates import TEMPLATES

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("| ") and not line.startswith("| paper")
]
SWITCHES = sorted(set(re.findall(r"`(--config[^`]+)`", "\n".join(row[1] for row in ROWS))))
PLACES = sorted(set(re.findall(r"`(alignment/[^`:]+\.py):(\w+)`", TEXT)))
# The registry that a leaf's value must be in.
REGISTRIES = {
    "grpo.reward": PRESETS,
    "grpo.normaliser": NORMALISERS,
    "grpo.weighting": WEIGHTINGS,
    "grpo.loss": LOSSES,
    "grpo.kl": ESTIMATORS,
    "grpo.kl_target": TARGETS,
    "grpo.importance": IMPORTANCE,
    "prompt.template": TEMPLATES,
    "data.sft.source": SOURCES,
    "data.rl.source": SOURCES,
    "data.eval.source": SOURCES,
    "adapters.reward.scaling": ("lora", "rslora"),
}
ARXIV = re.compile(r"\b\d{4}\.\d{5}\b")


def names_of(path: Path) -> set[str]:
    """What a module defines at its top level."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def test_the_tables_are_read():
    assert len(ROWS) > 35 and all(len(row) == 4 for row in ROWS)
    assert len(SWITCHES) > 40 and len(PLACES) > 50
    assert all(row[0] and row[2] for row in ROWS)


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_is_read_and_names_something_that_exists(switch, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = cli.parse([switch], description="d", needs_workdir=False).config
    name = switch.removeprefix("--config.").partition("=")[0]
    if switch.startswith("--config="):
        assert cli.leaves(config).keys() == cli.leaves(default_config()).keys()
    elif name == "arms":
        assert set(config.arms) <= ARMS.keys()
    elif name == "grpo.channels":
        assert all(find_channel(channel) for channel in get_preset("decoupled_v1", config.grpo.channels))
    elif name in REGISTRIES:
        assert cli.leaves(config)[name] in REGISTRIES[name]


@pytest.mark.parametrize("path, name", PLACES, ids=lambda part: part)
def test_every_function_is_where_it_is_said_to_be(path, name):
    assert name in names_of(ROOT / path)


def test_every_preset_loss_normaliser_and_weighting_is_in_the_index():
    """Those without a paper are named here."""
    words = set(re.findall(r"\w+", " ".join(SWITCHES)))
    assert PRESETS.keys() <= words
    assert LOSSES.keys() - {"bnpo"} <= words
    assert NORMALISERS.keys() - {"none", "batch"} <= words
    assert WEIGHTINGS.keys() <= words | {"static"}


def test_every_arxiv_number_in_the_code_is_in_the_index():
    cited = {number for path in (ROOT / "alignment").rglob("*.py") for number in ARXIV.findall(path.read_text())}
    assert "2402.03300" in cited and cited <= set(ARXIV.findall(TEXT)), sorted(cited - set(ARXIV.findall(TEXT)))
