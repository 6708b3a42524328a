"""Texts of like length share a batch, and a batch holds a number of tokens, not of texts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def token_batches(
    lengths: NDArray[np.int64], *, most_tokens: int, most_texts: int | None = None
) -> list[NDArray[np.int64]]:
    """Cut texts, longest first, into batches.

    A function of the lengths alone, so that the same window always makes the same batches.

    Args:
        lengths: Tokens of each text, special ones included.
        most_tokens: Tokens of a batch, padding included; a longer text is a batch of its own.
        most_texts: Texts of a batch, None for any number.

    Returns:
        Places of the texts of each batch; each batch begins with its longest text.
    """
    by_length = np.argsort(-lengths, kind="stable")
    batches = []
    start = 0
    while start < len(by_length):
        longest = max(1, int(lengths[by_length[start]]))
        texts = max(1, most_tokens // longest)
        stop = start + min(texts, most_texts or texts)
        batches.append(by_length[start:stop])
        start = stop
    return batches


def padding_share(lengths: NDArray[np.int64], batches: Sequence[NDArray[np.int64]]) -> float:
    """Which part of all that is computed is padding, from 0 to 1."""
    computed = sum(len(batch) * int(lengths[batch[0]]) for batch in batches)
    return float(1 - lengths.sum() / computed) if computed else 0.0
