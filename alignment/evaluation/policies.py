"""Policies to evaluate side by side: one base, and for each policy the adapters on it with their gates.

    --adapters=reasoning=runs/demo/seed0,reward=runs/demo/seed0 --gates=1,0.5       one policy
    --policy='half: reasoning=runs/demo/seed0,reward=PEFT gates=1,0.5' --policy='base:'   several, each with a name

An adapter's folder is one in the PEFT layout, or a stage's, a seed's or the workdir of a run of ours that has the
adapter of that name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from alignment.adapters.lora import Lora
from alignment.adapters.peft import CONFIG_FILE, load_peft
from alignment.adapters.stack import Stack, make_stack
from alignment.common.fingerprint import fingerprint
from alignment.common.manifest import MANIFEST, digest_of, find_corruption, read_claim
from alignment.errors import UserError
from alignment.rollout.base_model import BaseModel

MAX_GATE = 2.0  # an adapter counted twice; a gate of -1 takes its effect back
_POLICY = re.compile(r"\s*([\w.@=+-]+)\s*:\s*(.*?)\s*(?:\bgates=(\S*))?\s*", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class PolicySpec:
    """A policy as it was named on the command line."""

    name: str
    folders: Mapping[str, str]  # adapter -> folder
    gates: tuple[float, ...]  # one an adapter
    flag: str  # what messages begin with


@dataclasses.dataclass(frozen=True)
class Policy:
    """A policy that can answer: the stack of its adapters on the base."""

    name: str
    stack: Stack
    digest: str  # SHA-256 of the base's weights, the adapters' factors and scales, and the gates
    folders: Mapping[str, str]  # adapter -> the folder it was read from
    notes: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """Return what the policy is made of, as JSON."""
        adapters = [
            {
                "name": adapter.name,
                "folder": self.folders[adapter.name],
                "gate": float(adapter.gate),
                "rank": adapter.lora.rank,
                "alpha": adapter.lora.alpha,
            }
            for adapter in self.stack.adapters
        ]
        return {"name": self.name, "sha256": self.digest, "adapters": adapters, "notes": list(self.notes)}


def parse_policies(adapters: str, gates: str, policies: Sequence[str]) -> list[PolicySpec]:
    """Return the policies that the flags name, before anything is read; without any of them the base alone.

    Args:
      adapters: the value of --adapters; gates: that of --gates.
      policies: the values of --policy.

    Raises:
      UserError: a flag that cannot be read, a gate out of range, too few gates, or two policies of one name.
    """
    if gates and not adapters:
        raise UserError(f"--gates={gates} is about the adapters of --adapters, which is missing; name them")
    specs = [_spec("policy", adapters, gates, f"--adapters={adapters}")] if adapters else []
    for text in policies:
        match = _POLICY.fullmatch(text)
        if not match:
            raise UserError(
                f"--policy={text!r}: write 'NAME: adapter=FOLDER,adapter=FOLDER gates=1,0.5', or 'NAME:' for the base"
            )
        specs.append(_spec(match[1], match[2], match[3] or "", f"--policy={text!r}"))
    names = [spec.name for spec in specs]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"two policies are called {repeated[0]!r}; give each --policy a name of its own")
    return specs or [PolicySpec("base", {}, (), "--adapters")]


def _spec(name: str, adapters: str, gates: str, flag: str) -> PolicySpec:
    folders: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in adapters.split(","))):
        adapter, equals, folder = part.partition("=")
        if not (equals and adapter and folder) or adapter in folders:
            raise UserError(f"{flag}: {part!r} is not adapter=FOLDER with a new name; write reasoning=DIR,reward=DIR")
        folders[adapter] = folder
    try:
        numbers = tuple(float(text) for text in gates.split(",")) if gates else (1.0,) * len(folders)
    except ValueError:
        raise UserError(f"{flag}: gates={gates}: write one number an adapter, as in gates=1,0.5") from None
    if len(numbers) != len(folders):
        raise UserError(f"{flag}: {len(numbers)} gates for {len(folders)} adapters; give one each, in their order")
    if outside := [number for number in numbers if not abs(number) <= MAX_GATE]:
        raise UserError(
            f"{flag}: gate {outside[0]:g} is out of range; a gate lies between {-MAX_GATE:g} and {MAX_GATE:g}"
        )
    return PolicySpec(name, folders, numbers, flag)


def locate_adapter(name: str, folder: str, flag: str) -> epath.Path:
    """Return the folder in the PEFT layout that `folder` is or has: of a stage, of a seed's stage, or of a workdir.

    Raises:
      UserError: no such folder; none in the PEFT layout in it; a stage that is not finished; several seeds.
    """
    path = epath.Path(folder)
    if not path.is_dir():
        raise UserError(f"{flag}: {folder}: no such folder; name a PEFT folder, or the folder of a run or of its seed")
    seeds = sorted(each.name for each in path.glob("seed[0-9]*"))
    roots = [path, path / name, *([path / seeds[0] / name] if len(seeds) == 1 else [])]
    for root in roots:
        for candidate in (root, root / "adapter"):
            if (candidate / CONFIG_FILE).exists():
                return candidate
    if len(seeds) > 1:
        raise UserError(f"{flag}: {folder}: a workdir of {len(seeds)} seeds; name one, as in {name}={path / seeds[0]}")
    if any((root / file).exists() for root in roots for file in ("stage.json", "checkpoints", "metrics.jsonl")):
        raise UserError(
            f"{flag}: {folder}: the stage {name} is not finished; let the run finish (same command, same --workdir)"
        )
    stages = [each for level in ("*", "*/*") for each in path.glob(f"{level}/adapter/{CONFIG_FILE}")]
    present = ", ".join(sorted(each.parent.parent.name for each in stages)[:8])
    remedy = f"it has {present}" if present else "it is empty or half-written"
    raise UserError(f"{flag}: {folder}: no adapter {name!r}; {remedy}; name a folder with {CONFIG_FILE}")


def load_policy(spec: PolicySpec, base: BaseModel, force: bool = False) -> Policy:
    """Read the adapters of a policy and check that they are for this base.

    Raises:
      UserError: what `locate_adapter` or `load_peft` raises; a sealed adapter that is damaged; layers or sizes of
        another base; weights other than those it was trained on, unless `force`.
    """
    loras, folders, claims, notes = {}, {}, {}, []
    for name, folder in spec.folders.items():
        path = locate_adapter(name, folder, spec.flag)
        claim = read_claim(path.parent / "stage.json") if path.name == "adapter" else None
        if (claim or (path / MANIFEST).exists()) and (reason := find_corruption(path)):
            raise UserError(f"{spec.flag}: {path}: {reason}; run the experiment again, it repairs this adapter")
        loras[name], folders[name] = load_peft(str(path)), str(path)
        _check_sizes(loras[name], base, f"{spec.flag}: {path}")
        if claim:
            claims[name] = claim
        else:
            notes.append(f"{name} ({path.name}) does not record the hash of its base: only its sizes were checked")
    hashes = {name: fingerprint(lora.modules) for name, lora in loras.items()}
    for name, claim in claims.items():
        notes += _check_claim(name, claim, spec.flag, hashes, base, force)
    gates = dict(zip(spec.folders, spec.gates, strict=True))
    content = {
        "base": base.fingerprint,
        "adapters": [
            {"factors": hashes[name], "scale": lora.scale, "gate": gates[name]} for name, lora in loras.items()
        ],
    }
    return Policy(spec.name, make_stack(loras, gates), digest_of(content), folders, tuple(notes))


def _check_sizes(lora: Lora, base: BaseModel, where: str) -> None:
    layers, shapes = base.config.num_hidden_layers, base.config.linear_shapes
    for name, factors in lora.modules.items():
        sizes = (factors["a"].shape[0], factors["a"].shape[1], factors["b"].shape[2])
        if sizes != (layers, *shapes[name]):
            raise UserError(
                f"{where}: made for another base: its {name} has {sizes[0]} layers from {sizes[1]} to {sizes[2]}, this "
                f"base {layers} from {shapes[name][0]} to {shapes[name][1]}; name the right --base"
            )


def _check_claim(
    name: str, claim: Mapping[str, Any], flag: str, hashes: Mapping[str, str], base: BaseModel, force: bool
) -> list[str]:
    """Return notes on an adapter of a run of ours, whose stage recorded its base and the adapters below it."""
    notes = []
    if claim.get("base") != base.fingerprint:
        problem = f"{name} was trained on other weights of this shape (SHA-256 {str(claim.get('base'))[:12]})"
        if not force:
            raise UserError(
                f"{flag}: {problem} than this base ({base.fingerprint[:12]}); name the right --base, or --force "
                "to go on and have the report say so"
            )
        notes.append(f"{problem} than this base ({base.fingerprint[:12]}), and evaluated all the same (--force)")
    below = {other: claim["adapters below"].get(other) for other in claim["stage"].get("under", ())}
    if missing := [other for other, value in below.items() if value not in hashes.values()]:
        notes.append(f"{name} was trained on top of {', '.join(missing)}, which this policy lacks: it is a probe")
    if merged := claim["stage"].get("merged"):
        notes.append(
            f"{name} was trained on a base with {', '.join(merged)} merged in; here it is attached beside them"
        )
    return notes
