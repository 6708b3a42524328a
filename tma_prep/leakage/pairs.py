"""Training rows and the tests that they hold, in pairs."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tma_prep.tables import ranges

Numbers = NDArray[np.int64]
"""Of rows, tests or n-grams."""
_Key = TypeVar("_Key", bound=Hashable)

LEAK_KINDS = ("equal", "normalised", "ngram", "similarity")
"""How a training row can hold a test, the strongest first."""

MOST_TESTS = 16
"""Tests that are listed of one training row. Without an end, a pool of equal rows against as many
equal tests would be their product."""


@dataclass(frozen=True)
class Pairs:
    """One entry a pair.

    Attributes:
        rows: int64, number of the training row.
        tests: int64, number of the test row.
        kinds: int8, place in `LEAK_KINDS`.
        scores: float64.
        held: int64, ascending: every test that some training row holds, listed or not.
    """

    rows: Numbers
    tests: Numbers
    kinds: NDArray[np.int8]
    scores: NDArray[np.float64]
    held: Numbers

    def __len__(self) -> int:
        """How many pairs are listed."""
        return len(self.rows)

    def at(self, places: Numbers) -> "Pairs":
        """Some of them."""
        return Pairs(
            self.rows[places],
            self.tests[places],
            self.kinds[places],
            self.scores[places],
            self.held,
        )

    @property
    def row_counts(self) -> dict[str, int]:
        """How many rows, by their strongest kind, of pairs as `join_pairs` returns them."""
        kinds = self.kinds[np.unique(self.rows, return_index=True)[1]]
        counts = np.bincount(kinds, minlength=len(LEAK_KINDS)).tolist()
        return dict(zip(LEAK_KINDS, counts, strict=True))


def no_pairs() -> Pairs:
    """None at all."""
    none = np.empty(0, dtype=np.int64)
    return Pairs(none, none, np.empty(0, dtype=np.int8), np.empty(0), none)


def join_pairs(found: Sequence[Pairs]) -> Pairs:
    """Each pair once, with its strongest kind; of a row the `MOST_TESTS` strongest.

    Returns:
        Sorted by row, then kind, then score (greatest first), then test.
    """
    found = [*found, no_pairs()]
    both = Pairs(
        np.concatenate([pairs.rows for pairs in found]),
        np.concatenate([pairs.tests for pairs in found]),
        np.concatenate([pairs.kinds for pairs in found]),
        np.concatenate([pairs.scores for pairs in found]),
        np.unique(np.concatenate([pairs.held for pairs in found])),
    )
    both = both.at(np.lexsort((both.tests, -both.scores, both.kinds, both.rows)))
    pairs = both.rows * (both.tests.max(initial=0) + 1) + both.tests
    both = both.at(np.sort(np.unique(pairs, return_index=True)[1]))
    _, begins, lengths = np.unique(both.rows, return_index=True, return_counts=True)
    return both.at(ranges(begins, np.minimum(lengths, MOST_TESTS)))


class Groups:
    """Tests that are alike in some way, so that each way is looked up once."""

    def __init__(self, tests: Numbers, group_of: Numbers) -> None:
        """Take the tests, ascending, and the group of each, numbered from 0."""
        by_group = np.argsort(group_of, kind="stable")
        self._members = tests[by_group]
        self._starts = np.searchsorted(group_of[by_group], np.arange(group_of.max(initial=-1) + 2))

    def pairs(
        self, rows: Numbers, groups: Numbers, kind: str, scores: NDArray[np.float64]
    ) -> Pairs:
        """Pairs of rows and groups as pairs of rows and tests."""
        begins = self._starts[groups]
        sizes = np.minimum(self._starts[groups + 1] - begins, MOST_TESTS)
        held = np.unique(groups)
        return Pairs(
            np.repeat(rows, sizes),
            self._members[ranges(begins, sizes)],
            np.full(int(sizes.sum()), LEAK_KINDS.index(kind), dtype=np.int8),
            np.repeat(scores, sizes),
            np.sort(
                self._members[
                    ranges(self._starts[held], self._starts[held + 1] - self._starts[held])
                ]
            ),
        )


def numbered(keys: Sequence[_Key]) -> tuple[dict[_Key, int], Numbers]:
    """Distinct keys numbered as they first occur, and the number of each."""
    numbers: dict[_Key, int] = {}
    of_each = [numbers.setdefault(key, len(numbers)) for key in keys]
    return numbers, np.array(of_each, dtype=np.int64)
