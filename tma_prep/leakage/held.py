"""Which tests hold each n-gram, and how many of them a row shares with a test."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tma_prep.leakage.grams import Grams, Vocabulary
from tma_prep.leakage.pairs import Rows
from tma_prep.tables import ranges

_MOST_AT_ONCE = 1 << 22  # triples of a row, an n-gram and a test; one row's are never cut


class TestGrams:
    """The n-grams of tests of one kind.

    Attributes:
        grams: To find them in other texts.
    """

    __test__ = False  # for pytest: a test set's, not a test

    def __init__(
        self, vocabulary: Vocabulary, tests: Mapping[int, Sequence[str]], length: int
    ) -> None:
        """Take the words of each test by its number."""
        self._numbers = np.array(list(tests), dtype=np.int64)
        texts = vocabulary.batch(list(tests.values()))
        self.grams = Grams(texts, length, len(vocabulary))
        held = self.grams.find(texts)
        by_gram = np.argsort(held.gram, kind="stable")
        self._test, self._gram = self._numbers[held.text[by_gram]], held.gram[by_gram]
        self._starts = np.searchsorted(self._gram, np.arange(self.grams.count + 1))

    def sizes(self, counts: NDArray[np.bool_]) -> Rows:
        """How many of its n-grams count, by the number of the test."""
        sizes = np.bincount(self._test[counts[self._gram]])
        return np.append(sizes, np.zeros(max(0, self._numbers.max(initial=-1) + 1 - len(sizes))))

    def shared(self, rows: Rows, grams: Rows) -> Iterator[tuple[Rows, Rows, Rows]]:
        """Row, test and how many n-grams both hold, for every such pair; some at a time.

        Args:
            rows: Ascending.
            grams: What each of them holds; no pair twice.
        """
        tests_each = self._starts[grams + 1] - self._starts[grams]
        triples = np.concatenate([[0], np.cumsum(tests_each)])
        begin = 0
        while begin < len(rows):
            most = int(np.searchsorted(triples, triples[begin] + _MOST_AT_ONCE, side="right")) - 1
            last = rows[max(begin, most - 1)]
            # Whole rows: those that end in time, or the first alone.
            end = int(np.searchsorted(rows, last, side="right"))
            if end > most and rows[begin] != last:
                end = int(np.searchsorted(rows, last, side="left"))
            yield self._of_piece(rows[begin:end], grams[begin:end], tests_each[begin:end])
            begin = end

    def _of_piece(self, rows: Rows, grams: Rows, tests_each: Rows) -> tuple[Rows, Rows, Rows]:
        row = np.repeat(rows, tests_each)
        test = self._test[ranges(self._starts[grams], tests_each)]
        pairs, shared = np.unique(row * (self._numbers.max() + 1) + test, return_counts=True)
        return (*np.divmod(pairs, self._numbers.max() + 1), shared)
