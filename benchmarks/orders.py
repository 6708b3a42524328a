"""A second order from a finished ranking, through the command line: no search at all."""

import shutil
from pathlib import Path

from benchmarks.measure import Figure, main, say, tma_prep
from benchmarks.vectors import workspace

_FULL, _SMALL = (100_000, 1_000), (20_000, 200)


def run(folder: Path, full: bool) -> list[Figure]:
    """The figures of this file."""
    rows, tests = _FULL if full else _SMALL
    work = workspace(folder, rows, tests)
    for left in ("rankings", "neighbors", "orders"):
        shutil.rmtree(work / left, ignore_errors=True)
    say(f"nft, then fft, {rows:,} × {tests:,}, by tma-prep arrange --no-shards")
    first, second = (
        tma_prep("arrange", work, "--order", order, "--no-shards") for order in ("nft", "fft")
    )
    searched = "searched" if second["searched"] else "not searched"
    seconds = second["seconds"]
    return [
        Figure(
            f"fft after nft, {rows:,} × {tests:,}",
            "no search",
            "",
            f"{searched}; rank {seconds['rank']:.3f} s (nft: {first['seconds']['rank']:.2f} s, "
            f"neighbours written), open {seconds['open']:.2f} s, order {seconds['order']:.2f} s",
        )
    ]


if __name__ == "__main__":
    main("A second order from a finished ranking.", run)
