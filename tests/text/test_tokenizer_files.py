"""What tokenizer.json says is what encodes, whatever lies beside it; side files are read as transformers reads them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import CHAT_TEMPLATE
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from alignment.errors import UserError
from alignment.text.tokenizer import encode_chat, load_tokenizer, pad_id, stop_ids

TEXTS = (
    "Temp 38.5 C, HR 120/min; BP 90/60.",
    "I don't think\n\n  it's  1234567 mg?",
    "na\u00efve cafe\u0301 \u2126 \ufb01brosis",
    " \t tabs\r\n and\u3000wide\u00a0spaces ",
    "<|im_start|>user\nWhich?<|im_end|>\n<|endoftext|>",
    "\u043f\u0440\u0438\u0432\u0435\u0442 \u4f60\u597d 42\u00b0",
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
QWEN2 = json.dumps({"model_type": "qwen2"})  # what makes AutoTokenizer build its own pre-tokeniser
PRE_TOKENIZERS = {
    "gpt2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "gpt2 with a space in front": pre_tokenizers.ByteLevel(add_prefix_space=True),
    "smollm2": pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    ),
    "threes": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d{1,3}|\p{L}+|\s+|[^\p{L}\d\s]+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    ),
    "none": pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
}
NORMALIZERS = {"smollm2": normalizers.Lowercase(), "threes": normalizers.NFKC(), "none": normalizers.NFD()}


def backend(kind: str = "gpt2") -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = PRE_TOKENIZERS[kind], decoders.ByteLevel()
    if kind in NORMALIZERS:
        made.normalizer = NORMALIZERS[kind]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(list(TEXTS) * 3, trainer)
    return made


def write(folder: Path, made: Tokenizer | None = None, template: str | None = CHAT_TEMPLATE, **fields) -> Path:
    """A folder whose config.json says qwen2; `fields` are those of tokenizer_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (made or backend()).save(str(folder / "tokenizer.json"))
    base = {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    base |= {"chat_template": template} if template else {}
    (folder / "tokenizer_config.json").write_text(json.dumps(base | fields))
    (folder / "config.json").write_text(QWEN2)
    return folder


def edit(folder: Path, **fields) -> Path:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return folder


def ids(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def raw_ids(folder: Path, text: str) -> list[int]:
    return Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False).ids


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return write(tmp_path_factory.mktemp("plain"))


# ---------------------------------------------------------------------------------------------------- text to ids


@pytest.mark.parametrize("kind", PRE_TOKENIZERS)
def test_ids_are_those_of_tokenizer_json(tmp_path, kind):
    folder = write(tmp_path, backend(kind))
    tokenizer = load_tokenizer(folder)
    assert [ids(tokenizer, text) for text in TEXTS] == [raw_ids(folder, text) for text in TEXTS]
    stored = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for text in TEXTS:
        assert tokenizer.decode(ids(tokenizer, text)) == stored.decode(raw_ids(folder, text), skip_special_tokens=False)
    auto = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    assert [ids(auto, text) for text in TEXTS] != [raw_ids(folder, text) for text in TEXTS]  # the fault is still theirs


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=80))
def test_ids_of_any_text(plain, text):
    assert ids(load_tokenizer(plain), text) == raw_ids(plain, text)


def test_the_embedded_base_is_encoded_as_it_was_trained():
    # Its tokenizer.json holds Qwen2's own pre-tokeniser, so that AutoTokenizer agrees.
    nano = Path(__file__).parents[2] / "alignment" / "assets" / "nano"
    auto = AutoTokenizer.from_pretrained(str(nano), local_files_only=True)
    for text in (*TEXTS, "<think>\nA.</think>", "\\boxed{B} (C)\nD."):
        assert ids(load_tokenizer(nano), text) == ids(auto, text) == raw_ids(nano, text)


@pytest.mark.ci
def test_a_fresh_process_encodes_as_tokenizer_json_says(tmp_path):
    folder = write(tmp_path / "model", backend("threes"))
    code = (
        "import json, sys\nfrom alignment.text.tokenizer import load_tokenizer\n"
        "tokenizer = load_tokenizer(sys.argv[1])\n"
        "print(json.dumps([tokenizer(t, add_special_tokens=False)['input_ids'] for t in json.load(sys.stdin)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [raw_ids(folder, text) for text in TEXTS]


def test_a_stored_limit_or_padding_does_not_cut_or_fill(tmp_path):
    made = backend()
    made.enable_truncation(4)
    made.enable_padding(length=300, pad_token="<|endoftext|>")
    limited = load_tokenizer(write(tmp_path / "limited", made))
    free = load_tokenizer(write(tmp_path / "free"))
    assert [ids(limited, text) for text in TEXTS] == [ids(free, text) for text in TEXTS]


def test_a_stored_post_processor_adds_nothing(tmp_path):
    made = backend()
    made.post_processor = processors.TemplateProcessing(single="<|endoftext|> $A", special_tokens=[(SPECIAL[0], 0)])
    tokenizer = load_tokenizer(write(tmp_path, made, add_bos_token=True, bos_token="<|endoftext|>"))
    assert ids(tokenizer, "fever") == raw_ids(tmp_path, "fever")


def test_random_merges_are_refused(tmp_path):
    folder = write(tmp_path)
    fields = json.loads((folder / "tokenizer.json").read_text())
    fields["model"]["dropout"] = 0.1
    (folder / "tokenizer.json").write_text(json.dumps(fields))
    with pytest.raises(UserError, match=r"tokenizer.json: model.dropout is 0.1\d*, so that ids are random"):
        load_tokenizer(folder)


def test_spaces_before_punctuation_survive_decoding(tmp_path):
    tokenizer = load_tokenizer(write(tmp_path, clean_up_tokenization_spaces=True))
    assert tokenizer.decode(ids(tokenizer, "is it B ? no .")) == "is it B ? no ."


# -------------------------------------------------------------------------------------------- without tokenizer.json


def write_parts(folder: Path, **fields) -> Path:
    """vocab.json and merges.txt of a Qwen2 tokenizer, without tokenizer.json."""
    made = backend("none")
    stored = json.loads(made.to_str())["model"]
    folder.mkdir(parents=True, exist_ok=True)
    vocab = {token: index - len(SPECIAL) for token, index in stored["vocab"].items() if token not in SPECIAL}
    (folder / "vocab.json").write_text(json.dumps(vocab))
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in stored["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    entries = {str(len(vocab) + i): {"content": text, "special": True} for i, text in enumerate(SPECIAL)}
    base = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "chat_template": CHAT_TEMPLATE}
    fields = base | {"added_tokens_decoder": entries} | fields
    (folder / "tokenizer_config.json").write_text(json.dumps(fields))
    return folder


def test_vocabulary_and_merges_are_read_the_way_of_qwen2(tmp_path):
    from transformers import Qwen2Tokenizer

    folder = write_parts(tmp_path, tokenizer_class="Qwen2Tokenizer")
    tokenizer, theirs = load_tokenizer(folder), Qwen2Tokenizer.from_pretrained(str(folder), local_files_only=True)
    assert [ids(tokenizer, text) for text in TEXTS] == [ids(theirs, text) for text in TEXTS]
    assert tokenizer.get_vocab() == theirs.get_vocab()


def test_added_tokens_json_gives_the_ids(tmp_path):
    folder = write_parts(tmp_path)
    entries = json.loads((folder / "tokenizer_config.json").read_text())["added_tokens_decoder"]
    expected = load_tokenizer(folder).get_vocab()
    edit(folder, added_tokens_decoder=None)
    (folder / "added_tokens.json").write_text(json.dumps({v["content"]: int(k) for k, v in entries.items()}))
    assert load_tokenizer(folder).get_vocab() == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tokenizer_class": "GPT2Tokenizer"}, "read for Qwen2Tokenizer alone, not GPT2Tokenizer"),
        ({"added_tokens_decoder": None}, "eos_token '<|im_end|>' is not an added token"),
        ({"added_tokens_decoder": {"99999": {"content": "<|im_end|>"}}}, "token '<|im_end|>' has id 99999, but"),
        ({"added_tokens_decoder": {"x": {"content": "<|im_end|>"}}}, "its added tokens cannot be read"),
        ({"added_tokens_decoder": {"400": "<|im_end|>"}}, "its added tokens cannot be read"),
        ({"added_tokens_decoder": ["<|im_end|>"]}, "its added tokens cannot be read"),
    ],
)
def test_parts_that_do_not_give_ids_are_refused(tmp_path, fields, message):
    with pytest.raises(UserError) as raised:
        load_tokenizer(write_parts(tmp_path, **fields))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


# ---------------------------------------------------------------------------------------------------- special tokens


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"extra_special_tokens": ["<|im_start|>", "<|im_end|>"]},
        {"extra_special_tokens": {"image_token": "<|im_start|>"}},
        {"extra_special_tokens": None},
        {"additional_special_tokens": ["<|im_start|>", {"__type": "AddedToken", "content": "<|im_end|>"}]},
        {"eos_token": {"__type": "AddedToken", "content": "<|im_end|>", "lstrip": True, "special": True}},
        {"eos_token": {"content": "<|im_end|>"}},
        {"pad_token": "<|im_end|>"},
        {"pad_token": None},
        {"bos_token": None, "unk_token": None},
        {"unk_token": "<|endoftext|>"},
        {"image_token": "<|im_start|>"},
        {"added_tokens_decoder": {"2": {"content": "<|im_end|>", "rstrip": True}}},
        {"auto_map": {"AutoConfig": "configuration_mine.Mine"}},
        {"auto_map": None},
        {"tokenizer_class": "LlamaTokenizerFast"},
        {"model_max_length": 1, "padding_side": "left", "add_prefix_space": True, "errors": "ignore"},
    ],
)
def test_side_fields_change_no_id_and_no_end(plain, tmp_path, fields):
    tokenizer = load_tokenizer(write(tmp_path, **fields))
    assert [ids(tokenizer, text) for text in TEXTS] == [raw_ids(plain, text) for text in TEXTS]
    assert tokenizer.eos_token == "<|im_end|>"
    assert stop_ids(tokenizer, tmp_path) == (2,)
    assert pad_id(tokenizer) == (2 if "pad_token" in fields else 0)


def test_roles_that_no_file_names_are_those_of_qwen2(tmp_path):
    folder = write(tmp_path)
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": CHAT_TEMPLATE}))
    tokenizer = load_tokenizer(folder)
    auto = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    assert (tokenizer.eos_token, tokenizer.pad_token) == (auto.eos_token, auto.pad_token)
    assert stop_ids(tokenizer, folder) == (0, 2)


def test_no_end_and_no_padding_at_all(tmp_path):
    tokenizer = load_tokenizer(write(tmp_path, eos_token=None, pad_token=None))
    assert stop_ids(tokenizer, tmp_path) == (2,)
    assert pad_id(tokenizer) == 2


def test_the_map_of_special_tokens_is_read(tmp_path):
    folder = write(tmp_path, eos_token=None)
    named = {"eos_token": {"content": "<|im_end|>", "lstrip": False}, "pad_token": "<|endoftext|>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(named | {"additional_special_tokens": ["<|im_start|>"]}))
    assert load_tokenizer(folder).eos_token == "<|im_end|>"


def test_padding_with_the_end_token_still_trains_on_it(tmp_path):
    tokenizer = load_tokenizer(write(tmp_path, pad_token="<|im_end|>"))
    chat = [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": "B"}]
    tokens, mask = encode_chat(tokenizer, chat)
    assert [token for token, trained in zip(tokens, mask, strict=True) if trained] == [*ids(tokenizer, "B"), 2]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"eos_token": "<|stop|>"}, "tokenizer_config.json: eos_token '<|stop|>' is not an added token of"),
        ({"pad_token": "fever"}, "pad_token 'fever' is not an added token"),
        ({"pad_token": "a"}, "pad_token 'a' is not an added token"),  # in the vocabulary, yet split from its neighbours
        ({"eos_token": 5}, "eos_token holds 5; it must be the text of a token"),
        ({"eos_token": ["<|im_end|>"]}, "eos_token holds ['<|im_end|>']"),
        ({"eos_token": {"id": 2}}, "eos_token holds {'id': 2}"),
        ({"eos_token": ""}, "eos_token holds ''"),
        ({"image_token": "<|image|>"}, "image_token '<|image|>' is not an added token"),
        ({"extra_special_tokens": ["<|new|>"]}, "extra_special_tokens '<|new|>' is not an added token"),
        ({"extra_special_tokens": "<|im_end|>"}, "extra_special_tokens is '<|im_end|>'; it must be a list"),
        ({"extra_special_tokens": [7]}, "extra_special_tokens holds 7"),
        ({"additional_special_tokens": ["<|new|>"]}, "additional_special_tokens '<|new|>' is not"),
        ({"added_tokens_decoder": {"9": {"content": "<|im_end|>"}}}, "'<|im_end|>' has id 9, but 2 in tokenizer.json"),
        ({"added_tokens_decoder": {"400": {"content": "<|new|>"}}}, "'<|new|>' has id 400, but None in tokenizer.json"),
        ({"split_special_tokens": True}, "split_special_tokens would encode chat tokens as plain text"),
        ({"auto_map": {"AutoTokenizer": ["a.B", None]}}, "auto_map names code of the folder, which is never run"),
        ({"auto_map": ["a.B", None]}, "auto_map names code"),
    ],
)
def test_side_fields_that_contradict_the_file_are_one_line(tmp_path, fields, message):
    with pytest.raises(UserError) as raised:
        load_tokenizer(write(tmp_path, **fields))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("special_tokens_map.json", '{"eos_token": "<|endoftext|>"}', "eos_token is '<|endoftext|>', and '<|im_end|>'"),
        ("special_tokens_map.json", '{"eos_token": "<|stop|>"}', "eos_token '<|stop|>' is not an added token"),
        ("special_tokens_map.json", "[]", "special_tokens_map.json: not a JSON object"),
        ("added_tokens.json", '{"<|im_end|>": 1}', "added_tokens.json: token '<|im_end|>' has id 1, but 2"),
        ("added_tokens.json", '{"<|new|>": 400}', "'<|new|>' has id 400, but None in tokenizer.json"),
        ("added_tokens.json", '{"<|im_end|>": null}', "its added tokens cannot be read"),
        ("tokenizer_config.json", "[]", "tokenizer_config.json: not a JSON object"),
        ("tokenizer_config.json", "\x00", "tokenizer_config.json: not valid JSON"),
        ("tokenizer.json", "{}", "the tokenizer cannot be read"),
        (
            "tokenizer.json",
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "the tokenizer cannot be read",
        ),
    ],
)
def test_side_files_that_contradict_the_file_are_one_line(tmp_path, name, content, message):
    (write(tmp_path) / name).write_text(content)
    with pytest.raises(UserError) as raised:
        load_tokenizer(tmp_path)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_chat_token_that_the_file_splits_is_refused(tmp_path):
    made = backend()
    fields = json.loads(made.to_str())
    fields["added_tokens"] = [token for token in fields["added_tokens"] if token["content"] != "<|im_end|>"]
    folder = write(tmp_path, Tokenizer.from_str(json.dumps(fields)), eos_token="<|endoftext|>")
    with pytest.raises(UserError, match=r"tokenizer.json splits <\|im_end\|>; make it an added token"):
        load_tokenizer(folder)


# ----------------------------------------------------------------------------------------------------- chat template

OTHER = CHAT_TEMPLATE.replace("'\n'", "' other\n'")


@pytest.mark.parametrize(
    ("template", "files"),
    [
        (CHAT_TEMPLATE, {}),
        (None, {"chat_template.jinja": CHAT_TEMPLATE}),
        (OTHER, {"chat_template.jinja": CHAT_TEMPLATE}),
        ([{"name": "default", "template": CHAT_TEMPLATE}, {"name": "tool_use", "template": OTHER}], {}),
        ([{"name": "rag", "template": OTHER}, {"name": "default", "template": CHAT_TEMPLATE}], {}),
        ({"tool_use": OTHER, "default": CHAT_TEMPLATE}, {}),
        (None, {"chat_template.jinja": CHAT_TEMPLATE, "additional_chat_templates/tool_use.jinja": OTHER}),
    ],
)
def test_the_template_is_the_one_transformers_takes(tmp_path, template, files):
    folder = write(tmp_path, template=template)
    for name, source in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(source)
    chat = [{"role": "user", "content": "Which?"}]
    options = {"tokenize": False, "add_generation_prompt": True}
    text = load_tokenizer(folder).apply_chat_template(chat, **options)
    assert text == "<|im_start|>user\nWhich?<|im_end|>\n<|im_start|>assistant\n"
    theirs = PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)
    assert text == theirs.apply_chat_template(chat, **options)


@pytest.mark.parametrize(
    ("template", "files", "message"),
    [
        (None, {}, "no chat template; add chat_template.jinja"),
        (None, {"chat_template.jinja": ""}, "no chat template"),
        (None, {"chat_template.json": json.dumps({"chat_template": CHAT_TEMPLATE})}, "no chat template"),
        (None, {"additional_chat_templates/tool_use.jinja": CHAT_TEMPLATE}, "no chat template"),
        (None, {"additional_chat_templates/default.jinja": CHAT_TEMPLATE}, "holds default.jinja; move it to"),
        (CHAT_TEMPLATE, {"additional_chat_templates/default.jinja": OTHER}, "holds default.jinja; move it to"),
        ([], {}, "no chat template"),
        (5, {}, "chat_template is 5; it must be the text of a template"),
        ([{"name": "chat", "template": CHAT_TEMPLATE}], {}, "none of the chat templates (chat) is called default"),
        ({"tool_use": CHAT_TEMPLATE}, {}, "none of the chat templates (tool_use) is called default"),
        ([CHAT_TEMPLATE], {}, "chat_template is no list of templates with name and template"),
        ([{"name": "default"}], {}, "chat_template is no list of templates with name and template"),
        ([{"name": "default", "template": 5}], {}, "chat_template is 5"),
        ("{% for m in messages %}", {}, "the chat template fails ("),
        ("{{ raise_exception('tools only') }}", {}, "the chat template fails (tools only)"),
        ("{{ 1 + none }}", {}, "the chat template fails ("),
        ("<|im_start|>assistant\n", {}, "the chat template drops the question"),
        (CHAT_TEMPLATE.replace("add_generation_prompt", "false"), {}, "or the header that opens the assistant's turn"),
        (CHAT_TEMPLATE.replace("m", "x", 1), {}, "the chat template"),
    ],
)
def test_a_template_that_cannot_serve_is_one_line(tmp_path, template, files, message):
    folder = write(tmp_path, template=template)
    for name, source in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(source)
    with pytest.raises(UserError) as raised:
        load_tokenizer(folder)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_template_that_is_not_utf8_is_one_line(tmp_path):
    (write(tmp_path, template=None) / "chat_template.jinja").write_bytes(b"\xff\xfe{")
    with pytest.raises(UserError, match="chat_template.jinja: not UTF-8"):
        load_tokenizer(tmp_path)


def test_a_template_that_fails_on_one_chat_is_one_line(tmp_path):
    picky = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + CHAT_TEMPLATE
    tokenizer = load_tokenizer(write(tmp_path, template=picky))
    with pytest.raises(UserError, match=r"the chat template fails \(no system\)"):
        encode_chat(tokenizer, [{"role": "system", "content": "S"}, {"role": "user", "content": "Which?"}])


# ------------------------------------------------------------------------------------------------- generation_config


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (2,)),
        ({"eos_token_id": None}, (2,)),
        ({"eos_token_id": []}, (2,)),
        ({"eos_token_id": 0}, (0, 2)),
        ({"eos_token_id": [2, 0]}, (2, 0)),
        ({"eos_token_id": [0, 0]}, (0, 2)),
        ({"eos_token_id": 2, "pad_token_id": 2}, (2,)),
    ],
)
def test_ends_of_a_completion(plain, tmp_path, fields, expected):
    (tmp_path / "generation_config.json").write_text(json.dumps(fields))
    assert stop_ids(load_tokenizer(plain), tmp_path) == expected


@pytest.mark.parametrize(
    "value", ["<|im_end|>", "2", 2.0, True, -1, 10**6, 10**30, [2, None], [[2]], {"id": 2}, [2, "0"]]
)
def test_nonsense_for_an_end_is_one_line(plain, tmp_path, value):
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": value}))
    with pytest.raises(
        UserError, match="generation_config.json: eos_token_id holds .*, which is no id of this tokenizer"
    ):
        stop_ids(load_tokenizer(plain), tmp_path)


@pytest.mark.parametrize("text", ["[]", "null", '"2"', ""])
def test_a_generation_config_that_is_no_object_is_one_line(plain, tmp_path, text):
    (tmp_path / "generation_config.json").write_text(text)
    with pytest.raises(UserError, match="generation_config.json: not (valid JSON|a JSON object)"):
        stop_ids(load_tokenizer(plain), tmp_path)


# ------------------------------------------------------------------------------------------------------ real folders


def test_the_real_folder_is_used_as_it_is(clinical_data, tmp_path):
    source = clinical_data / "qwen25_tokenizer"
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, tmp_path / name)
    tokenizer = load_tokenizer(tmp_path)
    stored = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.backend_tokenizer.to_str() == stored.to_str()
    assert len(tokenizer) == 151665


def test_the_real_parts_make_the_real_tokenizer(clinical_data, tmp_path):
    source = clinical_data / "qwen25_tokenizer"
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        shutil.copy(source / name, tmp_path / name)
    tokenizer = load_tokenizer(tmp_path)
    lines = (source / "golden_encode.jsonl").read_text(encoding="utf-8").splitlines()
    for case in map(json.loads, lines):
        assert ids(tokenizer, case["text"]) == case["ids"]
    assert tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_end|>", "<|file_sep|>"]) == [151643, 151645, 151664]


def test_added_tokens_beyond_the_vocabulary_are_matched_whole(tmp_path):
    made = backend()
    made.add_tokens([AddedToken("<answer>", normalized=False)])
    tokenizer = load_tokenizer(write(tmp_path, made))
    assert tokenizer.backend_tokenizer.id_to_token(ids(tokenizer, "x<answer>y")[1]) == "<answer>"
