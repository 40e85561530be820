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
from alignment.common.recipe import recipe_file
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
from alignment.run.variants import stage_config

FOLDER = "next_round"
CELLS = "matrix.json"

_ABOUT = """The next round as proposed after the arm {arm}: nobody has accepted it yet. To accept, run it:

    python -m alignment.ablate --config={arm}.py --workdir=NEW_FOLDER
"""
_COMMENT = """The alignment matrix that the weights follow from (alignment/evaluation/matrix.py defines it):

{matrix}

Below: everything in which the run differed from the defaults, with the proposed rewards."""


def next_round(run: Run, outcomes: Sequence[Outcome]) -> tuple[dict[str, list[dict]], str]:
    """Diagnose every arm with a reward stage, and write the matrix and the proposals into the workdir.

    Returns:
      {arm: rows of its matrix} for the report, and the text to print.
    """
    matrices, texts = {}, []
    for arm in run.config.arms:
        if (stage := rewarded_stage(get_arm(arm))) is None:
            continue
        config = stage_config(run.config, stage)
        grpo_config = config.grpo
        matrix = matrix_of(run, grpo_config, [outcome for outcome in outcomes if outcome.row["arm"] == arm])
        proposal = propose(matrix, grpo_config.weights.weakness, grpo_config.weights.risk)
        matrices[arm] = plain(plain_rows(matrix, proposal))
        file = write_proposal(run.workdir / FOLDER / f"{arm}.py", arm, config, matrices[arm], proposal)
        instruction = "no cell of the matrix has a weight: nothing to propose"
        if proposal:
            flag = ",".join(proposed_channels(grpo_config, proposal))
            instruction = f"proposed for the next round: --config={file}\n  or --config.grpo.channels={flag}"
        texts += [f"alignment matrix of {arm}:", text_matrix(matrices[arm]), instruction, ""]
    if matrices:
        write_json(run.workdir / CELLS, matrices)
    return matrices, "\n".join(texts)


def matrix_of(run: Run, grpo_config: ConfigDict, outcomes: Sequence[Outcome]) -> Matrix:
    """Return the matrix of one arm from its greedy responses at all seeds."""
    base = run.base
    weights = get_preset(grpo_config.reward, tuple(grpo_config.channels))
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
        reward_model=make_reward_function(grpo_config, base),
    )
    raw = score_channels(batch, channels)
    return diagnose(responses, records, {name: np.float64(values) for name, values in raw.items()}, weights)


def write_proposal(
    path: epath.Path, arm: str, config: ConfigDict, rows: Sequence[Mapping[str, Any]], proposal: Mapping[str, Weight]
) -> epath.Path:
    """Write `path`, a configuration in which the proposal changes that of the arm, and return it."""
    defaults = cli.leaves(default_config())
    leaves = {name: value for name, value in cli.leaves(config).items() if value != defaults[name]}
    leaves["grpo.channels"] = proposed_channels(config.grpo, proposal)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, recipe_file(_ABOUT.format(arm=arm), leaves, _COMMENT.format(matrix=text_matrix(rows))))
    return path


def proposed_channels(grpo_config: ConfigDict, proposal: Mapping[str, Weight]) -> tuple[str, ...]:
    """Return `config.grpo.channels` with the proposal's entries in place of those for the same channels."""
    others = (entry for entry in grpo_config.channels if entry.rpartition("=")[0].strip() not in proposal)
    return (*others, *entries(proposal))
