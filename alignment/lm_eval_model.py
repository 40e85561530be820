"""Run the tasks of lm-eval (EleutherAI) on a stack of adapters; needs the extra `lm-eval`.

    python -m alignment.lm_eval_model run --model clinical_alignment --tasks medqa_4options \
        --model_args 'adapters=reasoning=runs/demo;reward=runs/demo,gates=1;0.5'

The command line is lm-eval's own, with one more model. Its arguments are `base` (folder, Hub id or GGUF file; empty is
the embedded base), `adapters` and `gates` as in `alignment.evaluate`, with semicolons for commas, `dtype`,
`batch_tokens` and `force`.
Contexts and continuations are encoded by the checkpoint's own tokenizer, without special tokens.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import sys
from collections.abc import Sequence
from typing import Any

import jax

from alignment.common.entry_point import own_command, run_entry_point
from alignment.config import default_config
from alignment.errors import UserError
from alignment.evaluation.option_likelihood import BATCH_TOKENS, Continued, Score, score_continuations
from alignment.evaluation.policies import load_policy, parse_policies
from alignment.parallel.compilation import set_up_compilation
from alignment.parallel.data_parallel import choose_devices
from alignment.rollout.base_model import completion_ids
from alignment.rollout.keys import completion_keys, prompt_hash
from alignment.rollout.sampler import load_sampler, stream
from alignment.rollout.sampling import SamplingConfig

NAME = "clinical_alignment"
MAX_NEW_TOKENS = 256  # of generation where a task sets no limit, as in lm-eval

Request = tuple[tuple[str, str], list[int], list[int]]  # texts, then the ids of context and continuation


class StackModel:
    """A base with adapters as lm-eval calls a model; `register` joins it to lm-eval's own class.

    Raises:
      UserError: what `parse_policies`, `load_sampler` or `load_policy` raise.
    """

    backend = "causal"

    def __init__(
        self,
        base: str = "",
        adapters: str = "",
        gates: str | float = "",
        dtype: str = "float32",
        batch_tokens: int = BATCH_TOKENS,
        force: bool = False,
        **_: Any,  # batch_size, device and others that lm-eval passes to every model
    ):
        super().__init__()
        config = default_config()
        config.model.path, config.model.dtype = base, dtype
        (spec,) = parse_policies(adapters.replace(";", ","), str(gates).replace(";", ","), [])
        set_up_compilation()
        self.sampler = load_sampler(config, choose_devices(config.parallel.mode, config.parallel.devices))
        self.policy = load_policy(spec, self.sampler.base, force)
        self.tokenizer, self.batch_tokens = self.sampler.base.tokenizer, int(batch_tokens)

    @property
    def eot_token_id(self) -> int:
        """The id that ends a text, and that stands for an empty context."""
        return self.tokenizer.eos_token_id

    @property
    def max_length(self) -> int:
        """The most tokens of context and continuation; longer contexts lose their beginning."""
        return self.sampler.base.config.max_position_embeddings

    @property
    def tokenizer_name(self) -> str:
        """A name for lm-eval's caches of requests."""
        return f"{NAME}-{self.sampler.base.fingerprint[:16]}"

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """Return the ids of a text, without special tokens whatever is wanted: Qwen and Llama chats bring their own."""
        return self.tokenizer(string, add_special_tokens=False)["input_ids"]

    def apply_chat_template(self, chat_history: Sequence[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """Return a chat as text by the checkpoint's own template."""
        return self.tokenizer.apply_chat_template(
            list(chat_history), tokenize=False, add_generation_prompt=add_generation_prompt
        )

    def _loglikelihood_tokens(self, requests: Sequence[Request], **_: Any) -> list[tuple[float, bool]]:
        """Return (log-probability, whether greedy) of each continuation; neighbours of one context share it."""
        longest = self.max_length + 1  # the last token of a continuation is read by nothing
        cut = [
            (context[max(len(context) + len(continuation) - longest, 0) :], continuation)
            for _, context, continuation in requests
        ]
        groups = [(context, list(pairs)) for context, pairs in itertools.groupby(cut, lambda pair: pair[0])]
        questions = [Continued(context, [continuation for _, continuation in pairs]) for context, pairs in groups]
        base, stack = self.sampler.base, self.policy.stack
        scored: dict[int, list[Score]] = dict(score_continuations(base, stack, questions, self.batch_tokens))
        flat = [score for index in range(len(questions)) for score in scored[index]]
        return [(score.log_prob, score.is_greedy) for score in flat]

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """Return the log-probability of each whole text, in windows of the longest context."""
        utils, totals = importlib.import_module("lm_eval.utils"), []
        for (text,) in (request.args for request in requests):
            ids = self.tok_encode(text)
            windows = utils.get_rolling_token_windows(ids, self.eot_token_id, self.max_length - 1, 1)
            pairs = [utils.make_disjoint_window(window) for window in windows]
            scores = self._loglikelihood_tokens([(("", ""), context, predicted) for context, predicted in pairs])
            totals.append(sum(log_prob for log_prob, _ in scores))
        return totals

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Return a completion of each context, cut before the first of the task's `until` texts."""
        texts: list[str] = [""] * len(requests)
        order = sorted(range(len(requests)), key=lambda index: repr(requests[index].args[1]))
        for _, group in itertools.groupby(order, key=lambda index: repr(requests[index].args[1])):
            indices = list(group)
            options = requests[indices[0]].args[1]
            until = [options["until"]] if isinstance(options.get("until"), str) else list(options.get("until") or ())
            temperature = float(options.get("temperature", 0.0)) if options.get("do_sample") else 0.0
            limit = int(options.get("max_gen_toks", MAX_NEW_TOKENS))
            prompts = [self.tok_encode(requests[index].args[0])[-(self.max_length - limit) :] for index in indices]
            keys = completion_keys(jax.random.key(0), 0, [prompt_hash(prompt) for prompt in prompts], group_size=1)
            settings = {"max_new_tokens": limit, "sampling": SamplingConfig(temperature), "stop": until}
            for position, sampled in stream(self.sampler, self.policy.stack, prompts, keys, **settings):
                (ids,) = completion_ids(self.sampler.base, sampled)
                text = self.tokenizer.decode(ids)
                texts[indices[position]] = text[
                    : min([text.find(stop) for stop in until if stop in text] or [len(text)])
                ]
        return texts


@functools.cache  # lm-eval takes a name once
def register() -> type:
    """Make lm-eval know the model `clinical_alignment`; return its class.

    Raises:
      UserError: lm-eval is not installed.
    """
    try:
        model, registry = (importlib.import_module(f"lm_eval.api.{name}") for name in ("model", "registry"))
    except ImportError as error:
        raise UserError(f"lm-eval is not installed ({error}); pip install 'clinical-alignment[lm-eval]'") from error
    return registry.register_model(NAME)(type("StackLM", (StackModel, model.TemplateLM), {}))


def run() -> None:
    """Register the model and run lm-eval's command line."""
    register()
    importlib.import_module("lm_eval.__main__").cli_evaluate()


if __name__ == "__main__":
    sys.exit(run_entry_point(run, f"to start again, run: {own_command()}"))
