"""Algorithm 1 and friends written as plainly as can be, in float64, over the whole matrix."""

import numpy as np
from numpy.typing import NDArray

from tma_prep.embeddings.unit import unit_vectors


def similarity_matrix(
    tests: NDArray[np.float32], train: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Exact cosine similarities, shape (tests, train rows)."""
    matrix: NDArray[np.float64] = tests.astype(np.float64) @ train.astype(np.float64).T
    return matrix


def rounds_of(similarity: NDArray[np.float64]) -> list[int]:
    """Round of every training row, from 1: Algorithm 1 of arXiv 2406.11721, word for word."""
    rounds = [0] * similarity.shape[1]
    number = 0
    while 0 in rounds:
        number += 1
        remaining = [row for row, found in enumerate(rounds) if found == 0]
        named = set()
        for test in range(similarity.shape[0]):
            # max takes the first of equals: the lower row.
            named.add(max(remaining, key=lambda row: similarity[test, row]))
        for row in named:
            rounds[row] = number
    return rounds


def nearest_first(similarity: NDArray[np.float64], rounds: list[int]) -> list[int]:
    """Rows by round, then by similarity to the nearest test, then by row."""
    nearest = similarity.max(axis=0)
    return sorted(range(len(rounds)), key=lambda row: (rounds[row], -nearest[row], row))


def named_case(
    name: str, train_rows: int, tests: int, dimension: int = 16
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Train and test vectors of a kind that is known to be hard, always the same."""
    draw = np.random.default_rng(7)
    train: NDArray[np.floating] = draw.standard_normal((train_rows, dimension))
    test: NDArray[np.floating] = draw.standard_normal((tests, dimension))
    if name == "clustered":
        centres = draw.standard_normal((8, dimension))
        train = centres[draw.integers(8, size=train_rows)] + 0.05 * train
        test = centres[draw.integers(4, size=tests)] + 0.05 * test
    elif name == "duplicated":
        train = train[draw.integers(max(1, train_rows // 6), size=train_rows)]
        test = test[draw.integers(max(1, tests // 3), size=tests)]
    elif name == "one-vector":
        train = np.tile(train[:1], (train_rows, 1))
    elif name == "same-wish":
        # Every test is nearest to the same few rows, in the same order.
        test = np.tile(test[:1], (tests, 1)) + 1e-4 * test
    elif name == "near-ties":
        # Apart by less than float32 can tell.
        train = np.tile(train[:1], (train_rows, 1)) + 1e-7 * train
    elif name == "coarse":
        train = draw.integers(-1, 2, size=(train_rows, dimension)) + 1e-12
        test = draw.integers(-1, 2, size=(tests, dimension)) + 1e-12
    else:
        assert name == "random"
    return unit_vectors(train), unit_vectors(test)


CASES = ("random", "clustered", "duplicated", "one-vector", "same-wish", "near-ties", "coarse")
