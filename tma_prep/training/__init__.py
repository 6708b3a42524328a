"""The reference trainer: a small model trained on the shards as they lie, and its test loss."""

from tma_prep.training.data import (
    EncodedTests,
    Example,
    ScoredTest,
    encode,
    encode_tests,
    read_shards,
    train_tokenizer,
)
from tma_prep.training.loop import (
    Evaluation,
    TrainSettings,
    evaluation_steps,
    train_order,
)
from tma_prep.training.model import response_losses, tiny_llama

__all__ = [
    "EncodedTests",
    "Evaluation",
    "Example",
    "ScoredTest",
    "TrainSettings",
    "encode",
    "encode_tests",
    "evaluation_steps",
    "read_shards",
    "response_losses",
    "tiny_llama",
    "train_order",
    "train_tokenizer",
]
