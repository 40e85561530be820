"""Chat templates give the texts that transformers gives, and what a template may not do is refused as there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jinja2.exceptions import SecurityError, TemplateError
from tiny import CHAT_TEMPLATE
from transformers.utils.chat_template_utils import render_jinja_template

from alignment.text.chat_template import render

TOKENS = {"eos_token": "<|im_end|>", "bos_token": "<s>"}
ROLES = ("system", "user", "assistant", "user")
TEXTS = ("Be kind.", 'Is 1 < 2?\n\n & "so" it\'s {{ 3 }} {% x %}', " B.\n", "caf\u00e9 \u4f60\u597d\n")
CHAT = [{"role": role, "content": text} for role, text in zip(ROLES, TEXTS, strict=True)]
CHATS = (CHAT, CHAT[1:], CHAT[:2], CHAT[1:2], CHAT[:1])
SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
WRITTEN = {
    "ours": CHAT_TEMPLATE,
    "smollm2": SMOLLM2,
    "lines": "{% for m in messages -%}\n  {% if m.role != 'tool' %}\n  {{- m.content }}\n  {% endif %}\n{% endfor %}\n",
    "generation": "{% for m in messages %}{% generation %}{{ m.content }}\n{% endgeneration %}|{% endfor %}",
    "loop controls": "{% for m in messages %}{% if loop.index > 2 %}{% break %}{% endif %}{{ m.content }}{% endfor %}",
    "json": "{{ messages | tojson }}{{ messages | tojson(indent=2, sort_keys=true) }}"
    "{{ '<\u00e9' | tojson(ensure_ascii=true) }}",
    "names": "{% set ns = namespace(last='', self=1) %}{% for m in messages %}{% set ns.last = m.role %}{% endfor %}"
    "{{ ns.last }}{{ ns.self }}{{ dict(a=1).a }}{{ dict.fromkeys(['x'], 0) }}{{ eos_token }}{{ pad_token }}",
    "year": "{{ strftime_now('%Y') }}",
    "nothing": "{{ tools }}{{ documents }}{% if tools %}T{% endif %}{{ undefined_name }}",
}
REFUSED = {
    "raise_exception": ("{{ raise_exception('no system') }}", TemplateError),
    "a name for a type": ("{% set ns = namespace(__class__=dict) %}{{ ns }}", SecurityError),
    "a name that is set": ("{% set ns = namespace() %}{% set ns._x = 1 %}", SecurityError),
    "a class": ("{{ messages.__class__.__mro__ }}", SecurityError),
    "a change": ("{{ messages.append(1) }}", SecurityError),
    "a damaged template": ("{% for m in messages %}", TemplateError),
}


def theirs(source: str, chat: list[dict], generate: bool) -> str:
    return render_jinja_template([chat], chat_template=source, add_generation_prompt=generate, **TOKENS)[0][0]


@pytest.fixture(params=[*WRITTEN, "qwen2.5", "qwen2.5 base"])
def source(request) -> str:
    if request.param in WRITTEN:
        return WRITTEN[request.param]
    name = "tokenizer_config.json" if request.param == "qwen2.5" else "tokenizer_config.base.json"
    folder = request.getfixturevalue("clinical_data") / "qwen25_tokenizer"
    return json.loads((folder / name).read_text(encoding="utf-8"))["chat_template"]


def test_every_chat_is_the_text_of_transformers(source):
    for chat in CHATS:
        for generate in (False, True):
            assert render(source, chat, generate, TOKENS) == theirs(source, chat, generate)


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_template_may_not_do_is_refused_as_by_transformers(name):
    source, kind = REFUSED[name]
    for function in (lambda: render(source, CHAT, False, TOKENS), lambda: theirs(source, CHAT, False)):
        with pytest.raises(kind):
            function()


def test_messages_are_not_handed_out():
    chat = [{"role": "user", "content": "x"}]
    render("{{ messages[0] }}", chat, False, {})
    assert chat == [{"role": "user", "content": "x"}]


@pytest.mark.ci
def test_a_run_of_the_embedded_base_imports_neither_torch_nor_the_tokenizers_of_the_auto_classes(tmp_path):
    code = (
        "import sys\nimport alignment.ablate, alignment.train, alignment.export\n"
        "from alignment.config import default_config\nfrom alignment.data.load import load_data\n"
        "from alignment.data.tokens import tokenise\n"
        "from alignment.parallel.data_parallel import choose_devices\n"
        "from alignment.rollout.base_model import encode_prompts, load_base_model\n"
        "config = default_config()\n"
        "base = load_base_model(config, choose_devices('jit', 1))\n"
        "records = load_data(config.data, training=['rl']).eval[:2]\n"
        "examples = tokenise(records, lambda r: (encode_prompts(base, [r])[0], [0]), 'x', sys.argv[1])\n"
        "print(len(examples), sorted({'torch', 'transformers.models.auto.tokenization_auto'} & {*sys.modules}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 []\n"
