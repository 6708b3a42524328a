"""The training loop against transformers' own `Trainer`: seconds for the same steps.

The same start weights, rows, batches, optimizer and number of threads; both log or evaluate nothing
on the way. The Trainer computes the logits of every token, this loop those of responses alone.
"""

import copy
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast, Trainer, TrainingArguments

from benchmarks.measure import Figure, main, say
from tma_prep.checks.data import Example, encode, encode_tests, train_tokenizer
from tma_prep.checks.loop import TrainSettings, train_order
from tma_prep.checks.model import tiny_llama

_FULL, _SMALL = 40, 6
_REPEATS = 3
_PROMPT_WORDS, _RESPONSE_WORDS = 70, 12
Rows = list[tuple[str, str]]


def rows_of(count: int) -> Rows:
    """Prompts of some 90 tokens and responses of 15, as in P3."""
    rng = np.random.default_rng(0)
    words = [f"w{rng.integers(10 ** int(rng.integers(1, 6)))}" for _ in range(3000)]
    weights = 1 / np.arange(10, 3010)
    drawn = rng.choice(
        3000, size=(count, _PROMPT_WORDS + _RESPONSE_WORDS), p=weights / weights.sum()
    )
    texts = [[words[word] for word in row] for row in drawn.tolist()]
    return [(" ".join(t[:_PROMPT_WORDS]), " ".join(t[_PROMPT_WORDS:])) for t in texts]


class _Examples(torch.utils.data.Dataset[Example]):
    def __init__(self, examples: list[Example]) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, place: int) -> Example:
        return self._examples[place]


def _padded(examples: list[Example]) -> dict[str, torch.Tensor]:
    longest = max(len(example.ids) for example in examples)
    gaps = [longest - len(example.ids) for example in examples]
    pairs = list(zip(examples, gaps, strict=True))
    return {
        "input_ids": torch.tensor([e.ids + [0] * gap for e, gap in pairs]),
        "attention_mask": torch.tensor([[1] * len(e.ids) + [0] * gap for e, gap in pairs]),
        "labels": torch.tensor(
            [
                [-100] * e.response_start + e.ids[e.response_start :] + [-100] * gap
                for e, gap in pairs
            ]
        ),
    }


def by_trainer(
    start: LlamaForCausalLM,
    rows: Rows,
    tokenizer: PreTrainedTokenizerFast,
    settings: TrainSettings,
) -> float:
    """Seconds of transformers' `Trainer`, encoding included."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=settings.steps,
            per_device_train_batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            adam_beta2=0.95,
            train_sampling_strategy="sequential",
            remove_unused_columns=False,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        )
        clock = time.perf_counter()
        examples = [encode(tokenizer, row, settings.max_tokens) for row in rows]
        trainer = Trainer(
            model=copy.deepcopy(start),
            args=arguments,
            train_dataset=_Examples(examples),
            data_collator=_padded,
        )
        trainer.train()
        return time.perf_counter() - clock


def by_loop(
    start: LlamaForCausalLM,
    rows: Rows,
    tokenizer: PreTrainedTokenizerFast,
    settings: TrainSettings,
) -> float:
    """Seconds of the loop, one test row scored at the end."""
    clock = time.perf_counter()
    tests = encode_tests(tokenizer, [(0, None, rows[0])], settings.max_tokens).scored
    list(
        train_order(
            *("x", rows, tests, copy.deepcopy(start), tokenizer, settings),
            evaluate_at=[settings.steps],
        )
    )
    return time.perf_counter() - clock


def run(folder: Path, full: bool) -> list[Figure]:
    """Both in turn, the median of the ratios."""
    settings = TrainSettings(steps=_FULL if full else _SMALL, batch_size=16, max_tokens=128)
    rows = rows_of(settings.steps * settings.batch_size)
    tokenizer = train_tokenizer((text for row in rows for text in row), 4096)
    start = tiny_llama(len(tokenizer), settings.max_tokens, seed=0)
    pairs = []
    for number in range(_REPEATS):
        theirs = by_trainer(start, rows, tokenizer, settings)
        ours = by_loop(start, rows, tokenizer, settings)
        say(f"training: {ours:.1f} s, Trainer {theirs:.1f} s ({number + 1} of {_REPEATS})")
        pairs.append((ours, theirs))
    ours, theirs = min(pairs, key=lambda pair: abs(_ratio(pair) - _median(pairs)))
    return [
        Figure(
            f"training loop / transformers' Trainer, {settings.steps} steps of 16 rows, tiny",
            "1",
            "0.8",
            f"{ours / theirs:.2f}: {ours:.1f} s / {theirs:.1f} s",
        )
    ]


def _ratio(pair: tuple[float, float]) -> float:
    return pair[0] / pair[1]


def _median(pairs: list[tuple[float, float]]) -> float:
    return statistics.median(map(_ratio, pairs))


if __name__ == "__main__":
    main("The training loop against transformers' Trainer.", run)
