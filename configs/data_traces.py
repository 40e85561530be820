r"""Chains of thought for real questions, written by a teacher and kept where they end in the gold answer.

What it is: each question is put to a teacher up to four times, until an answer parses, chooses the gold option, keeps
the format, is within the limits of length and language and takes up the case (rejection sampling). The teacher is a
model behind any OpenAI-compatible endpoint, or a local checkpoint sampled by our own rollout. The thresholds are
choices of this project, not of a paper.

Expected result: `data/traces/` with traces.jsonl (for --config.data.sft.traces), train.parquet (the same as records),
responses.jsonl (every answer with its verdict), report.json (acceptance by reason, source and try; cost; time) and
README.md. How much is accepted depends on the teacher; the report says. Beside the folder lies
`data/traces.journal.jsonl` with every answer as it came: after a kill the same command resumes from it and asks nothing
again, and a changed filter is applied without asking. There is no --workdir= here: the folder is --config.out.

Cost: what the endpoint asks; name its prices and a limit, as below, and the run stops before the limit. Nothing is
bought by default: the address is that of a server on this machine.

A server on this machine, without a key:

    python -m alignment.build_data --config=configs/data_traces.py \
        --config.traces.sources=medqa:train.jsonl --config.traces.count=2000 \
        --config.traces.endpoint.model=Qwen/Qwen2.5-7B-Instruct --config.traces.endpoint.key_variable=

A provider, with the key in the environment and at most 5 of its currency to spend:

    export OPENAI_API_KEY=...
    python -m alignment.build_data --config=configs/data_traces.py \
        --config.traces.sources=medqa:train.jsonl,medmcqa:train.json --config.traces.count=2000 \
        --config.traces.endpoint.base_url=https://HOST/v1 --config.traces.endpoint.model=MODEL \
        --config.traces.endpoint.requests_per_minute=300 --config.traces.endpoint.tokens_per_minute=200000 \
        --config.traces.endpoint.price_in=0.15 --config.traces.endpoint.price_out=0.60 \
        --config.traces.endpoint.max_cost=5

A local checkpoint ("" is the embedded nano base, which explains little and needs looser filters):

    python -m alignment.build_data --config=configs/data_traces.py --config.out=data/nano_traces \
        --config.traces.teacher=local --config.traces.local.path= --config.traces.max_tokens=48 \
        --config.traces.filters.min_words=3 --config.traces.filters.grounding=0

Then train on them:

    python -m alignment.ablate --config=configs/qwen2_5.py:0.5b --workdir=runs/traces \
        --config.data.sft.source=medqa --config.data.sft.path=train.jsonl \
        --config.data.sft.traces=data/traces/traces.jsonl \
        --config.data.rl.source=medqa --config.data.rl.path=train.jsonl \
        --config.data.eval.source=medqa --config.data.eval.path=dev.jsonl
"""

from ml_collections import ConfigDict

from alignment.config import default_data_set


def get_config() -> ConfigDict:
    """Return the configuration of a build of traces; name the questions and the teacher by flag."""
    config = default_data_set()
    config.builder = "traces"
    config.out = "data/traces"
    return config
