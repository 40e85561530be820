"""Export what a run trained, as folders that PEFT and transformers load.

    python -m alignment.export --run=runs/demo/seed0 --arm=modular --what=all --out=exported

writes `exported/adapters/<name>` (each adapter of the arm alone), `exported/composite` (all of them as one adapter of
the summed rank: the same function) and `exported/merged` (the base with the adapters folded in, in float32). The base
is the one the run recorded; name it again with --config.model.path if it has moved.

Merged weights in bfloat16 (--merged_dtype=bfloat16) lose what is small relative to a weight: the command prints the
share of the adapters that is left, and writes them only with --lossy.

The base may be a GGUF file: merged weights are then the dequantised ones with the adapters folded in, beside the
tokenizer of the file, and every card names the quantisation.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import pathlib
import sys
import tempfile
from collections.abc import Iterator, Mapping

import jax.numpy as jnp
from etils import epath

import alignment
from alignment import cli
from alignment.adapters.compose import concatenate, merge, merged_share
from alignment.adapters.lora import Lora
from alignment.adapters.peft import CONFIG_FILE, load_peft, save_peft
from alignment.adapters.stack import Stack, make_stack
from alignment.adapters.tensorfiles import staged
from alignment.arms import Arm, get_arm, get_stage
from alignment.common.files import check_file, read_text, write_text
from alignment.common.gguf_file import is_gguf, quantisation_of, read_gguf
from alignment.common.lock import NAME, locked
from alignment.common.manifest import find_corruption, read_claim
from alignment.common.progress import warn
from alignment.errors import UserError
from alignment.models.config import Qwen2Config, read_config
from alignment.models.hf import load_params, resolve_folder, save_params
from alignment.rollout.base_model import DTYPES, hash_weights
from alignment.text.gguf_tokenizer import tokenizer_files

WHAT = ("adapters", "composite", "merged")
NANO = "nano"  # how a run records the embedded base

_CARD = """---
library_name: {library}
tags: [clinical-question-answering, research]
{front}---
# {title}

**Research only, not for patient care.** The answers of this model are not checked by anyone and may be wrong.

{text}

- Base model: `{base}`{hint}{warning}
- Arm: `{arm}` ({about})
- Prompt template: `{template}`
- Written by `clinical_alignment` {version} with `python -m alignment.export`

{adapters}

The training recipe is a reconstruction; the paper it follows has not published its settings.

```python
{code}
```
"""
_PEFT_CODE = """{imports}from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained({base}, dtype="float32")
model = PeftModel.from_pretrained(base, "path/to/this/folder")"""
# Not AutoTokenizer, which replaces the pre-tokeniser of tokenizer.json by Qwen2's own for this type of model.
_MERGED_CODE = """from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

model = AutoModelForCausalLM.from_pretrained("path/to/this/folder", dtype="{dtype}")
tokenizer = PreTrainedTokenizerFast.from_pretrained("path/to/this/folder")"""


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained arm: its adapters in the order in which they are added, and the base that they were trained on."""

    arm: Arm
    loras: Mapping[str, Lora]  # merged ones first
    base: str  # path or Hub id; "nano" is the embedded base
    base_hash: str  # `hash_weights` of the base; "" for an arm without adapters
    template: str
    warning: str = ""  # for the cards, where --force uses another base than the one of `base_hash`


def run(args: argparse.Namespace) -> None:
    """Export one arm of one seed's folder, as the flags say."""
    out = epath.Path(args.out)
    with locked(out / NAME, f"--out={args.out}"):
        if not args.force and any(path.name != NAME for path in out.iterdir()):
            raise UserError(f"--out={args.out} is not empty; choose another folder, or --force to write into this one")
        export(args, out)


def export(args: argparse.Namespace, out: epath.Path) -> None:
    """Export into `out`, which this process has locked."""
    kinds = WHAT if args.what == "all" else (args.what,)
    for kind in kinds:
        check_file(out / kind / "README.md")
    trained = read_run(args.run, args.arm, args.config.model.path)
    if "merged" in kinds or pathlib.Path(args.config.model.path or ".").is_file():
        trained = check_base(trained, args.force)
    stack = make_stack(trained.loras)
    if "merged" in kinds:  # refuse a wrong base, or a loss without --lossy, before anything is written
        folder = base_folder(trained)
        config = read_config(folder)
        params = load_params(folder, config, jnp.float32)
        check_loss(params, stack, args.merged_dtype, args.lossy)
    if "adapters" in kinds:
        export_adapters(trained, str(out / "adapters"))
    if "composite" in kinds:
        export_composite(trained, stack, str(out / "composite"))
    if "merged" in kinds:
        export_merged(trained, params, config, stack, str(out / "merged"), folder, args.merged_dtype)
    print(f"{trained.arm.name}: {', '.join(kinds)} written under {out}")


def read_run(seed_folder: str, arm: str, base: str = "") -> Trained:
    """Read the finished adapters of an arm from a seed's folder.

    Args:
      seed_folder: `<workdir>/seed<k>`.
      arm: the arm's name.
      base: the base's path or Hub id; "" takes the one the run recorded.

    Raises:
      UserError: an unknown arm, no such folder, or an adapter that is missing, unfinished or damaged.
    """
    folder, arm_served = epath.Path(seed_folder), get_arm(arm, "--arm")
    if not folder.is_dir():
        raise UserError(f"--run={seed_folder}: no such folder; name a seed's folder, as in --run=runs/demo/seed0")
    if seeds := sorted(path.name for path in folder.glob("seed[0-9]*")):
        raise UserError(f"--run={seed_folder}: a workdir; name the folder of one seed, as in --run={folder / seeds[0]}")
    names = dict.fromkeys((*arm_served.merged, *arm_served.serves))
    for adapter in (folder / name / "adapter" for name in names):
        if not adapter.exists():
            remedy = "let the run finish (same command, same --workdir) or check --run"
            raise UserError(f"{adapter}: no finished adapter; {remedy}")
        if reason := find_corruption(adapter):
            raise UserError(f"{adapter}: {reason}; run the experiment again, it repairs this adapter")
    loras = {name: load_peft(str(folder / name / "adapter")) for name in names}
    if not loras:
        return Trained(arm_served, {}, base or NANO, "", "")
    last = list(loras)[-1]
    stage = read_claim(folder / last / "stage.json")
    if stage is None:
        raise UserError(f"{folder / last / 'stage.json'}: missing or damaged; run the experiment again, it repairs it")
    recorded = json.loads(read_text(folder / last / "adapter" / CONFIG_FILE))["base_model_name_or_path"]
    return Trained(arm_served, loras, base or recorded, stage["base"], stage["prompt"]["template"])


def base_folder(trained: Trained) -> str:
    """Return the local folder or GGUF file of the base; raises `UserError` if it cannot be found."""
    return resolve_folder("" if trained.base == NANO else trained.base)


def check_base(trained: Trained, force: bool) -> Trained:
    """Return the arm, with a warning where its base is not the one its adapters were trained on and `force` is set.

    Raises:
      UserError: the base cannot be found, or it is another one and `force` is not set.
    """
    folder = base_folder(trained)
    actual = hash_weights(folder)
    if trained.base_hash in ("", actual):
        return trained
    reason = f"{folder}: not the weights this run was trained on"
    if not force:
        hashes = f"{trained.base_hash[:16]}... is wanted, and this is {actual[:16]}..."
        raise UserError(
            f"{reason}; name the right base with --config.model.path ({hashes}), or --force to use this one"
        )
    warn(f"{reason}; used all the same, by --force")
    return dataclasses.replace(
        trained,
        warning=f". **Not the base of the adapters**, which were trained on weights of SHA-256 `{trained.base_hash}`",
    )


@contextlib.contextmanager
def companion_folder(folder: str) -> Iterator[str]:
    """Yield a folder with the tokenizer files of a base: its own, or one with those rebuilt from a GGUF file."""
    if not is_gguf(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in tokenizer_files(read_gguf(folder)).items():
            write_text(pathlib.Path(scratch) / name, content)
        yield scratch


def export_adapters(trained: Trained, folder: str) -> None:
    """Write each adapter of the arm alone, as `folder/<name>` in the PEFT layout."""
    if not trained.loras:
        raise UserError(f"the {trained.arm.name} arm has no adapters; export it with --what=merged")
    for name, lora in trained.loras.items():
        stage = get_stage(name)
        text = f"One LoRA adapter, trained directly on the base: {stage.about}."
        if below := ", ".join(f"`{other}`" for other in (*stage.merged, *stage.under)):
            text = f"One LoRA adapter: {stage.about}. It was trained on top of {below}; alone it is a probe."
        save_peft(f"{folder}/{name}", lora, trained.base)
        _write_card(f"{folder}/{name}", trained, f"Adapter `{name}` alone", text, {name: lora})


def export_composite(trained: Trained, stack: Stack, folder: str) -> None:
    """Write the whole stack as one PEFT adapter by concatenating ranks, which is exact."""
    save_peft(folder, concatenate(stack), trained.base)
    text = "All adapters of the arm as one, their ranks concatenated: the same function as the adapters side by side."
    _write_card(folder, trained, f"Composite adapter of `{trained.arm.name}`", text, trained.loras)


def check_loss(params: dict, stack: Stack, dtype: str, lossy: bool) -> None:
    """Print how much of the adapters merging into a type narrower than float32 leaves.

    Raises:
      UserError: it would be written in such a type without --lossy.
    """
    if dtype == "float32" or not stack.adapters:
        return
    share, cosine = merged_share(params, stack, DTYPES[dtype])
    loss = f"merged in {dtype}, {share:.1%} of the adapters' change of the weights is left (cosine {cosine:.2f})"
    if not lossy:
        raise UserError(f"{loss}; leave out --merged_dtype for float32, or add --lossy to write it all the same")
    print(loss)


def export_merged(
    trained: Trained,
    params: dict,
    config: Qwen2Config,
    stack: Stack,
    folder: str,
    source_folder: str,
    dtype: str = "float32",
) -> None:
    """Write the base with the stack folded in, as a checkpoint with the tokenizer of `source_folder`.

    In float32 unless told otherwise, because half precision would round most of a small adapter away.
    """
    with companion_folder(source_folder) as companions:
        save_params(folder, merge(params, stack, DTYPES[dtype]), config, companions)
    text = f"The base with all adapters of the arm folded into its weights, in {dtype}."
    _write_card(folder, trained, f"Merged weights of `{trained.arm.name}`", text, trained.loras, merged=dtype)


def _write_card(
    folder: str, trained: Trained, title: str, text: str, loras: Mapping[str, Lora], merged: str = ""
) -> None:
    """Write the folder's `README.md`, a model card; `merged` is the type of merged weights, "" for adapters."""
    rows = [
        f"| `{name}` | {get_stage(name).about} | {lora.rank} | {lora.alpha:g} | {lora.scaling} |"
        for name, lora in loras.items()
    ]
    table = (
        "\n".join(["| adapter | made by | rank | alpha | scaling |", "|---|---|---|---|---|", *rows]) if rows else ""
    )
    nano = trained.base == NANO
    code = _MERGED_CODE.format(dtype=merged) if merged else _peft_code(trained.base)
    card = _CARD.format(
        library="transformers" if merged else "peft",
        front="" if nano or epath.Path(trained.base).exists() else f"base_model: {trained.base}\n",
        title=title,
        text=text,
        base=trained.base,
        hint=", the one embedded in the package" if nano else _describe_gguf(trained),
        warning=trained.warning,
        arm=trained.arm.name,
        about=trained.arm.about,
        template=trained.template or "any",
        version=alignment.__version__,
        adapters=table,
        code=code,
    )
    with staged(folder) as scratch:
        write_text(scratch / "README.md", card)


def _peft_code(base: str) -> str:
    """Python that attaches an adapter to its base in PEFT."""
    if base == NANO:
        return _PEFT_CODE.format(imports="from alignment.models.hf import resolve_folder\n", base='resolve_folder("")')
    path = pathlib.Path(base)
    named = f'"{path.parent}", gguf_file="{path.name}"' if is_gguf(base) else f'"{base}"'
    return _PEFT_CODE.format(imports="", base=named)


def _describe_gguf(trained: Trained) -> str:
    """What a card says of a base in a GGUF file; its types are those of the file, or of the hash where it is gone."""
    if not is_gguf(trained.base):
        return ""
    is_there = pathlib.Path(trained.base).is_file()
    types = quantisation_of(trained.base) if is_there else trained.base_hash.partition("-")[0]
    return (
        f", a GGUF file ({types}). Everything was trained on its dequantised weights and belongs to them: "
        "on the weights before they were quantised it computes something else"
    )


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of this command."""
    parser.add_argument("--run", required=True, metavar="FOLDER", help="a seed's folder, such as runs/demo/seed0")
    parser.add_argument("--arm", required=True, metavar="NAME", help="the arm to export")
    parser.add_argument("--what", default="all", choices=(*WHAT, "all"), help="default: all")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where to write (local or gs://)")
    types = ", ".join(DTYPES)
    parser.add_argument("--merged_dtype", default="float32", choices=tuple(DTYPES), help=f"of merged weights: {types}")
    parser.add_argument("--lossy", action="store_true", help="write merged weights that lose part of the adapters")
    parser.add_argument(
        "--force", action="store_true", help="write into an --out that is not empty; use a base that is not the run's"
    )


if __name__ == "__main__":
    sys.exit(cli.main(run, description=__doc__, add_flags=add_flags, needs_workdir=False, resumes=False))
