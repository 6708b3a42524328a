"""When a training row leaks a test row.

A row leaks a test if both are equal but for case, spacing and punctuation (`normalised`), or if it
holds at least half of the test's distinct word 8-grams (`ngram`). 8-grams found in over 1 % of the
pool's rows are template wording and count on neither side, but never those of two rows or fewer: a
small pool would lose everything. Under `any` one shared 8-gram is enough. A test of fewer than 8
words is leaked by a row that holds all its words, one after the other. In scripts without
spaces a word is two or three characters, see `words`: an 8-gram is 16 or 24 of them.
"""

import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tma_prep.leakage.grams import Held
from tma_prep.leakage.held import TestGrams
from tma_prep.leakage.pairs import Groups, Numbers, Pairs, join_pairs, numbered
from tma_prep.leakage.words import text_key, words_of
from tma_prep.options import LeakNgrams

TEMPLATE_SHARE = 0.01
FEWEST_TEMPLATE_ROWS = 3
"""An n-gram in fewer rows is never template wording, however small the pool."""

NumberedText = tuple[int, str]
"""Row number and text."""

_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Leaks:
    """What a pool holds of the tests by its words.

    Attributes:
        pairs: Which row leaks which tests, `normalised` or `ngram`; the score of the latter is the
            share of the test's n-grams that the row holds.
        touching: int64, ascending: every row that shares any n-gram with any test, template wording
            included, holds a short one or equals one.
        sharing: int64, ascending: the same, template wording apart.
    """

    pairs: Pairs
    touching: Numbers
    sharing: Numbers

    @property
    def rows(self) -> Numbers:
        """Leaking rows, ascending."""
        return np.unique(self.pairs.rows)

    @property
    def equal_rows(self) -> int:
        """How many of them equal a test row once normalised."""
        return self.pairs.row_counts["normalised"]


def find_leaks(
    pool: Iterable[NumberedText],
    rows: int,
    tests: Sequence[NumberedText],
    rule: LeakNgrams = "half",
    *,
    scratch: Path | None = None,
    on_rows: Callable[[int], None] = lambda _: None,
) -> Leaks:
    """Read the pool once; only n-grams of the tests are held in memory.

    Args:
        pool: The rows, ascending.
        rows: How many they are.
        tests: Ascending.
        rule: `half`, or `any` for a single shared n-gram.
        scratch: Folder of a temporary file that has no name; where such files go if None.
        on_rows: Told how many more rows are read.
    """
    scorer = _Scorer(tests, rule, most_rows=max(FEWEST_TEMPLATE_ROWS - 1, TEMPLATE_SHARE * rows))
    certain: list[Pairs] = []
    touching: list[Numbers] = []
    sizes: list[int] = []
    with tempfile.TemporaryFile(dir=scratch) as file:
        for numbers, texts in _chunks(pool):
            leaking, touched, held = scorer.read(numbers, texts)
            certain.append(leaking)
            touching.append(touched)
            # On disk until it is known which n-grams are template wording.
            np.stack([held.rows, held.grams]).astype(np.int64).tofile(file)
            sizes.append(2 * len(held.rows))
            on_rows(len(numbers))
        file.seek(0)
        spilled = (np.fromfile(file, np.int64, size).reshape(2, -1) for size in sizes)
        by_share = [scorer.score(Held(rows, grams)) for rows, grams in spilled]
    sharing = [*(pairs.rows for pairs in certain), *(shared for _, shared in by_share)]
    return Leaks(
        join_pairs([*certain, *(pairs for pairs, _ in by_share)]),
        np.concatenate([np.empty(0, dtype=np.int64), *touching]),
        np.unique(np.concatenate([np.empty(0, dtype=np.int64), *sharing])),
    )


def _chunks(pool: Iterable[NumberedText]) -> Iterator[tuple[Numbers, list[str]]]:
    rest = iter(pool)
    while chunk := list(itertools.islice(rest, _ROWS_AT_ONCE)):
        yield np.array([number for number, _ in chunk], dtype=np.int64), [text for _, text in chunk]


class _Scorer:
    """The tests' n-grams, and how a row is judged by them."""

    def __init__(
        self, tests: Sequence[NumberedText], rule: LeakNgrams, *, most_rows: float
    ) -> None:
        self._rule = rule
        self._most_rows = most_rows
        rows = np.array([number for number, _ in tests], dtype=np.int64)
        words = [words_of(text) for _, text in tests]
        keys = [text_key(key, text) for key, (_, text) in zip(words, tests, strict=True)]
        self._keys, of_test = numbered(keys)
        self._by_key = Groups(rows, of_test)
        distinct, of_test = numbered([tuple(text) for text in words])
        self._by_words = Groups(rows, of_test)
        self._grams = TestGrams(list(distinct))
        self._rows_of_gram = np.zeros(len(self._grams.whole), dtype=np.int64)

    @property
    def _counts(self) -> NDArray[np.bool_]:
        """Which n-grams are no template wording, by the rows read so far."""
        return self._grams.whole | (self._rows_of_gram <= self._most_rows)

    def read(self, numbers: Numbers, texts: Sequence[str]) -> tuple[Pairs, Numbers, Held]:
        """Find rows that equal a test, and count in how many rows each n-gram is.

        Returns:
            Equal texts; rows that share anything; what is judged by `score` later.
        """
        words = [words_of(text) for text in texts]
        keys = [
            self._keys.get(text_key(row, text), -1) for row, text in zip(words, texts, strict=True)
        ]
        equal = np.flatnonzero(np.array(keys) >= 0)
        group = np.array(keys, dtype=np.int64)[equal]
        pairs = self._by_key.pairs(numbers[equal], group, "normalised", np.ones(len(equal)))
        held = self._grams.find(words)
        self._rows_of_gram += np.bincount(held.grams, minlength=len(self._rows_of_gram))
        touching = np.union1d(pairs.rows, numbers[held.rows])
        # What is template wording by now stays so.
        later = self._counts[held.grams]
        return pairs, touching, Held(numbers[held.rows[later]], held.grams[later])

    def score(self, held: Held) -> tuple[Pairs, Numbers]:
        """When all rows are read: which of them leak by n-grams, and which share any that count."""
        counts = self._counts
        sizes = self._grams.sizes(counts)
        kept = counts[held.grams]
        held = Held(held.rows[kept], held.grams[kept])
        leaking = []
        for row, test, shared in self._grams.shared(held):
            share = shared / sizes[test]
            leaks = share >= 0.5 if self._rule == "half" else share > 0
            leaking.append(self._by_words.pairs(row[leaks], test[leaks], "ngram", share[leaks]))
        return join_pairs(leaking), np.unique(held.rows)
