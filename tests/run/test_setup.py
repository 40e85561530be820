from __future__ import annotations

from types import SimpleNamespace

from alignment.config import default_config
from alignment.run.setup import describe_run


def test_the_head_of_a_report_says_what_the_penalties_of_its_arms_lower():
    config = default_config()
    config.arms = ("modular@kl_target=token@kl=k3", "modular@kl_target=sequence@kl=k1", "monolithic@beta=0")
    base = SimpleNamespace(params={}, fingerprint="0", quantisation="")
    facts = describe_run(SimpleNamespace(config=config, base=base))
    forward, reverse, nothing = facts["KL penalty"].split("; ")
    assert "forward KL of the next-token" in forward and "reverse KL of the distributions over completions" in reverse
    assert nothing == "none"


def test_a_run_without_a_reward_stage_has_no_penalty():
    config = default_config()
    config.arms = ("sft_cot",)
    base = SimpleNamespace(params={}, fingerprint="0", quantisation="")
    assert "KL penalty" not in describe_run(SimpleNamespace(config=config, base=base))
