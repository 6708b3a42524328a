"""What a dtype, device or batch size does to vectors and to the order: two workspaces compared.

    python -m benchmarks.precision WORK_A WORK_B

Both hold embeddings of the same rows. Printed: the least cosine similarity of a row's two vectors,
how much of each test's ten nearest rows is the same, and Kendall's tau of the rounds. Orders that
were arranged are compared by tma-prep compare.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks.vectors import open_store
from tma_prep.orders.comparison import kendall_tau
from tma_prep.rankings.engine import Engine, rank_with


def main() -> None:
    """Compare, and print one line a measure."""
    parser = argparse.ArgumentParser(description="Compare two embeddings of the same rows.")
    parser.add_argument("works", type=Path, nargs=2, metavar="WORK")
    works = parser.parse_args().works
    train = [open_store(work, "train") for work in works]
    tests = [open_store(work, "test").array() for work in works]
    if not train[0].ids.equals(train[1].ids):
        parser.error("the workspaces hold different rows")
    cosines = np.einsum("rd,rd->r", train[0].array(), train[1].array(), dtype=np.float64)
    engines = [Engine(store, vectors) for store, vectors in zip(train, tests, strict=True)]
    nearest = [engine.neighbors(10)[0][engine.groups.group_of_test] for engine in engines]
    kept = [np.intersect1d(*pair).size / 10 for pair in zip(*nearest, strict=True)]
    first, second = (rank_with("tma", engine).rounds for engine in engines)
    assert first is not None and second is not None
    tau = kendall_tau(first, second)
    sys.stdout.write(
        f"cosine of a row's two vectors: least {cosines.min():.5f}, mean {cosines.mean():.6f}\n"
        f"of each test's ten nearest rows the same: mean {np.mean(kept):.3f}, "
        f"least {np.min(kept):.1f}\n"
        f"Kendall's tau of the rounds: {'undefined' if tau is None else f'{tau:.4f}'}\n"
    )


if __name__ == "__main__":
    main()
