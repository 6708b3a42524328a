"""What exact search costs up to a billion rows: the tables of `docs/scaling.md`.

Computed from the rate of the floor on this CPU (`--gflops`, `--factor`: see the table of `ranking`)
and from published peak rates of GPUs. Nothing is run.
"""

import argparse
import math
import sys
from dataclasses import dataclass

DIMENSION = 384
ROWS = (10**5, 10**6, 10**7, 10**8, 10**9)
TESTS = (1_000, 10_000)
EFFICIENCY = 0.5
"""Share of the published peak that a GPU is taken to reach; an assumption."""
MOST_ENTRIES_A_ROW = 8
BYTES_AN_ENTRY = 160
"""Of the memory budget: an entry takes 80 bytes, and lists get half of the budget."""
CPU_BUDGET, GPU_BUDGET = 6e9, 64e9
CPU_BYTES = 10e9
"""Bytes of vectors a second, from memory or from several drives; an assumption."""
HOST_SECONDS_A_ROW = 5e-6
"""Measured at 100,000 × 1,000: 0.12 s for lists, 0.1 s in float64, 0.2 s for rounds."""
EMBEDDED_ROWS = (10**6, 10**8, 10**9)
TOKENS_A_TEXT = 124
"""Read by the model, of a text of P3."""
OPERATIONS_A_TOKEN = 24e6
EMBEDDING_EFFICIENCY = 0.2
"""Share of the bfloat16 peak that a GPU is taken to reach with a model of 384 components."""
CPU_ROWS = 117
"""Rows a second on two cores; measured over 35,294 rows of P3."""
TEXTS_A_CORE = 2_500
"""Tokenised a second; measured."""
_UNITS = ((86_400 * 365, "years"), (86_400, "days"), (3_600, "h"), (60, "min"))


@dataclass(frozen=True)
class Machine:
    """Something that multiplies.

    Attributes:
        operations: In float32, a second.
        bytes: Of vectors that reach it, a second.
        products: What the first search costs, in products of all pairs.
        reads: How often the first search reads the vectors.
        host: Seconds that the CPU beside it spends on each row: lists, float64, rounds.
        budget: Bytes of memory for the search.
    """

    name: str
    operations: float
    bytes: float
    products: float
    reads: int
    host: float
    budget: float

    def seconds(self, rows: int, tests: int) -> float:
        """Of a full order: product, reading and the host's part, none hidden behind another."""
        entries = min(MOST_ENTRIES_A_ROW, self.budget / BYTES_AN_ENTRY / rows)
        products = self.products + products_again(entries)
        reads = self.reads + reads_again(entries)
        product, read = 2 * rows * tests * DIMENSION, 4 * rows * DIMENSION
        spent = product * products / self.operations + read * reads / self.bytes
        return spent + self.host * rows


def products_again(entries: float) -> float:
    """Products of all pairs that searching again adds; a fit to what `refills` counts.

    Args:
        entries: How long the lists are, all tests together: entries for each row of the pool.
    """
    return math.exp(-entries / 4) / entries


def reads_again(entries: float) -> float:
    """How often searching again reads the pool; a fit to what `refills` counts."""
    return 30 * math.exp(-entries / 4) / entries


def machines(gflops: float, factor: float) -> list[Machine]:
    """The CPU as measured, and GPUs at a share of their published float32 peak (no TF32)."""
    found = [Machine("2 CPU cores", gflops * 1e9, CPU_BYTES, factor, 1, 0, CPU_BUDGET)]
    for name, peak, link in (("A100", 19.5e12, 32e9), ("H100", 66.9e12, 64e9)):
        # On a GPU each direction has a search of its own.
        found += [
            Machine(
                f"{count} × {name}",
                EFFICIENCY * peak * count,
                EFFICIENCY * link * count,
                2,
                2,
                HOST_SECONDS_A_ROW,
                GPU_BUDGET,
            )
            for count in (1, 8)
        ]
    return found


def duration(seconds: float) -> str:
    """As a person says it, to about two figures."""
    for size, name in _UNITS:
        if seconds >= 2 * size:
            number = seconds / size
            return f"{number:.1f} {name}" if number < 10 else f"{number:,.0f} {name}"
    return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"


def embedding_rows() -> list[list[str]]:
    """What embedding costs: arithmetic, measured CPU rate, GPUs at a share of their peak."""
    found = []
    for rows in EMBEDDED_ROWS:
        operations = rows * TOKENS_A_TEXT * OPERATIONS_A_TOKEN
        gpus = [
            duration(operations / (EMBEDDING_EFFICIENCY * peak * count))
            for peak in (312e12, 989e12)
            for count in (8, 64)
        ]
        tokenising = duration(rows / (TEXTS_A_CORE * 64))
        cpu = duration(rows / CPU_ROWS)
        found.append([f"{rows:,}", f"{operations / 1e15:,.1f} PFLOP", cpu, *gpus, tokenising])
    return found


def _table(head: list[str], rows: list[list[str]]) -> None:
    lines = [head, ["---"] * len(head), *rows]
    sys.stdout.write("\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="What exact search costs, computed.")
    parser.add_argument("--gflops", type=float, default=160, help="rate of the floor")
    parser.add_argument("--factor", type=float, default=2.5, help="ours / floor")
    options = parser.parse_args()
    _table(
        ["rows", "vectors", *(f"product, {tests:,} tests" for tests in TESTS)]
        + [f"budget for lists of {entries} × rows" for entries in (8, 1)],
        [
            [
                f"{rows:,}",
                f"{rows * DIMENSION * 4 / 1e9:,.1f} GB",
                *(f"{2 * rows * tests * DIMENSION / 1e12:,.2f} TFLOP" for tests in TESTS),
                *(f"{rows * BYTES_AN_ENTRY * entries / 1e9:,.2f} GB" for entries in (8, 1)),
            ]
            for rows in ROWS
        ],
    )
    gpus = [f"{count} × {name}" for name in ("A100", "H100") for count in (8, 64)]
    _table(
        ["rows to embed", "arithmetic", "2 CPU cores", *gpus, "tokenising on 64 cores"],
        embedding_rows(),
    )
    known = machines(options.gflops, options.factor)
    for tests in TESTS:
        _table(
            [f"rows, at {tests:,} tests", *(machine.name for machine in known)],
            [
                [f"{rows:,}", *(duration(machine.seconds(rows, tests)) for machine in known)]
                for rows in ROWS
            ],
        )


if __name__ == "__main__":
    main()
