"""The loop against transformers' own `Trainer`: the same model, data and settings."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast, Trainer, TrainingArguments

from tests.checks.conftest import sums
from tma_prep.checks.data import Example, encode, encode_tests
from tma_prep.checks.loop import TrainSettings, train_order
from tma_prep.checks.model import tiny_llama

pytestmark = pytest.mark.slow

_STEPS, _BATCH, _WARMUP = 12, 4, 5


class _Rows(torch.utils.data.Dataset[dict[str, list[int]]]):
    """Tokens and labels as transformers wants them: -100 where nothing is learned."""

    def __init__(self, examples: list[Example]) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, place: int) -> dict[str, list[int]]:
        example = self._examples[place]
        labels = [-100] * example.response_start + example.ids[example.response_start :]
        return {"input_ids": example.ids, "labels": labels}


def _padded(rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    longest = max(len(row["input_ids"]) for row in rows)
    pad = {"input_ids": 0, "labels": -100}
    return {
        name: torch.tensor([row[name] + [fill] * (longest - len(row[name])) for row in rows])
        for name, fill in pad.items()
    } | {
        "attention_mask": torch.tensor(
            [[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"])) for row in rows]
        )
    }


def test_the_losses_of_twelve_steps_are_the_trainers(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    """Each batch's loss before its update, to 1e-4; so the weights were the same all along."""
    rows = sums(0, _STEPS * _BATCH)
    settings = TrainSettings(
        steps=_STEPS, batch_size=_BATCH, max_tokens=48, warmup_steps=_WARMUP, learning_rate=2e-3
    )
    start = tiny_llama(len(tokenizer), settings.max_tokens, seed=0)
    examples = [encode(tokenizer, row, settings.max_tokens) for row in rows]
    trainer = Trainer(
        model=copy.deepcopy(start),
        args=TrainingArguments(
            output_dir=str(tmp_path),
            max_steps=_STEPS,
            per_device_train_batch_size=_BATCH,
            learning_rate=settings.learning_rate,
            adam_beta1=0.9,
            adam_beta2=0.95,
            weight_decay=0.0,
            max_grad_norm=1.0,
            logging_steps=1,
            logging_nan_inf_filter=False,
            train_sampling_strategy="sequential",
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        ),
        train_dataset=_Rows(examples),
        data_collator=_padded,
    )
    # Its own warm-up takes the first step at a rate of 0, and this one at 1 / warm-up.
    trainer.create_optimizer()
    assert trainer.optimizer is not None
    trainer.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
        trainer.optimizer, lambda done: min(1.0, (done + 1) / _WARMUP)
    )
    trainer.train()
    theirs = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]

    scored = encode_tests(tokenizer, [(n, None, row) for n, row in enumerate(rows)], 48).scored
    tokens = np.array([test.example.response_tokens for test in scored]).reshape(_STEPS, _BATCH)
    found = train_order("x", rows, scored, start, tokenizer, settings, evaluate_at=range(_STEPS))
    # Of every evaluation the loss of the batch that is learned next.
    losses = np.array([one.losses.reshape(_STEPS, _BATCH)[step] for step, one in enumerate(found)])
    ours = np.average(losses, axis=1, weights=tokens)
    assert theirs == pytest.approx(ours, abs=1e-4)
    assert theirs[-1] < theirs[0] - 0.3
