"""The full exact order against the published loop, and against the floor of any exact method.

The published loop holds the matrix of all distances, train × test in float32, and takes an arg-min
over the whole of it in every round. The floor is one float32 product of all pairs, in blocks, with
nothing kept: whoever looks at every pair pays that. Ours gives the rounds and, besides, the exact
similarity of every row to its nearest test.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Figure, Timed, interleaved, main, say, timed
from benchmarks.vectors import open_store, workspace
from tma_prep.rankings.engine import Engine, Ranking, rank_with
from tma_prep.rankings.vectors import VectorRows

_FULL, _SMALL = (100_000, 1_000), (20_000, 200)
_REPEATS = 5
_FLOOR_ROWS = 4096  # 1,024 to 8,192 take the same time


def loop_published(
    train: NDArray[np.float32], tests: NDArray[np.float32]
) -> tuple[NDArray[np.int32], int]:
    """Rounds as the published script finds them; shape of its matrix is (rows, tests)."""
    distances = -(train @ tests.T)
    rounds = np.zeros(len(train), dtype=np.int32)
    count = 0
    while (rounds == 0).any():
        count += 1
        named = np.unique(distances.argmin(axis=0))
        rounds[named] = count
        distances[named] = np.inf
    return rounds, count


def loop_transposed(
    train: NDArray[np.float32], tests: NDArray[np.float32]
) -> tuple[NDArray[np.int32], int]:
    """The same with a matrix of shape (tests, rows), over which NumPy's arg-min is far faster."""
    distances = -(tests @ train.T)
    rounds = np.zeros(len(train), dtype=np.int32)
    count = 0
    while (rounds == 0).any():
        count += 1
        named = np.unique(distances.argmin(axis=1))
        rounds[named] = count
        distances[:, named] = np.inf
    return rounds, count


def floor(train: VectorRows, tests: NDArray[np.float32]) -> None:
    """One float32 product of every row with every test; each block overwrites the last."""
    columns = np.ascontiguousarray(tests.T)
    product = np.empty((_FLOOR_ROWS, len(tests)), dtype=np.float32)
    for part in train.slices():
        for start in range(0, len(part), _FLOOR_ROWS):
            block = part[start : start + _FLOOR_ROWS]
            np.matmul(block, columns, out=product[: len(block)])


def rank(work: Path) -> Ranking:
    """What `tma-prep arrange` does between the stored vectors and the finished ranking."""
    tests = open_store(work, "test").array()
    return rank_with("tma", Engine(open_store(work, "train"), tests))


def time_floor(work: Path) -> Timed:
    """The floor over a store mapped anew, as ours maps it."""
    tests = open_store(work, "test").array()
    return timed(lambda: floor(open_store(work, "train"), tests))[1]


def run(folder: Path, full: bool) -> list[Figure]:
    """The figures of this file."""
    rows, tests = _FULL if full else _SMALL
    size = f"{rows:,} × {tests:,}"
    work = workspace(folder, rows, tests)
    say(f"ranking {size}, and the floor, {_REPEATS} times in turn")
    found = rank(work)
    times = interleaved(
        {"ours": lambda: timed(lambda: rank(work))[1], "floor": lambda: time_floor(work)},
        _REPEATS,
    )
    ours, product = times["ours"], times["floor"]
    train, test = open_store(work, "train").array(), open_store(work, "test").array()
    say(f"the published loop at {size}, once in each layout of its matrix")
    (published, rounds), loop = timed(lambda: loop_published(train, test))
    (other, _), transposed = timed(lambda: loop_transposed(train, test))
    elsewhere = [int(np.count_nonzero(rounds_ != found.rounds)) for rounds_ in (published, other)]
    rate = 2 * rows * tests * train.shape[1] / product.seconds / 1e9
    return [
        Figure(
            f"published loop (train × test matrix) / ours, {size}",
            "60",
            "120",
            f"{loop.seconds / ours.seconds:.1f}: {loop} / {ours}; {rounds} rounds, "
            f"{elsewhere[0]} rows in another round than ours, {found.searches} searches again",
        ),
        Figure(
            f"the same loop with its matrix laid out test × train / ours, {size}",
            "",
            "",
            f"{transposed.seconds / ours.seconds:.1f}: {transposed}; "
            f"{elsewhere[1]} rows in another round than ours",
        ),
        Figure(
            f"ours / floor (one float32 product, nothing kept), {size}",
            "2.5",
            "1.3",
            f"{ours.seconds / product.seconds:.2f}: floor {product}, {rate:.0f} GFLOP/s",
        ),
    ]


if __name__ == "__main__":
    main("The full exact order against the published loop and the floor.", run)
