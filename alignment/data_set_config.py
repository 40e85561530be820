"""Every leaf of the configuration of a data set; `alignment/config.py` joins them with those of an experiment."""

from __future__ import annotations

from typing import Any

from alignment.common.declaration import Leaf, group, leaf, seed_leaf, share_leaf

DTYPES = ("float32", "bfloat16")
# Beyond what any base has room for: a larger number is a slip, and would end as memory that no machine has.
MAX_TOKENS = 2**20


def _endpoint() -> dict[str, Leaf]:
    return {
        "base_url": leaf("http://127.0.0.1:8000/v1", "address of an OpenAI-compatible endpoint, up to /v1"),
        "model": leaf("", "model to ask"),
        "key_variable": leaf("OPENAI_API_KEY", "environment variable that holds the key; empty: no key is sent"),
        "any_model": leaf(False, "take answers that name another model than the one asked"),
        "top_p": leaf(1.0, "nucleus of the teacher's sampling", above=0.0, high=1.0),
        "tokens_field": leaf(
            "max_tokens", "name of the token limit in a request", choices=("max_tokens", "max_completion_tokens")
        ),
        "concurrency": leaf(16, "requests in flight", low=1),
        "requests_per_minute": leaf(0, "largest number of requests a minute; 0: no limit", low=0),
        "tokens_per_minute": leaf(0, "largest number of tokens a minute that requests may use; 0: no limit", low=0),
        "requests": leaf(6, "requests for one answer; time-outs, 429, 5xx and broken replies are repeated", low=1),
        "first_wait": leaf(1.0, "seconds before a repetition, doubling; a longer Retry-After wins", low=0.0),
        "longest_wait": leaf(120.0, "longest wait before a repetition, in seconds", above=0.0),
        "timeout": leaf(300.0, "seconds for a whole answer", above=0.0),
        "price_in": leaf(0.0, "price of a million prompt tokens", low=0.0),
        "price_out": leaf(0.0, "price of a million completion tokens", low=0.0),
        "max_cost": leaf(0.0, "stop before this cost, earlier runs included; 0: no limit", low=0.0),
    }


DATA_SET: dict[str, Any] = {
    **group(
        "data set",
        builder=leaf("vignettes", "kind of data set", choices=("vignettes", "mixture", "traces")),
        out=leaf("data/set", "folder to write; one that holds an older data set is replaced"),
        seed=seed_leaf(0, "seed of generation, splits and order"),
        workers=leaf(0, "processes; 0: one a core. Changes the time and nothing else", low=0),
    ),
    "vignettes": {
        "count": leaf(1000, "vignettes of the train split", low=1),
        "eval_count": leaf(100, "vignettes of the eval split, whose cases never occur in train", low=0),
        "scope": leaf(
            "core",
            "core: five families on the core of the knowledge base; full: ten families on all of it",
            choices=("core", "full"),
        ),
        "families": leaf((), "question families; empty: all of the scope", registry="families"),
    },
    "mixture": {
        "sources": leaf(
            ("vignettes:1000=1",),
            "SOURCE:PATH=WEIGHT, ... to mix; vignettes:COUNT generates",
            identity=lambda entry: entry.rpartition("=")[0].strip(),
            required=True,
        ),
        "evals": leaf(("vignettes:400",), "SOURCE:PATH, ...; nothing of them may be in the mixture"),
        "count": leaf(0, "records; 0: as many as the weights allow without taking one twice", low=0),
        "sft_share": leaf(0.5, "share of the questions that SFT takes; GRPO takes the others", above=0.0, below=1.0),
    },
    "hygiene": {
        "near_duplicates": share_leaf(0.8, "Jaccard similarity of word 5-grams from which a record is removed; 0: off"),
        "words": leaf(13, "words of a run that no training record may share with an evaluation question", low=1),
        "characters": leaf(64, "the same in characters", low=1),
        "overlap": share_leaf(
            0.0, "largest share of an evaluation question that may lie in shared runs; 1 allows all but the whole"
        ),
    },
    "traces": {
        "sources": leaf(("vignettes:1000",), "SOURCE:PATH, ... of questions; vignettes:COUNT generates", required=True),
        "count": leaf(1000, "largest number of questions, chosen by a seeded hash; 0: all", low=0),
        "template": leaf("think_answer", "prompt template of the teacher", registry="templates"),
        "teacher": leaf("endpoint", "a model behind an endpoint, or a local checkpoint", choices=("endpoint", "local")),
        "tries": leaf(4, "largest number of answers to a question", low=1),
        "keep": leaf(1, "accepted answers after which a question is done", low=1),
        "temperature": leaf(0.7, "temperature of the teacher's sampling", low=0.01, also=0.0),
        "max_tokens": leaf(1024, "largest number of tokens of an answer", low=1, high=MAX_TOKENS),
        "journal": leaf("", "file of all answers, from which a build resumes; empty: <out>.journal.jsonl"),
        "endpoint": _endpoint(),
        "local": {
            "path": leaf("", "checkpoint of the teacher; empty is the embedded nano base"),
            "dtype": leaf("float32", "type of its weights and of the computation", choices=DTYPES),
            "batch_size": leaf(16, "questions sampled together", low=1),
            "max_prompt_tokens": leaf(1024, "questions with a longer prompt are left out", low=1),
        },
        "filters": {
            "min_words": leaf(20, "smallest number of words of the reasoning", low=1),
            "max_words": leaf(600, "largest number of words of the reasoning", low=1),
            "grounding": share_leaf(0.1, "smallest share of the reasoning's sentences that mention the stem"),
            "effective": share_leaf(0.95, "smallest share of characters that plain clinical English is written with"),
        },
    },
}
