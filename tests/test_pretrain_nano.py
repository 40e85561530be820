"""The nano base: what its corpus holds, that its folder is whole, and that building it is deterministic."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from alignment.data.vignettes import SHOWN, generate
from alignment.errors import UserError
from alignment.knowledge.base import load
from alignment.knowledge.prose import documents
from alignment.models.config import read_config
from alignment.models.hf import load_params, resolve_folder
from alignment.pretrain_nano import (
    EMPTY_THOUGHT,
    INSTRUCTION_SHARE,
    PIECES,
    Recipe,
    build,
    encode_corpus,
    instruction_chats,
    main,
    pack,
    short_answer,
)
from alignment.text.parser import parse
from alignment.text.templates import get_template, user_message
from alignment.text.tokenizer import encode_prompt, load_tokenizer, stop_ids

NANO = Path(resolve_folder(""))
TINY = Recipe(
    documents=60,
    instructions=3,
    vocab_size=420,
    hidden_size=16,
    layers=2,
    heads=2,
    kv_heads=1,
    length=192,
    batch_size=4,
    epochs=1.0,
)
TEMPLATE = get_template("think_answer")


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(NANO)


@pytest.fixture(scope="module")
def provenance():
    return json.loads((NANO / "PROVENANCE.json").read_text())


# -------------------------------------------------------------------------------------------------------------- corpus


def test_instructions_are_at_most_a_tenth_of_the_corpus_that_made_the_weights(provenance, tokenizer):
    corpus, recipe = provenance["corpus"], Recipe(**provenance["recipe"])
    for unit in ("items", "tokens"):
        instructions, prose = corpus[f"instruction_{unit}"], corpus[f"prose_{unit}"]
        assert 0 < instructions / (instructions + prose) <= 0.1
    assert INSTRUCTION_SHARE == 0.1
    assert (corpus["prose_items"], corpus["instruction_items"]) == (recipe.documents, recipe.instructions)


def test_a_sample_of_the_corpus_has_the_recorded_proportions(provenance, tokenizer):
    recipe = Recipe(**provenance["recipe"])
    prose, chats = documents(recipe.documents // 20, 5), instruction_chats(recipe.instructions // 20, 5)
    _, counts = encode_corpus(tokenizer, prose, chats, seed=0)
    share = {
        k: counts[f"{k}_tokens"] / (counts["prose_tokens"] + counts["instruction_tokens"])
        for k in ("prose", "instruction")
    }
    recorded = provenance["corpus"]
    total = recorded["prose_tokens"] + recorded["instruction_tokens"]
    assert share["instruction"] == pytest.approx(recorded["instruction_tokens"] / total, abs=0.01)


def test_too_many_instructions_are_refused(tokenizer):
    with pytest.raises(UserError, match="of the items, over 10%"):
        encode_corpus(tokenizer, documents(8, 0), instruction_chats(2, 0), seed=0)
    with pytest.raises(UserError, match="of the tokens, over 10%"):
        encode_corpus(tokenizer, documents(40, 0), instruction_chats(4, 0), seed=0)


def test_no_item_holds_a_chain_of_thought():
    for chat in instruction_chats(200, 0):
        reply = chat[-1]["content"]
        for thought in re.findall(r"<think>(.*?)</think>", reply, re.DOTALL):
            assert thought.strip() == EMPTY_THOUGHT and len(thought.split()) < 10
        assert len(re.sub(r"<think>.*?</think>", "", reply, flags=re.DOTALL).split()) <= 16
    for text in documents(2000, 0):
        assert "answer is" not in text and "<think>" not in text and "<|im_start|>" not in text and "?" not in text


def test_instruction_prompts_are_those_of_training_and_never_of_eval():
    records, chats = generate(40, 7, "train"), instruction_chats(40, 7)
    for record, chat in zip(records, chats, strict=True):
        assert [turn["role"] for turn in chat] == ["system", "user", "assistant"]
        assert chat[1]["content"] == user_message(record, TEMPLATE)


def test_no_case_note_shows_the_findings_of_a_vignette():
    """A case note shows at most three findings, so that no subset of five held out for eval can occur in the corpus."""
    texts = {finding.text for condition in load().conditions.values() for finding in condition.findings}
    notes = [text for text in documents(1500, 0) if re.match(r"A \d+-year-old", text)]
    assert len(notes) > 200
    for note in notes:
        opening = note.split(" The work-up finds no ")[0].split(" The key finding ")[0]
        quoted = {text for text in texts if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", opening)}
        whole = {text for text in quoted if not any(text != other and text in other for other in quoted)}
        assert 1 <= len(whole) <= 3 < SHOWN


def test_the_form_of_a_short_answer_follows_the_question():
    forms = {"strict": 0, "block": 0, "bare": 0}
    for record in generate(400, 3, "train"):
        reply = short_answer(record)
        response = parse(reply, record.letters, TEMPLATE)
        kind = "strict" if response.strict else "block" if reply.startswith("<answer>") else "bare"
        assert (kind == "bare") == (reply == record.gold) and response.letter in (record.gold, None)
        forms[kind] += 1
    assert all(count > 30 for count in forms.values())
    assert forms["strict"] < 200


def test_documents_are_seeded():
    assert documents(50, 1) == documents(50, 1) != documents(50, 2)


# -------------------------------------------------------------------------------------------------------------- folder


def test_the_weights_are_those_of_the_provenance(provenance):
    digest = hashlib.sha256((NANO / "model.safetensors").read_bytes()).hexdigest()
    assert digest == provenance["sha256"]["model.safetensors"]
    assert provenance["command"].startswith("python -m alignment.pretrain_nano --out=DIR")
    assert sum(path.stat().st_size for path in NANO.iterdir()) < 10_000_000


def test_the_model_has_about_a_million_parameters(provenance):
    config = read_config(str(NANO))
    params = load_params(str(NANO), config)
    size = sum(leaf.size for leaf in jax_leaves(params))
    assert 800_000 <= size <= 1_500_000
    assert all(np.isfinite(np.asarray(leaf)).all() for leaf in jax_leaves(params))


def jax_leaves(tree):
    import jax

    return jax.tree.leaves(tree)


def test_the_tokenizer_loads_and_keeps_the_format_cheap(tokenizer):
    assert len(tokenizer) == read_config(str(NANO)).vocab_size
    for piece in PIECES:
        assert len(tokenizer(piece, add_special_tokens=False)["input_ids"]) == 1
    text = "<think>\nFever, 38.5 °C.\n</think>\n<answer>\nB. gout \\boxed{B}\n</answer>"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    ends = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    assert set(stop_ids(tokenizer, NANO)) == set(ends)


def test_chat_template_is_chatml(tokenizer):
    chat = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert text == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"


def test_prompts_are_short(tokenizer):
    lengths = [len(encode_prompt(tokenizer, record, TEMPLATE)) for record in generate(200, 0, "eval")]
    assert np.median(lengths) <= 220 and max(lengths) <= 320


# ------------------------------------------------------------------------------------------------------------ building


def test_pack_by_hand():
    rows = pack([[1, 2], [3], [4, 5, 6, 7, 8, 9]], length=5, filler=0)
    assert rows.tolist() == [[1, 2, 0, 3, 0], [4, 5, 6, 7, 0]]
    sequences = [[1, 2], [3, 4, 5], [6]]  # the third fits behind the first, if that row is still open
    assert pack(sequences, length=5, filler=0).tolist() == [[1, 2, 0, 6, 0], [3, 4, 5, 0, 0]]
    narrow = pack(sequences, length=5, filler=0, most_open=1)
    assert narrow.tolist() == [[1, 2, 0, 0, 0], [3, 4, 5, 0, 0], [6, 0, 0, 0, 0]]


@pytest.mark.ci
def test_building_twice_gives_the_same_bits(tmp_path):
    first = build(tmp_path / "a", TINY, "x")
    second = build(tmp_path / "b", TINY, "x")
    assert first["sha256"] == second["sha256"]
    other = build(tmp_path / "c", dataclasses.replace(TINY, seed=1), "x")
    assert other["sha256"] != first["sha256"]
    config = read_config(str(tmp_path / "a"))
    assert load_params(str(tmp_path / "a"), config)["embed"].shape == (420, 16)
    assert len(load_tokenizer(tmp_path / "a")) == 420


def test_command_line_refuses_too_many_instructions(tmp_path, capsys):
    assert main([f"--out={tmp_path}", "--documents=10", "--instructions=5"]) == 2
    assert "error: instructions are" in capsys.readouterr().err
