"""What the export writes is what the run trained: for us, for PEFT and for transformers."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import made_gguf
import numpy as np
import pytest
from golden import make_golden as golden
from tiny import write_folder

from alignment import cli, export
from alignment.adapters.lora import Lora, LoraConfig, init_lora
from alignment.adapters.peft import load_peft, save_peft
from alignment.adapters.stack import make_stack
from alignment.common.manifest import seal
from alignment.models import qwen2
from alignment.models.config import read_config
from alignment.models.hf import load_params
from alignment.rollout.base_model import hash_weights
from alignment.run.store import claim
from alignment.text.tokenizer import load_tokenizer

FIELDS = golden.MODELS["tied"]
TOLERANCE = 1e-4  # of float32 logits; how exact a composite is at more ordinary weights is seen in tests/adapters
TRAINED = {"reasoning": "reasoning", "reward": "reward", "reward_on_merged": "rslora"}  # stage -> golden adapter


@pytest.fixture
def base(tmp_path) -> Path:
    folder = golden.write_model(tmp_path / "base", FIELDS)
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.fixture
def seed_folder(tmp_path, base) -> Path:
    """A seed's folder as an experiment leaves it."""
    folder = tmp_path / "run" / "seed0"
    for stage, name in TRAINED.items():
        drawn = golden.write_adapter(tmp_path / "drawn" / name, name, FIELDS, len(name))
        save_peft(str(folder / stage / "adapter"), load_peft(str(drawn)), str(base))
        seal(folder / stage / "adapter")
        settings = {"base": hash_weights(str(base)), "prompt": {"template": "think_answer"}}
        claim(folder / stage / "stage.json", settings)
    return folder


def door(*argv: str) -> int:
    return cli.main(
        export.run,
        description="export",
        add_flags=export.add_flags,
        needs_workdir=False,
        argv=[str(part) for part in argv],
    )


def adapter_of(seed_folder: Path, stage: str) -> Lora:
    return load_peft(str(seed_folder / stage / "adapter"))


def our_logits(base: Path, **loras: Lora) -> np.ndarray:
    config = read_config(str(base))
    params = load_params(str(base), config, jnp.float32)
    hidden = qwen2.hidden_states(params, config, jnp.asarray(golden.sequences()), make_stack(loras))
    mask = np.arange(golden.sequences().shape[1]) < np.asarray(golden.LENGTHS)[:, None]
    return np.asarray(qwen2.logits(params, hidden)) * mask[..., None]


def test_everything_of_the_modular_arm(tmp_path, base, seed_folder, capsys):
    out = tmp_path / "out"
    assert door(f"--run={seed_folder}", "--arm=modular", f"--out={out}") == 0
    assert "modular: adapters, composite, merged written under" in capsys.readouterr().out
    loras = {name: adapter_of(seed_folder, name) for name in ("reasoning", "reward")}
    for name, lora in loras.items():
        exported = load_peft(str(out / "adapters" / name))
        for factor in ("a", "b"):
            np.testing.assert_array_equal(exported.modules["q_proj"][factor], lora.modules["q_proj"][factor])
        assert exported.scale == lora.scale
    both = our_logits(base, **loras)
    assert np.abs(our_logits(base) - both).max() > 0.1
    assert np.abs(our_logits(base, composite=load_peft(str(out / "composite"))) - both).max() <= TOLERANCE
    assert np.abs(our_logits(out / "merged") - both).max() <= TOLERANCE
    assert (out / "merged" / "tokenizer.json").read_text() == "{}"
    assert not list(out.rglob(".partial*"))


@pytest.mark.parametrize("what", ["adapters", "composite", "merged"])
def test_one_kind_alone(tmp_path, seed_folder, what):
    assert door(f"--run={seed_folder}", "--arm=sft_cot", f"--what={what}", f"--out={tmp_path / 'out'}") == 0
    assert [folder.name for folder in (tmp_path / "out").iterdir()] == [what]


def test_an_adapter_on_a_merged_base_brings_what_was_merged(tmp_path, base, seed_folder):
    assert door(f"--run={seed_folder}", "--arm=modular_merged", f"--out={tmp_path / 'out'}") == 0
    loras = {name: adapter_of(seed_folder, name) for name in ("reasoning", "reward_on_merged")}
    expected = our_logits(base, **loras)
    composite = load_peft(str(tmp_path / "out" / "composite"))
    assert np.abs(our_logits(base, composite=composite) - expected).max() <= TOLERANCE
    assert np.abs(our_logits(tmp_path / "out" / "merged") - expected).max() <= TOLERANCE
    card = (tmp_path / "out" / "adapters" / "reward_on_merged" / "README.md").read_text()
    assert "trained on top of `reasoning`; alone it is a probe" in card


def test_a_bfloat16_merge_says_what_is_lost_and_is_written_only_on_request(tmp_path, base, seed_folder, capsys):
    out = tmp_path / "out"
    flags = f"--run={seed_folder}", "--arm=modular", "--what=all", f"--out={out}", "--merged_dtype=bfloat16"
    assert door(*flags) == 2
    refused = capsys.readouterr().err
    assert "% of the adapters' change" in refused and "--lossy" in refused and not out.exists()
    assert door(*flags, "--lossy") == 0
    assert refused.split(";")[0].removeprefix("error: ") in capsys.readouterr().out
    assert '"bfloat16"' in (out / "merged" / "config.json").read_text()
    assert 'dtype="bfloat16"' in (out / "merged" / "README.md").read_text()


def test_merging_the_bare_base_into_bfloat16_has_no_adapter_to_lose(tmp_path, base, seed_folder, capsys):
    flags = f"--run={seed_folder}", "--arm=base", "--what=merged", f"--out={tmp_path / 'out'}"
    assert door(*flags, f"--config.model.path={base}", "--merged_dtype=bfloat16") == 0
    assert "change of the weights" not in capsys.readouterr().out


@pytest.mark.parity
def test_torch_loads_every_folder(tmp_path, base, seed_folder):
    peft = pytest.importorskip("peft")
    from transformers import Qwen2ForCausalLM

    out = tmp_path / "out"
    assert door(f"--run={seed_folder}", "--arm=modular", f"--out={out}") == 0
    loras = {name: adapter_of(seed_folder, name) for name in ("reasoning", "reward")}
    expected = {
        "adapters/reasoning": our_logits(base, reasoning=loras["reasoning"]),
        "adapters/reward": our_logits(base, reward=loras["reward"]),
        "composite": our_logits(base, **loras),
        "merged": our_logits(base, **loras),
    }
    for name, ours in expected.items():
        start = out / "merged" if name == "merged" else base
        model = Qwen2ForCausalLM.from_pretrained(start, dtype="float32")
        model = model if name == "merged" else peft.PeftModel.from_pretrained(model, out / name)
        theirs = golden.torch_logits(model.eval(), golden.sequences(), golden.LENGTHS)
        print(f"{name}: max |dlogit| = {np.abs(theirs - ours).max():.1e}")
        assert np.abs(theirs - ours).max() <= TOLERANCE, name


def test_every_folder_has_a_card(tmp_path, base, seed_folder):
    out = tmp_path / "out"
    assert door(f"--run={seed_folder}", "--arm=modular", f"--out={out}") == 0
    cards = {card.parent.relative_to(out).as_posix(): card.read_text() for card in out.rglob("README.md")}
    assert set(cards) == {"adapters/reasoning", "adapters/reward", "composite", "merged"}
    for name, card in cards.items():
        assert "**Research only, not for patient care.**" in card
        assert f"Base model: `{base}`" in card and "Prompt template: `think_answer`" in card
        assert ("library_name: transformers" in card) == (name == "merged")
        assert "base_model:" not in card  # a local folder is no model of the Hub
    assert "| `reasoning` | chain-of-thought SFT of the reasoning adapter | 4 | 8 | lora |" in cards["composite"]
    assert "trained on top of `reasoning`" in cards["adapters/reward"]


def test_hub_id_and_embedded_base_in_the_card(tmp_path, seed_folder):
    hub = export.read_run(str(seed_folder), "sft_cot", "Qwen/Qwen2.5-0.5B-Instruct")
    export.export_adapters(hub, str(tmp_path / "hub"))
    card = (tmp_path / "hub" / "reasoning" / "README.md").read_text()
    assert "base_model: Qwen/Qwen2.5-0.5B-Instruct\n" in card
    assert 'from_pretrained("Qwen/Qwen2.5-0.5B-Instruct", dtype="float32")' in card
    nano = export.read_run(str(seed_folder), "sft_cot", "nano")
    export.export_adapters(nano, str(tmp_path / "nano"))
    card = (tmp_path / "nano" / "reasoning" / "README.md").read_text()
    assert "base_model:" not in card and 'from_pretrained(resolve_folder(""), dtype="float32")' in card


def test_the_card_of_merged_weights_loads_the_tokenizer_of_the_folder(tmp_path):
    base, out = write_folder(tmp_path / "base"), tmp_path / "out"
    flags = ("--run=.", "--arm=base", f"--config.model.path={base}", "--what=merged")
    assert door(*flags, f"--out={out}") == 0
    card = (out / "merged" / "README.md").read_text()
    code = card[card.index("```python") + len("```python") : card.rindex("```")]
    lines = [
        line for line in code.replace("path/to/this/folder", str(out / "merged")).splitlines() if "okenizer" in line
    ]
    script = tmp_path / "card.py"
    script.write_text("\n".join(lines).replace("AutoModelForCausalLM, ", ""))
    names = runpy.run_path(str(script))
    ours = load_tokenizer(base)
    for text in ("Patient 38 has  fever.\n\n  120/80", "<|im_start|>user\nA<|im_end|>"):
        assert names["tokenizer"](text)["input_ids"] == ours(text, add_special_tokens=False)["input_ids"]


def test_the_base_arm_has_only_weights(tmp_path, base, seed_folder, capsys):
    flags = (f"--run={seed_folder}", "--arm=base", f"--config.model.path={base}")
    assert door(*flags, f"--out={tmp_path / 'out'}", "--what=merged") == 0
    np.testing.assert_array_equal(our_logits(tmp_path / "out" / "merged"), our_logits(base))
    assert door(*flags, f"--out={tmp_path / 'other'}", "--what=adapters") == 2
    assert "the base arm has no adapters; export it with --what=merged" in capsys.readouterr().err
    assert door(*flags, f"--out={tmp_path / 'other'}", "--what=composite") == 2
    assert not (tmp_path / "other").exists()


def test_a_folder_in_use_is_refused_without_force(tmp_path, seed_folder, capsys):
    out = tmp_path / "out"
    flags = (f"--run={seed_folder}", "--arm=sft_cot", "--what=adapters", f"--out={out}")
    out.mkdir()
    assert door(*flags) == 0  # an empty folder is free
    (out / "notes.txt").write_text("mine")
    card = out / "adapters" / "reasoning" / "README.md"
    card.write_text("old")
    assert door(*flags) == 2
    assert "is not empty; choose another folder, or --force" in capsys.readouterr().err
    assert card.read_text() == "old"
    assert door(*flags, "--force") == 0
    assert card.read_text() != "old" and (out / "notes.txt").read_text() == "mine"


def test_another_base_is_refused_before_anything_is_written(tmp_path, seed_folder, capsys):
    other = golden.write_model(tmp_path / "other", FIELDS, golden.model_tensors(FIELDS, seed=9))
    flags = (f"--run={seed_folder}", "--arm=modular", f"--config.model.path={other}", f"--out={tmp_path / 'out'}")
    assert door(*flags) == 2
    assert "other: not the weights this run was trained on; name the right base" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert door(*flags, "--force") == 0
    assert "used all the same, by --force" in capsys.readouterr().out
    cards = [card.read_text() for card in (tmp_path / "out").rglob("README.md")]
    assert len(cards) == 4 and all("**Not the base of the adapters**" in card for card in cards)


# ---------------------------------------------------------------------------------------------------------- GGUF files


@pytest.fixture
def gguf_run(tmp_path) -> tuple[Path, Path]:
    """A quantised Llama, and the folder of a seed whose reasoning adapter was trained on it."""
    base = made_gguf.write_model(tmp_path / "tiny.Q4_K.gguf", "llama", "Q4_K")
    config, folder = read_config(str(base)), tmp_path / "run" / "seed0"
    shape = LoraConfig(rank=2, alpha=4.0, targets=qwen2.PROJECTIONS)
    fresh = init_lora(jax.random.key(0), config.linear_shapes, config.num_hidden_layers, shape)
    lora = jax.tree.map(lambda leaf: 0.1 * jax.random.normal(jax.random.key(leaf.size), leaf.shape), fresh)
    save_peft(str(folder / "reasoning" / "adapter"), lora, str(base))
    seal(folder / "reasoning" / "adapter")
    settings = {"base": hash_weights(str(base)), "prompt": {"template": "think_answer"}}
    claim(folder / "reasoning" / "stage.json", settings)
    return base, folder


def test_what_was_trained_on_a_gguf_file(tmp_path, gguf_run, capsys):
    base, folder = gguf_run
    out = tmp_path / "out"
    assert door(f"--run={folder}", "--arm=sft_cot", f"--out={out}") == 0
    expected = our_logits(base, one=adapter_of(folder, "reasoning"))
    assert np.abs(our_logits(base) - expected).max() > 0.1
    assert np.abs(our_logits(out / "merged") - expected).max() <= TOLERANCE
    assert read_config(str(out / "merged")) == read_config(str(base))
    ours, theirs = load_tokenizer(base), load_tokenizer(out / "merged")
    assert theirs("the pain <|im_end|>") == ours("the pain <|im_end|>") and theirs.roles == ours.roles
    for card in ((out / name / "README.md").read_text() for name in ("merged", "composite", "adapters/reasoning")):
        assert f"Base model: `{base}`, a GGUF file (Q4_K 99%, F32 <1%). Everything was trained on its" in card
        assert "base_model:" not in card
    assert (
        f'from_pretrained("{tmp_path}", gguf_file="{base.name}", dtype="float32")'
        in (out / "composite" / "README.md").read_text()
    )


def test_a_base_of_another_quantisation_is_refused_by_its_hash(tmp_path, gguf_run, capsys):
    other = made_gguf.write_model(tmp_path / "tiny.F16.gguf", "llama", "F16")
    flags = f"--run={gguf_run[1]}", "--arm=sft_cot", f"--config.model.path={other}", "--what=composite"
    assert door(*flags, f"--out={tmp_path / 'out'}") == 2
    assert "not the weights this run was trained on; name the right base with --config.model.path (Q4_K-" in (
        capsys.readouterr().err
    )
    assert door(*flags, f"--out={tmp_path / 'out'}", "--force") == 0
    card = (tmp_path / "out" / "composite" / "README.md").read_text()
    assert "a GGUF file (F16" in card and "trained on weights of SHA-256 `Q4_K-" in card


@pytest.mark.parity
def test_torch_loads_what_was_trained_on_a_gguf_file(tmp_path, gguf_run):
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    base, folder = gguf_run
    out = tmp_path / "out"
    assert door(f"--run={folder}", "--arm=sft_cot", f"--out={out}") == 0
    expected = our_logits(base, one=adapter_of(folder, "reasoning"))
    dequantised = AutoModelForCausalLM.from_pretrained(base.parent, gguf_file=base.name, dtype="float32")
    models = {
        "composite": peft.PeftModel.from_pretrained(dequantised, out / "composite"),
        "merged": AutoModelForCausalLM.from_pretrained(out / "merged", dtype="float32"),
    }
    for name, model in models.items():
        theirs = golden.torch_logits(model.eval(), golden.sequences(), golden.LENGTHS)
        assert np.abs(theirs - expected).max() <= TOLERANCE, name


@pytest.mark.parametrize(
    ("run", "arm", "message"),
    [
        ("nowhere", "modular", "nowhere: no such folder; name a seed's folder"),
        ("run", "modular", "a workdir; name the folder of one seed, as in --run="),
        ("run/seed0/reasoning", "modular", "run/seed0/reasoning/reasoning/adapter: no finished adapter"),
        ("run/seed0", "modulr", "unknown arm (--arm) 'modulr'; did you mean 'modular'?"),
        ("run/seed0", "grpo_only", "reward_on_base/adapter: no finished adapter; let the run finish"),
    ],
)
def test_what_cannot_be_exported(tmp_path, seed_folder, capsys, run, arm, message):
    assert door(f"--run={tmp_path / run}", f"--arm={arm}", f"--out={tmp_path / 'out'}") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("file", ["adapter_model.safetensors", "MANIFEST.json"])
def test_damaged_adapter(tmp_path, seed_folder, capsys, file):
    path = seed_folder / "reasoning" / "adapter" / file
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(bytes(content))
    assert door(f"--run={seed_folder}", "--arm=modular", f"--out={tmp_path / 'out'}") == 2
    assert f"reasoning/adapter: {file} is damaged" in capsys.readouterr().err


@pytest.mark.ci
def test_entry_point_says_what_is_missing():
    done = subprocess.run([sys.executable, "-m", "alignment.export", "--arm=modular"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: the following arguments are required: --run, --out")
