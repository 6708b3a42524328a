"""Shards, a tokenizer and a model small enough for a training of a second.

Every row begins with a word of its own, so that the rows that a model sees can be read off its
`input_ids`, whatever a trainer did to the other columns.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tma_prep_cli.main import run

ROWS, ROWS_PER_SHARD = 48, 16
MAX_TOKENS = 32

Rows = Any
"""A `datasets.Dataset`, which has no types."""

_SPECIAL = ["<pad>", "</s>", "<unk>"]


def make_shards(root: Path) -> Path:
    """Arrange rows with made-up vectors; the folder of three files."""
    draw = np.random.default_rng(0)
    for side, count in (("train", ROWS), ("test", 4)):
        rows = [
            {
                "prompt": " ".join([f"r{n}", *["ask"] * int(draw.integers(1, 12))]),
                "response": " ".join(["say"] * int(draw.integers(2, 8))),
                "v": draw.normal(size=4).tolist(),
            }
            for n in range(count)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (root / f"{side}.jsonl").write_text(text, encoding="utf-8")
    work = root / "work"
    inputs = ["--train", str(root / "train.jsonl"), "--test", str(root / "test.jsonl")]
    for command in (
        ["embed", *inputs, "--vectors-column", "v", "--out", str(work), "--json"],
        ["arrange", str(work), "--order", "nft", "--rows-per-shard", str(ROWS_PER_SHARD), "--json"],
    ):
        assert run(command) == 0
    return work / "shards" / "nft"


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A word a token, and one of its own for every row."""
    words = [*_SPECIAL, "ask", "say", *(f"r{n}" for n in range(ROWS))]
    tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def make_model() -> LlamaForCausalLM:
    """A Llama of two layers with random weights."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(make_tokenizer()),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=64,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=None,
        )
    )


def read_whole(shards: Path, cache: Path) -> Rows:
    """All shards in memory-mapped form, as `datasets` gives them to most trainers."""
    import datasets

    return datasets.load_dataset(
        "parquet", data_files=f"{shards}/*.parquet", split="train", cache_dir=str(cache)
    )


def tokenized(rows: Rows) -> Rows:
    """With `input_ids`, beside the columns that were there."""
    tokenizer = make_tokenizer()
    return rows.map(lambda row: tokenizer(row["prompt"] + " " + row["response"]))


ON_CPU: dict[str, Any] = {
    "use_cpu": True,
    "report_to": [],
    "save_strategy": "no",
    "logging_strategy": "no",
    "disable_tqdm": True,
    "dataloader_pin_memory": False,
}
"""Arguments that keep a training small and quiet."""


class Seen:
    """The rows that a model was trained on, by their place in the shards."""

    def __init__(self, shards: Path) -> None:
        """Read from the shards which word stands where."""
        table = pq.read_table(sorted(shards.glob("*.parquet")), columns=["prompt"])
        words = [prompt.split()[0] for prompt in table.column("prompt").to_pylist()]
        self.position_of = {word: place for place, word in enumerate(words)}
        self._words = make_tokenizer()
        self.batches: list[list[int]] = []
        # Words of no row, as two make that were put together without a space.
        self.unknown = 0

    @property
    def positions(self) -> list[int]:
        """Of all batches, one after the other."""
        return [position for batch in self.batches for position in batch]

    def take(self, input_ids: torch.Tensor) -> None:
        """Add the rows of a batch in the order of its tokens."""
        words = self._words.convert_ids_to_tokens(input_ids.flatten().tolist())
        self.unknown += words.count("<unk>")
        self.batches.append([self.position_of[w] for w in words if w in self.position_of])

    @contextmanager
    def by(self, model: torch.nn.Module) -> Iterator[None]:
        """Look at what the model is called with while it trains."""

        def look(module: torch.nn.Module, args: Any, kwargs: dict[str, Any]) -> None:  # noqa: ANN401
            # SFTTrainer looks at a batch once more, for its metrics, where it smooths labels.
            if module.training and torch.is_grad_enabled():
                assert "tma_position" not in kwargs
                self.take(kwargs["input_ids"])

        handle = model.register_forward_pre_hook(look, with_kwargs=True)
        yield
        handle.remove()
