"""How much searching again costs when lists are short: counts, the same on any machine.

A list that runs out is made anew among the rows that remain. Lists are short where memory is, so
this says what a ranking costs that has too little of it; `docs/scaling.md` builds on it.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Figure, main, say
from benchmarks.vectors import open_store, workspace
from tma_prep.rankings.engine import Engine, rank_with
from tma_prep.rankings.searcher import FaissSearcher

_FULL, _SMALL = (250_000, 1_000), (80_000, 200)
_ENTRIES_A_ROW = (8, 4, 2, 1, 0.5)
_BYTES_AN_ENTRY = 160  # of the memory budget; see `_plan` in tma_prep/ranking.py


class Counting(FaissSearcher):
    """Counts what is searched again; the first search on a CPU needs no searcher."""

    def __init__(self) -> None:
        """Start at nothing."""
        super().__init__()
        self.pairs = 0
        self.rows = 0

    def search(
        self, queries: NDArray[np.float32], base: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Search, and count pairs and rows."""
        self.pairs += len(queries) * len(base)
        self.rows += len(base)
        return super().search(queries, base, k)


def run(folder: Path, full: bool) -> list[Figure]:
    """One line for each length of the lists."""
    rows, tests = _FULL if full else _SMALL
    work = workspace(folder, rows, tests)
    vectors = open_store(work, "test").array()
    figures = []
    for entries in _ENTRIES_A_ROW:
        say(f"ranking {rows:,} × {tests:,} with {entries} entries of lists for each row")
        searcher = Counting()
        memory_bytes = int(entries * rows) * _BYTES_AN_ENTRY
        train = open_store(work, "train")
        engine = Engine(train, vectors, memory_bytes=memory_bytes, searcher=searcher)
        found = rank_with("tma", engine)
        figures.append(
            Figure(
                f"{rows:,} × {tests:,}, lists of {engine.plan.list_length:,}: "
                f"{engine.plan.list_length * tests / rows:.2f} entries a row",
                "",
                "",
                f"{found.searches} searches again; {searcher.pairs / rows / tests:.2f} products, "
                f"the pool read {searcher.rows / rows:.2f} times",
            )
        )
    return figures


if __name__ == "__main__":
    main("What short lists cost.", run)
