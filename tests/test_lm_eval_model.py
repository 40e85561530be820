"""lm-eval's tasks on our model beside the same weights in torch; skipped without lm-eval (the extra `lm-eval`)."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from test_evaluate import adapter

from alignment import lm_eval_model
from alignment.data.sources import read_source
from alignment.errors import UserError
from alignment.models.hf import resolve_folder

DATA = os.environ.get("CLINICAL_DATA_DIR", "")
# The published task, the module of its prompt, its choices, and the field of the right one. The data set of `pubmedqa`
# is a script, which `datasets` no longer runs, so that the task does not load as it stands: all read a local file.
TASKS = {
    "medqa": ("lm_eval.tasks.medqa.preprocess_medqa", ["A", "B", "C", "D"], "label"),
    "medmcqa": ("lm_eval.tasks.medmcqa.utils_medmcqa", ["A", "B", "C", "D"], "cop"),
    "pubmedqa": ("lm_eval.tasks.pubmedqa.preprocess_pubmedqa", ["yes", "no", "maybe"], "final_decision"),
}
FILES = {
    "medqa": "medqa_us_dev/medqa_us_dev_4opt_facts.jsonl",
    "medmcqa": "medmcqa_dev_halfA/medmcqa_dev_halfA.jsonl",
    "pubmedqa": "pubmedqa_pqal_nontest/pqal_nontest_500.json",
}
# Sums of a few float32 log-probabilities of at most 10, each known to some 1e-5, in two orders of summation.
CLOSE, NEAR = 1e-3, 2e-3


def hub_row(source: str, record) -> dict:
    """A record in the layout that the published task reads."""
    if source == "medqa":
        endings = {f"ending{number}": text for number, text in enumerate(record.options.values())}
        return {"sent1": record.question, "label": record.letters.index(record.gold), **endings}
    if source == "medmcqa":
        options = {f"op{letter.lower()}": text for letter, text in record.options.items()}
        return {"question": record.question, "cop": record.letters.index(record.gold), **options}
    return {"CONTEXTS": list(record.context), "QUESTION": record.question, "final_decision": record.gold_text}


def make_task(source: str, path: Path, count: int):
    """The published task over the first `count` rows of a clinical file, written as a local file."""
    from lm_eval.api.task import ConfigurableTask

    module, choices, target = TASKS[source]
    records = read_source(source, str(Path(DATA) / FILES[source])).records[:count]
    path.write_text("".join(json.dumps(hub_row(source, record)) + "\n" for record in records))
    return ConfigurableTask(
        config={
            "task": source,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(path)}},
            "test_split": "test",
            "output_type": "multiple_choice",
            "doc_to_text": importlib.import_module(module).doc_to_text,
            "doc_to_target": target,
            "doc_to_choice": choices,
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        }
    )


def torch_model(peft: str | None = None):
    """lm-eval's model of torch on the embedded base, with a PEFT folder where one is named."""
    import torch
    from lm_eval.models.huggingface import HFLM
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    folder = resolve_folder("")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, peft) if peft else model
    return HFLM(pretrained=model.eval(), tokenizer=PreTrainedTokenizerFast.from_pretrained(folder), batch_size=8)


def samples(model, tasks: list) -> dict[str, dict[int, list[tuple[float, bool]]]]:
    """{task: {number of the question: (log-probability, is greedy) of each choice}} of lm-eval's evaluation."""
    from lm_eval import simple_evaluate

    results = simple_evaluate(model=model, tasks=tasks, log_samples=True, bootstrap_iters=0, verbosity="ERROR")
    return {
        name: {row["doc_id"]: [tuple(reply) for (reply,) in row["resps"]] for row in rows}
        for name, rows in results["samples"].items()
    }


def compare(first, second) -> dict[str, tuple[float, int, int]]:
    """{task: (largest difference, differing predictions beyond near ties, near ties)}."""
    report = {}
    for name, questions in first.items():
        worst, differing, near = 0.0, 0, 0
        for number, pairs in questions.items():
            ours, theirs = (np.array([score for score, _ in each]) for each in (pairs, second[name][number]))
            worst = max(worst, float(np.abs(ours - theirs).max()))
            best, other = np.sort(theirs)[::-1][:2]
            near += best - other <= NEAR
            differing += bool(best - other > NEAR and ours.argmax() != theirs.argmax())
        report[name] = (worst, differing, near)
    return report


@pytest.mark.parity
@pytest.mark.skipif(not DATA, reason="CLINICAL_DATA_DIR is not set")
def test_a_task_on_a_stack_of_adapters_has_the_log_likelihoods_of_torch_and_peft(tmp_path):
    pytest.importorskip("lm_eval", reason="needs the extra lm-eval")
    folder = str(adapter(tmp_path / "peft"))
    ours = lm_eval_model.register()(adapters=f"reasoning={folder}")
    task = make_task("medmcqa", tmp_path / "rows.jsonl", 4)
    ((worst, differing, _),) = compare(samples(ours, [task]), samples(torch_model(folder), [task])).values()
    assert worst <= CLOSE and not differing


@pytest.mark.long
@pytest.mark.parity
@pytest.mark.skipif(not DATA, reason="CLINICAL_DATA_DIR is not set")
def test_two_hundred_questions_of_three_benchmarks_have_the_log_likelihoods_of_torch(tmp_path):
    pytest.importorskip("lm_eval", reason="needs the extra lm-eval")
    tasks = [make_task(source, tmp_path / f"{source}.jsonl", 200) for source in TASKS]
    report = compare(samples(lm_eval_model.register()(), tasks), samples(torch_model(), tasks))
    for name, (worst, differing, near) in report.items():
        print(f"{name}: largest difference {worst:.2g}, {differing} other predictions, {near} near ties of 200")
        assert worst <= CLOSE and not differing, name
    assert report.keys() == TASKS.keys()


@pytest.mark.parity
def test_generated_text_ends_before_a_stop_and_whole_texts_are_scored_in_windows(tmp_path):
    pytest.importorskip("lm_eval", reason="needs the extra lm-eval")
    from types import SimpleNamespace

    ours, theirs = lm_eval_model.register()(), torch_model()
    text = "A patient with chest pain. The condition that fits best is pneumonia."
    rolled = [SimpleNamespace(args=(text,))]
    assert ours.loglikelihood_rolling(rolled) == pytest.approx(theirs.loglikelihood_rolling(rolled), abs=1e-3)
    options = {"until": ["\n"], "max_gen_toks": 12, "do_sample": False}
    requests = [SimpleNamespace(args=(context, options)) for context in (text, "The answer")]
    assert ours.generate_until(requests) == theirs.generate_until(requests)


def test_without_lm_eval_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lm_eval.api.model", None)
    with pytest.raises(UserError, match=r"clinical-alignment\[lm-eval\]"):
        lm_eval_model.register.__wrapped__()
