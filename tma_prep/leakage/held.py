"""Which tests hold each n-gram, and how many of them a row shares with a test."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tma_prep.leakage.grams import Grams, Held, Vocabulary
from tma_prep.leakage.pairs import Numbers
from tma_prep.leakage.words import word_count
from tma_prep.tables import ranges

NGRAM = 8
"""Words of an n-gram."""

_FEWEST_WORDS = 2  # of a test in characters: fewer stand in any text by chance

_MOST_AT_ONCE = 1 << 22  # triples of a row, an n-gram and a test; one row's are never cut


class TestGrams:
    """The n-grams of some tests, numbered from 0; a test too short for one is one as a whole.

    Attributes:
        whole: bool; which n-grams are all of a test.
    """

    __test__ = False  # for pytest: a test set's, not a test

    def __init__(self, tests: Sequence[Sequence[str]]) -> None:
        """Take the words of each test; no two are equal, and they are numbered from 0."""
        self._tests = len(tests)
        self._vocabulary = Vocabulary(tests)
        self._by_length: list[tuple[int, Grams]] = []
        self.whole = np.empty(0, dtype=np.bool_)
        holding = []
        for (length, whole), places in _by_length(tests).items():
            texts = self._vocabulary.batch([tests[place] for place in places])
            grams, first = Grams(texts, length, len(self._vocabulary)), len(self.whole)
            self._by_length.append((first, grams))
            self.whole = np.append(self.whole, np.full(grams.count, whole))
            held = grams.find(texts)
            holding.append(Held(np.array(places)[held.rows], first + held.grams))
        held = _joined(holding)
        by_gram = np.argsort(held.grams, kind="stable")
        self._test, self._gram = held.rows[by_gram], held.grams[by_gram]
        self._starts = np.searchsorted(self._gram, np.arange(len(self.whole) + 1))

    def find(self, texts: Sequence[Sequence[str]]) -> Held:
        """Which of the texts, by place, hold which of the n-grams."""
        batch = self._vocabulary.batch(texts)
        found = [(first, grams.find(batch)) for first, grams in self._by_length]
        return _joined([Held(held.rows, first + held.grams) for first, held in found])

    def sizes(self, counts: NDArray[np.bool_]) -> Numbers:
        """How many n-grams that count each test has."""
        return np.bincount(self._test[counts[self._gram]], minlength=self._tests)

    def shared(self, held: Held) -> Iterator[tuple[Numbers, Numbers, Numbers]]:
        """Row, test and how many n-grams both hold, for every such pair; some at a time."""
        rows = held.rows
        tests_each = self._starts[held.grams + 1] - self._starts[held.grams]
        triples = np.concatenate([[0], np.cumsum(tests_each)])
        begin = 0
        while begin < len(rows):
            most = int(np.searchsorted(triples, triples[begin] + _MOST_AT_ONCE, side="right")) - 1
            last = rows[max(begin, most - 1)]
            # Whole rows: those that end in time, or the first alone.
            end = int(np.searchsorted(rows, last, side="right"))
            if end > most and rows[begin] != last:
                end = int(np.searchsorted(rows, last, side="left"))
            row = np.repeat(rows[begin:end], tests_each[begin:end])
            starts = self._starts[held.grams[begin:end]]
            test = self._test[ranges(starts, tests_each[begin:end])]
            pairs, shared = np.unique(row * self._tests + test, return_counts=True)
            yield (*np.divmod(pairs, self._tests), shared)
            begin = end


def _by_length(tests: Sequence[Sequence[str]]) -> dict[tuple[int, bool], list[int]]:
    """Tests, by the length of their n-grams and whether one of these is all of the test."""
    places: dict[tuple[int, bool], list[int]] = {}
    for place, test in enumerate(tests):
        words = word_count(test)
        if test and words >= min(_FEWEST_WORDS, len(test)):
            length = round(NGRAM * len(test) / words)
            places.setdefault((min(length, len(test)), len(test) < length), []).append(place)
    return places


def _joined(found: Sequence[Held]) -> Held:
    none = np.empty(0, dtype=np.int64)
    rows = np.concatenate([none, *(held.rows for held in found)])
    by_row = np.argsort(rows, kind="stable")
    grams = np.concatenate([none, *(held.grams for held in found)])
    return Held(rows[by_row], grams[by_row])
