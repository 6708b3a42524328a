"""What looking for test rows in the pool takes: memory by the budget, not by the product."""

import tracemalloc

from tma_prep.leakage.pairs import MOST_TESTS
from tma_prep.leakage.rule import find_leaks


def test_memory_does_not_grow_with_the_product() -> None:
    """3,000 equal rows and 3,000 equal tests would be nine million pairs, 200 MB."""
    text = "nine words that stand in every row of all"
    tests = [(row, text) for row in range(3000)]
    tracemalloc.start()
    found = find_leaks(((row, f"{text}!") for row in range(3000)), 3000, tests)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.pairs) == 3000 * MOST_TESTS and len(found.pairs.held) == 3000
    assert peak < 30e6


def test_memory_is_that_of_a_piece_of_the_pool() -> None:
    """Six times the rows, read as they come, take hardly more."""
    tests = [(row, " ".join(f"w{row + n}" for n in range(20))) for row in range(50)]

    def peak(rows: int) -> int:
        texts = (" ".join(f"w{(row * 7 + n) % 300}" for n in range(60)) for row in range(rows))
        tracemalloc.start()
        find_leaks(enumerate(texts), rows, tests)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(6_000) < 1.5 * peak(1_000) + 6_000 * 50
