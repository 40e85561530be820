"""The alignment configurations ("arms") as data: which adapters are trained, on which frozen ones, and which answer.

An arm serves a tuple of trained adapters. The `Stage` of the same name makes each of them and declares the stages that
it depends on, so the work of a set of arms is the union of their stages: `sft_cot`, `monolithic` and `modular` share
one chain-of-thought SFT. To add an arm, add its entry to `ARMS` (and its stages to `STAGES`).

A *variant* of an arm has other leaves of `config.grpo` in its reward stage: `modular@learning_rate=2e-3@beta=0`. Its
label stands wherever the name of an arm does, so that rates, rewards or losses are compared in one run that shares its
SFT. Variants of a stage draw the same questions and sampling keys.

The source paper names five configurations without listing them; these are a reconstruction.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from alignment.common.registry import lookup
from alignment.errors import UserError

SNAPSHOT = "snapshot"  # the KL reference is the stage's own start


@dataclasses.dataclass(frozen=True)
class Stage:
    """One training run that makes one adapter.

    Attributes:
      name: the stage's, and its adapter's.
      objective: "sft_cot", "sft_answer", "sft_derived", "sft_shuffled" (each record with another's chain of thought),
        "grpo" or "joint" (GRPO + lambda SFT in one loss).
      adapter: the entry of `config.adapters` for a fresh adapter: "reasoning", "reward" or "both" (their ranks and
        alphas added: the parameter-matched single adapter).
      start: the stage whose adapter is trained further; "" starts a fresh one.
      under: stages whose adapters are active and frozen while this one is trained.
      merged: stages whose adapters are folded into the base (in float32) before anything else.
      reference: the KL reference of "grpo" and "joint": a tuple of stages (empty: the base) or `SNAPSHOT`.
      about: one line for the report and the model card; it decides nothing.
      variant: pairs (leaf of `config.grpo`, text of its value) in which this stage differs from the configuration.
    """

    name: str
    objective: str
    adapter: str
    about: str
    start: str = ""
    under: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    reference: tuple[str, ...] | str = ()
    variant: tuple[tuple[str, str], ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """The stages that must be finished before this one, each once."""
        reference = () if self.reference == SNAPSHOT else self.reference
        start = (self.start,) if self.start else ()
        return tuple(dict.fromkeys((*self.merged, *self.under, *start, *reference)))

    @property
    def adapter_configs(self) -> tuple[str, ...]:
        """The entries of `config.adapters` whose ranks and alphas a fresh adapter adds up."""
        return ("reasoning", "reward") if self.adapter == "both" else (self.adapter,)

    @property
    def on_policy(self) -> bool:
        """Whether the stage samples and is rewarded."""
        return self.objective in ("grpo", "joint")


@dataclasses.dataclass(frozen=True)
class Arm:
    """An alignment configuration: which adapters are attached when it answers, over which merged base."""

    name: str
    about: str
    serves: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()


def _by_name(*entries):
    return {entry.name: entry for entry in entries}


STAGES: dict[str, Stage] = _by_name(
    Stage("reasoning", "sft_cot", "reasoning", "chain-of-thought SFT of the reasoning adapter"),
    Stage("reward_on_base", "grpo", "reward", "GRPO of a reward adapter directly on the base"),
    Stage(
        "monolithic_grpo",
        "grpo",
        "reasoning",
        "GRPO of the same adapter that learned to reason",
        start="reasoning",
        reference=SNAPSHOT,
    ),
    Stage(
        "reward",
        "grpo",
        "reward",
        "GRPO of a reward adapter on top of the frozen reasoning adapter",
        under=("reasoning",),
        reference=("reasoning",),
    ),
    Stage("answers", "sft_answer", "reasoning", "SFT on answers without chains of thought"),
    Stage("answers_grpo", "grpo", "reasoning", "GRPO of the answer-only adapter", start="answers", reference=SNAPSHOT),
    Stage(
        "derived", "sft_derived", "reasoning", "SFT on the derived chains of thought alone, without planted strategies"
    ),
    Stage("reasoning_shuffled", "sft_shuffled", "reasoning", "SFT on the chains of thought of other records"),
    Stage(
        "reward_on_shuffled",
        "grpo",
        "reward",
        "GRPO of a reward adapter on top of the adapter of shuffled chains",
        under=("reasoning_shuffled",),
        reference=("reasoning_shuffled",),
    ),
    Stage(
        "monolithic_shuffled_grpo",
        "grpo",
        "reasoning",
        "GRPO of the adapter of shuffled chains",
        start="reasoning_shuffled",
        reference=SNAPSHOT,
    ),
    Stage("joint", "joint", "reasoning", "GRPO and SFT in one loss on one adapter"),
    Stage(
        "reward_on_merged",
        "grpo",
        "reward",
        "GRPO of a reward adapter on a base with reasoning folded in",
        merged=("reasoning",),
    ),
    Stage("reasoning_wide", "sft_cot", "both", "chain-of-thought SFT of one adapter of rank r_R + r_W"),
    Stage(
        "monolithic_wide_grpo",
        "grpo",
        "both",
        "GRPO of the same wide adapter",
        start="reasoning_wide",
        reference=SNAPSHOT,
    ),
)

ARMS: dict[str, Arm] = _by_name(
    Arm("base", "the base model without adapters"),
    Arm("sft_cot", "reasoning adapter alone", ("reasoning",)),
    Arm("grpo_only", "reward adapter on the base, no reasoning stage", ("reward_on_base",)),
    Arm("monolithic", "one adapter, SFT and then GRPO", ("monolithic_grpo",)),
    Arm("modular", "frozen reasoning adapter with the reward adapter on top", ("reasoning", "reward")),
    Arm("sft_answer", "SFT on answers without chains of thought", ("answers",)),
    Arm("sft_answer_grpo", "answer-only SFT and then GRPO, one adapter", ("answers_grpo",)),
    Arm("sft_ceiling", "SFT without the planted strategies: how far choosing among them can lead", ("derived",)),
    Arm("sft_shuffled", "control: SFT on the chains of thought of other records", ("reasoning_shuffled",)),
    Arm("modular_shuffled", "control: modular on shuffled chains", ("reasoning_shuffled", "reward_on_shuffled")),
    Arm("monolithic_shuffled", "control: monolithic on shuffled chains", ("monolithic_shuffled_grpo",)),
    Arm("joint_mono", "one adapter, both losses at once", ("joint",)),
    Arm(
        "modular_parallel",
        "adapters trained separately on the base, summed at inference",
        ("reasoning", "reward_on_base"),
    ),
    Arm(
        "modular_merged",
        "reasoning folded into the base, reward adapter on top",
        ("reward_on_merged",),
        merged=("reasoning",),
    ),
    Arm("sft_cot_wide", "reasoning adapter of rank r_R + r_W alone", ("reasoning_wide",)),
    Arm("monolithic_matched", "the monolithic arm at the modular arm's parameter count", ("monolithic_wide_grpo",)),
)

# Start arm -> the arm that has what its reward stages could teach, where strategies are planted.
CEILINGS = {"sft_cot": "sft_ceiling"}

# Controls, which may do worse than an arm if its gain is to mean anything: name -> the leaf of `config.grpo` in which
# the reward stage differs, or the arms that stand for others.
REWARD_CONTROLS = {
    "random": ("reward", "random"),
    "inverted": ("reward", "inverted"),
    "format_only": ("reward", "format_only"),
    "noop": ("steps", "0"),  # the adapter is attached as it was made, with an update of zero
}
SHUFFLED = {"sft_cot": "sft_shuffled", "modular": "modular_shuffled", "monolithic": "monolithic_shuffled"}
CONTROLS = (*REWARD_CONTROLS, "shuffled_cot")


def get_arm(label: str, flag: str = "--config.arms") -> Arm:
    """Return the arm or the variant of an arm called `label`.

    Raises:
      UserError: an unknown name (with the `flag` that named it and the nearest known one), a variant that is not
        written as ARM@leaf=value, or a variant of an arm without a reward stage.
    """
    name, at, variant = label.partition("@")
    arm = lookup(ARMS, name, f"arm ({flag})")
    if not at:
        return arm
    problem = "has no reward stage that could differ" if rewarded_stage(arm) is None else ""
    if "/" in variant or not all(all(text.partition("=")) for text in variant.split("@")):
        problem = "is not written as ARM@leaf=value, without slashes"
    if problem:
        raise UserError(f"{flag}={label}: {problem}; for example modular@learning_rate=2e-3@beta=0")
    on_policy = {stage for stage in (*arm.merged, *arm.serves) if STAGES[stage].on_policy}
    merged, serves = (
        tuple(f"{stage}@{variant}" if stage in on_policy else stage for stage in stages)
        for stages in (arm.merged, arm.serves)
    )
    return Arm(label, f"{arm.about}; {variant.replace('@', ', ')}", serves, merged)


def get_stage(label: str) -> Stage:
    """Return the stage, or the variant of a stage, that an arm names.

    Raises:
      UserError: it is not in `STAGES`.
    """
    name, at, variant = label.partition("@")
    if name not in STAGES:
        raise UserError(f"an arm names the stage {name!r}, which is not in STAGES; add it to alignment/arms.py")
    if not at:
        return STAGES[name]
    pairs = tuple(tuple(text.split("=", 1)) for text in variant.split("@"))
    return dataclasses.replace(STAGES[name], name=label, variant=pairs)


def rewarded_stage(arm: Arm) -> Stage | None:
    """Return the on-policy stage whose curve is an arm's stability: the last one it serves; None if it has none."""
    stages = [get_stage(name) for name in (*arm.merged, *arm.serves)]
    return next((stage for stage in reversed(stages) if stage.on_policy), None)


def start_arm(arm: Arm) -> str | None:
    """Return the arm whose policy `arm`'s reward stage starts from; None without such a stage or such an arm.

    An arm that serves an adapter its reward stage was not trained with, as `modular_parallel` does, has none.
    """
    stage = rewarded_stage(arm)
    if stage is None or {*arm.merged, *arm.serves} != {stage.name, *stage.merged, *stage.under}:
        return None
    start = (*stage.merged, *stage.under, *filter(None, [stage.start]))
    return next((other.name for other in ARMS.values() if (*other.merged, *other.serves) == start), None)


def controls_of(label: str) -> dict[str, str]:
    """Return {name in `CONTROLS`: label of that control} of an arm; {} where it has none or is a control itself.

    A control of a variant keeps the variant's other leaves.
    """
    name, _, variant = label.partition("@")
    pairs = [tuple(text.split("=", 1)) for text in variant.split("@") if text]
    if name in SHUFFLED.values() or set(pairs) & set(REWARD_CONTROLS.values()):
        return {}
    controls = {}
    if rewarded_stage(get_arm(label)) is not None:
        for control, (leaf, value) in REWARD_CONTROLS.items():
            others = [pair for pair in pairs if pair[0] != leaf]
            controls[control] = "@".join([name, *("=".join(pair) for pair in (*others, (leaf, value)))])
    if name in SHUFFLED:
        controls["shuffled_cot"] = "@".join([SHUFFLED[name], *filter(None, [variant])])
    return controls


def with_controls(labels: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return arms and, after them, the named controls of each, without repetition.

    Raises:
      UserError: an unknown control, or one that none of the arms has.
    """
    labels, added = list(labels), []
    for name in names:
        lookup(dict.fromkeys(CONTROLS), name, "control (--controls)")
        controls = [controls_of(label)[name] for label in labels if name in controls_of(label)]
        if not controls:
            needs = f"one of {', '.join(SHUFFLED)}" if name == "shuffled_cot" else "an arm with a reward stage"
            raise UserError(f"--controls={name}: none of the arms {', '.join(labels)} has that control; add {needs}")
        added += controls
    return tuple(dict.fromkeys([*labels, *added]))


def stage_order(arms: Iterable[str]) -> tuple[Stage, ...]:
    """Return every stage the arms need, each once and after the stages that it depends on."""
    order: dict[str, Stage] = {}

    def visit(name: str) -> None:
        stage = get_stage(name)
        for needed in stage.needs:
            visit(needed)
        order.setdefault(name, stage)

    for arm in map(get_arm, arms):
        for name in (*arm.merged, *arm.serves):
            visit(name)
    return tuple(order.values())
