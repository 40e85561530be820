"""After a run: the alignment matrix of every rewarded arm, and its proposal for the next round as a config file.

<workdir>/matrix.json             every cell of every rewarded arm, over all seeds
<workdir>/next_round/<arm>.py     the run's configuration with the proposed weights and targets; to accept it, run it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from alignment import cli
from alignment.arms import get_arm, rewarded_stage
from alignment.common.files import write_json, write_text
from alignment.config import default_config
from alignment.evaluation.matrix import Matrix, diagnose, entries, plain_rows, propose, text_matrix
from alignment.evaluation.matrix_cells import observed
from alignment.evaluation.results import plain
from alignment.reward_model.features import text_features
from alignment.reward_model.model import make_reward_function
from alignment.rewards.presets import Weight, get_preset
from alignment.rewards.registry import ScoreBatch, needs_device
from alignment.rewards.score import score_channels
from alignment.run.arm import Outcome
from alignment.run.setup import Run

FOLDER = "next_round"
CELLS = "matrix.json"

_FILE = '''"""The next round as proposed after the arm {arm}: nobody has accepted it yet. To accept, run it:

    python -m alignment.ablate --config={name}.py --workdir=NEW_FOLDER
"""

# The matrix it follows from (definitions: alignment/evaluation/matrix.py). n.b. weights alone are no fix for data.
#
{matrix}

from alignment.config import default_config

# Everything in which the run differed from the defaults, with the proposed rewards.
CHANGED = {{
{changed}}}


def get_config():
    """Return the configuration of the run with the proposed rewards."""
    config = default_config()
    config.update_from_flattened_dict(CHANGED)
    return config
'''


def next_round(run: Run, found: Sequence[Outcome]) -> tuple[dict[str, list[dict]], str]:
    """Diagnose every arm with a reward stage, and write the matrix and the proposals into the workdir.

    Returns:
      {arm: rows of its matrix} for the report, and what to print.
    """
    matrices, said = {}, []
    section = run.config.grpo
    for arm in run.config.arms:
        if rewarded_stage(get_arm(arm)) is None:
            continue
        matrix = matrix_of(run, [outcome for outcome in found if outcome.row["arm"] == arm])
        proposal = propose(matrix, section.weights.weakness, section.weights.risk)
        matrices[arm] = plain(plain_rows(matrix, proposal))
        file = write_proposal(run, arm, matrices[arm], proposal)
        said += [f"alignment matrix of {arm}:", text_matrix(matrices[arm]), _how_to_accept(file, section, proposal), ""]
    if matrices:
        write_json(run.workdir / CELLS, matrices)
    return matrices, "\n".join(said)


def matrix_of(run: Run, outcomes: Sequence[Outcome]) -> Matrix:
    """Return the matrix of one arm from its greedy responses at all seeds."""
    base, section = run.base, run.config.grpo
    weights = get_preset(section.reward, tuple(section.channels))
    responses = [response for outcome in outcomes for response in outcome.responses]
    records = [*run.data.eval] * len(outcomes)
    texts = [response.text for response in responses]
    ids = [base.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    channels, features = [cell.channel for cell in observed(weights)], None
    if any(map(needs_device, channels)):
        rows = run.config.feedback.batch_size
        features = text_features(base, run.sampler.devices, records, texts, rows, "judgement")
    batch = ScoreBatch(
        responses=responses,
        records=records,
        token_ids=ids,
        progress=1.0,
        max_tokens=run.config.eval.max_new_tokens,
        features=features,
        reward_model=make_reward_function(section, base),
    )
    raw = score_channels(batch, channels)
    return diagnose(responses, records, {name: np.float64(values) for name, values in raw.items()}, weights)


def write_proposal(run: Run, arm: str, rows: Sequence[Mapping[str, Any]], proposal: Mapping[str, Weight]) -> epath.Path:
    """Write `next_round/<arm>.py` and return its path."""
    changed = changed_leaves(run.config) | {"grpo.channels": proposed_channels(run.config.grpo, proposal)}
    text = _FILE.format(
        arm=arm,
        name=arm,
        matrix="\n".join(f"# {line}" for line in text_matrix(rows).splitlines()),
        changed="".join(f"    {name!r}: {value!r},\n" for name, value in changed.items()),
    )
    path = run.workdir / FOLDER / f"{arm}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    return path


def changed_leaves(config: ConfigDict) -> dict[str, Any]:
    """Return the leaves in which `config` differs from the defaults."""
    defaults = cli.leaves(default_config())
    return {name: value for name, value in cli.leaves(config).items() if value != defaults[name]}


def proposed_channels(section: ConfigDict, proposal: Mapping[str, Weight]) -> tuple[str, ...]:
    """Return `config.grpo.channels` with the proposal's entries in place of those for the same channels."""
    kept = tuple(entry for entry in section.channels if entry.rpartition("=")[0].strip() not in proposal)
    return (*kept, *entries(proposal))


def _how_to_accept(file: epath.Path, section: ConfigDict, proposal: Mapping[str, Weight]) -> str:
    if not proposal:
        return "no cell of the matrix is paid for: nothing to propose"
    flag = ",".join(proposed_channels(section, proposal))
    return f"proposed for the next round: --config={file}\n  or --config.grpo.channels={flag}"
