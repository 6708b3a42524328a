"""What the training tests share: a small tokenizer over made-up sums."""

import pytest
from transformers import PreTrainedTokenizerFast

from tma_prep.checks.data import train_tokenizer


def sums(start: int, count: int) -> list[tuple[str, str]]:
    """Prompts that ask for a sum, and its answer in words that repeat."""
    return [
        (f"What is {n} plus {n % 7}? Answer in a sentence.", f"The sum is {n + n % 7}.")
        for n in range(start, start + count)
    ]


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """A vocabulary of 300 tokens."""
    return train_tokenizer((f"{prompt} {response}" for prompt, response in sums(0, 200)), 300)
