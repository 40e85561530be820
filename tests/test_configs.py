from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from result_pages import load_config

from alignment import cli
from alignment.arms import get_arm, rewarded_stage
from alignment.build_data import BUILDERS
from alignment.config import ALL_PROJECTIONS, default_config, default_data_set
from alignment.data.load import hold_out, load_data
from alignment.errors import UserError
from alignment.objectives.family import LOSSES
from alignment.run.variants import stage_config

ROOT = Path(__file__).parents[1]
CONFIGS = {path.name: path for path in sorted((ROOT / "configs").glob("*.py"))}
CONTROLLED = ("demo", "control_planted")
ABLATIONS = ("losses", "rewards_ablation", "quark", "crpo")
NAMED = [f"{ROOT}/configs/{name}.py" for name in ("demo", "demo_plain", "control_planted", "stability_map")]
NAMED += [f"{ROOT}/configs/qwen2_5.py:{size}" for size in ("0.5b", "1.5b", "3b", "7b")]
NAMED += [f"{ROOT}/configs/{name}.py" for name in (*ABLATIONS, "smollm2")]
NAMED += [f"{ROOT}/configs/smollm2.py:planted"]
NAMED += [f"{ROOT}/configs/plain_rl.py:{variant}" for variant in ("sweep", "confirm")]


@pytest.mark.parametrize("name", NAMED, ids=lambda name: Path(name).name)
def test_every_config_loads_against_the_default_leaves(name):
    config = cli.load_config(name, default_config())
    assert set(cli.leaves(config)) == set(cli.leaves(default_config()))
    assert (
        config.grpo.prompts % config.grpo.micro_batches == 0 and config.sft.batch_size % config.sft.micro_batches == 0
    )
    assert config.grpo.group_size >= 2


def test_the_demonstration_is_the_control_with_the_headline_arms():
    """Both use one task; the demonstration samples half of the prompts, at rates that need fewer of them to learn."""
    demo, control = (cli.load_config(f"{ROOT}/configs/{name}.py", default_config()) for name in CONTROLLED)
    differing = {name for name, value in cli.leaves(demo).items() if value != cli.leaves(control)[name]}
    budget = {f"grpo.{name}" for name in ("steps", "prompts", "learning_rate", "power_every")}
    assert differing == {"arms", "seeds", "data.eval.count"} | budget
    assert set(demo.arms) & set(control.arms) == {"sft_cot", "modular"}


@pytest.mark.parametrize("path", CONFIGS.values(), ids=CONFIGS)
def test_every_config_says_what_it_is_what_to_expect_what_it_costs_and_its_command(path):
    doc = compile(path.read_text(), str(path), "exec").co_consts[0]
    for words in ("What it is:", "Expected result:", "Cost:", f"--config=configs/{path.name}", "--workdir="):
        assert words in doc


DATA_SETS = [path for name, path in CONFIGS.items() if name.startswith("data_")]


@pytest.mark.parametrize("path", DATA_SETS, ids=lambda path: path.name)
def test_every_data_set_loads_against_the_leaves_of_its_own_entry_point(path):
    config = cli.load_config(str(path), default_data_set())
    assert set(cli.leaves(config)) == set(cli.leaves(default_data_set()))
    assert config.builder in BUILDERS and config.out.startswith("data/")


# size -> SFT rate, GRPO rate, beta, completion tokens.
TABLE = {
    "0.5b": (2e-4, 5e-5, 0.04, 512),
    "1.5b": (2e-4, 3e-5, 0.04, 1024),
    "3b": (1e-4, 1e-5, 0.02, 1024),
    "7b": (1e-4, 1e-5, 0.02, 1024),
}


@pytest.mark.parametrize("size, recipe", TABLE.items(), ids=TABLE)
def test_qwen2_5_follows_the_reconstructed_recipe(size, recipe):
    config = cli.load_config(f"{ROOT}/configs/qwen2_5.py:{size}", default_config())
    grpo, sft, reasoning, reward = config.grpo, config.sft, config.adapters.reasoning, config.adapters.reward
    assert (sft.learning_rate, grpo.learning_rate, grpo.beta, grpo.max_new_tokens) == recipe
    assert (reasoning.rank, reasoning.alpha, reasoning.dropout, reasoning.targets) == (32, 64.0, 0.05, ALL_PROJECTIONS)
    assert (reward.rank, reward.alpha, reward.dropout, reward.targets) == (16, 32.0, 0.0, ALL_PROJECTIONS)
    assert (sft.schedule, sft.warmup, sft.weight_decay, sft.clip_norm) == ("cosine", 0.1, 0.01, 1.0)
    assert (grpo.schedule, grpo.warmup, grpo.weight_decay, grpo.clip_norm) == ("constant", 0.05, 0.0, 0.5)
    assert (sft.batch_size, grpo.prompts, grpo.group_size, grpo.epochs) == (64, 32, 8, 1)
    assert (sft.max_tokens, config.prompt.max_tokens, grpo.temperature) == (2048, 1024, 1.0)
    assert (grpo.clip_low, grpo.clip_high, grpo.reward) == (0.2, 0.2, "decoupled_v1")
    assert (grpo.kl_target, grpo.kl, grpo.kl_correction) == ("sequence", "k1", False)
    assert (config.model.dtype, config.model.path) == ("bfloat16", f"Qwen/Qwen2.5-{size.upper()}-Instruct")


@pytest.mark.parametrize("argument", ["", ":", ":9b"])
def test_qwen2_5_with_a_wrong_size_lists_the_sizes(argument):
    with pytest.raises(UserError, match=r"one of 0\.5b, 1\.5b, 3b, 7b"):
        cli.load_config(f"{ROOT}/configs/qwen2_5.py{argument}", default_config())


def test_qwen2_5_calls_itself_a_reconstruction():
    assert "reconstruction" in CONFIGS["qwen2_5.py"].read_text()


@pytest.mark.ci
def test_configs_load_from_any_folder(tmp_path):
    code = "import sys; from alignment import cli; [cli.load_config(name) for name in sys.argv[1:]]"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, *NAMED], cwd=tmp_path, env=env, check=True)


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_arm_of_a_comparison_differs_and_is_listed(name):
    module = load_config(name)
    config = module.get_config()
    assert config.arms[-len(module.COMPARED) :] == (*module.COMPARED.values(),) and module.START in config.arms
    stages = [rewarded_stage(get_arm(label)) for label in module.COMPARED.values()]
    made = [(stage.name.partition("@")[0], cli.leaves(stage_config(config, stage))) for stage in stages]
    assert all(one != other for one, other in itertools.combinations(made, 2))
    assert all(re.search(rf"\b{arm}\b", module.__doc__) for arm in module.COMPARED)


def test_losses_have_the_constants_of_their_papers():
    """The table of alignment/objectives/family.py."""
    module = load_config("losses")
    config, stages = module.get_config(), {name: rewarded_stage(get_arm(arm)) for name, arm in module.COMPARED.items()}
    settings = {name: stage_config(config, stage).grpo for name, stage in stages.items()}
    assert {name: grpo.loss for name, grpo in settings.items()} == {name: name for name in LOSSES}
    clips = {name: (grpo.clip_low, grpo.clip_high, grpo.beta) for name, grpo in settings.items()}
    assert clips["grpo"] == (0.2, 0.2, 0.04) and clips["dapo"] == (0.2, 0.28, 0.0)
    assert clips["dr_grpo"] == clips["lite_ppo"] == clips["bnpo"] == (0.2, 0.2, 0.0)
    assert clips["gspo"] == (3e-4, 4e-4, 0.0) and clips["cispo"][1:] == (4.0, 0.0)
    assert settings["dapo"].mask_truncated and "overlong=1" in settings["dapo"].channels


def test_plain_reinforcement_is_confirmed_at_rates_and_seeds_of_which_the_sweep_chose_the_first():
    module = load_config("plain_rl")
    sweep, confirm = (module.get_config(variant) for variant in module.VARIANTS)
    assert not set(sweep.seeds) & set(confirm.seeds) and set(confirm.arms) <= set(sweep.arms)
    completions = set()
    for label in sweep.arms[1:]:
        grpo = stage_config(sweep, rewarded_stage(get_arm(label))).grpo
        completions.add(grpo.steps * grpo.prompts * grpo.group_size)
    assert max(completions) < 1.05 * min(completions)  # 4,800, or 12 steps of 384
    with pytest.raises(UserError, match="unknown variant 'nothing'; did you mean"):
        module.get_config("nothing")


@pytest.mark.parametrize("name, count", [("control_planted", 4096), ("stability_map", 4096), ("demo", 4096)])
def test_records_that_are_held_out_are_not_taken_from_training(name, count):
    config = load_config(name).get_config()
    assert config.data.sft.count - config.sft.holdout == count and config.grpo.power_every
    config.data.sft.count, config.data.rl.count, config.data.eval.count, config.data.dev.count = 24, 8, 8, 0
    with_more = hold_out(load_data(config.data, training=("sft", "rl")), 8)
    config.data.sft.count = 16
    plain = load_data(config.data, training=("sft", "rl"))
    assert (with_more.sft, with_more.rl, with_more.eval) == (plain.sft, plain.rl, plain.eval)
