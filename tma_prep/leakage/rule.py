"""When a training row leaks a test row.

A row leaks a test if both are equal but for case, spacing and punctuation (`normalised`), or if it
holds at least half of the test's distinct word 8-grams (`ngram`). 8-grams found in over 1 % of the
pool's rows are template wording and count on neither side, but never those of two rows or fewer: a
small pool would lose everything. Under `any` one shared 8-gram is enough. A test of fewer than 8
words is leaked by a row that holds all its words, one after the other.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tma_prep.leakage.grams import Found, Grams, Vocabulary
from tma_prep.leakage.words import text_key, words_of

LeakNgrams = Literal["half", "any"]
LEAK_NGRAMS: tuple[LeakNgrams, ...] = ("half", "any")

NGRAM = 8
TEMPLATE_SHARE = 0.01
FEWEST_TEMPLATE_ROWS = 3
"""An n-gram in fewer rows is never template wording, however small the pool."""

NumberedText = tuple[int, str]
"""Row number and text."""

_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Leaks:
    """What a pool holds of the tests.

    Attributes:
        rows: int64, leaking rows, ascending.
        tests: int64, the test that each leaks most; of equals the lower row.
        kinds: `normalised` or `ngram`, one a leaking row.
        scores: float64, share of that test's n-grams that the row holds; 1 for equal texts.
        touching: int64, ascending: every row that shares any n-gram with any test, template wording
            included, holds a short one or equals one.
        sharing: int64, ascending: the same, template wording apart.
    """

    rows: NDArray[np.int64]
    tests: NDArray[np.int64]
    kinds: list[str]
    scores: NDArray[np.float64]
    touching: NDArray[np.int64]
    sharing: NDArray[np.int64]


def find_leaks(
    pool: Callable[[], Iterable[NumberedText]],
    tests: Sequence[NumberedText],
    rule: LeakNgrams = "half",
    on_rows: Callable[[int], None] = lambda _: None,
) -> Leaks:
    """Read the pool twice: to count how many rows hold each n-gram, and to score the rows.

    Only n-grams of the tests are held.

    Args:
        pool: Gives the rows from the first, ascending, each time it is called.
        tests: Ascending.
        rule: `half`, or `any` for a single shared n-gram.
        on_rows: Told of rows as they are read, each of them twice.
    """
    scorer = _Scorer(tests, rule)
    rows = 0
    for numbers, texts in _chunks(pool()):
        scorer.count(texts)
        rows += len(numbers)
        on_rows(len(numbers))
    scorer.settle(rows)
    leaking: list[tuple[int, int, str, float]] = []
    touching: list[int] = []
    sharing: list[int] = []
    for numbers, texts in _chunks(pool()):
        found, touched, shared = scorer.score(texts)
        leaking += [(numbers[place], test, kind, score) for place, test, kind, score in found]
        touching += [numbers[place] for place in touched]
        sharing += [numbers[place] for place in shared]
        on_rows(len(numbers))
    return Leaks(
        rows=np.array([leak[0] for leak in leaking], dtype=np.int64),
        tests=np.array([leak[1] for leak in leaking], dtype=np.int64),
        kinds=[leak[2] for leak in leaking],
        scores=np.array([leak[3] for leak in leaking], dtype=np.float64),
        touching=np.array(touching, dtype=np.int64),
        sharing=np.array(sharing, dtype=np.int64),
    )


def _chunks(pool: Iterable[NumberedText]) -> Iterator[tuple[list[int], list[str]]]:
    for chunk in _batched(pool, _ROWS_AT_ONCE):
        yield [number for number, _ in chunk], [text for _, text in chunk]


def _batched(items: Iterable[NumberedText], size: int) -> Iterator[list[NumberedText]]:
    chunk: list[NumberedText] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Scorer:
    """The tests' n-grams, and how a row is judged by them."""

    def __init__(self, tests: Sequence[NumberedText], rule: LeakNgrams) -> None:
        self._rule = rule
        self._test_rows = np.array([number for number, _ in tests], dtype=np.int64)
        words = [words_of(text) for _, text in tests]
        self._keys: dict[str, int] = {}
        for place, (key_words, (_, text)) in enumerate(zip(words, tests, strict=True)):
            self._keys.setdefault(text_key(key_words, text), place)
        self._vocabulary = Vocabulary(words)
        self._short = [
            self._tests_of(
                words, [p for p, text in enumerate(words) if len(text) == length], length
            )
            for length in sorted({len(text) for text in words} & set(range(1, NGRAM)))
        ]
        self._long = self._tests_of(
            words, [p for p, text in enumerate(words) if len(text) >= NGRAM], NGRAM
        )
        self._rows_of_gram = np.zeros(self._long.grams.count, dtype=np.int64)

    def _tests_of(
        self, words: Sequence[Sequence[str]], places: list[int], length: int
    ) -> "_TestGrams":
        texts = self._vocabulary.batch([words[place] for place in places])
        grams = Grams(texts, length, len(self._vocabulary))
        return _TestGrams(np.array(places, dtype=np.int64), grams, grams.find(texts))

    def count(self, texts: Sequence[str]) -> None:
        """First pass: in how many rows each n-gram is."""
        found = self._long.grams.find(self._vocabulary.batch([words_of(text) for text in texts]))
        self._rows_of_gram += np.bincount(found.gram, minlength=len(self._rows_of_gram))

    def settle(self, rows: int) -> None:
        """Between the passes: take out what is template wording."""
        most = max(FEWEST_TEMPLATE_ROWS - 1, TEMPLATE_SHARE * rows)
        self._counts = self._rows_of_gram <= most
        self._long_sizes = self._long.sizes(self._counts)

    def score(
        self, texts: Sequence[str]
    ) -> tuple[list[tuple[int, int, str, float]], NDArray[np.int64], NDArray[np.int64]]:
        """Second pass.

        Returns:
            (place in `texts`, test row, kind, score) of those that leak, ascending; the places of
            those that share anything; of those that share more than template wording.
        """
        words = [words_of(text) for text in texts]
        batch = self._vocabulary.batch(words)
        equal = [
            self._keys.get(text_key(row, text), -1) for row, text in zip(words, texts, strict=True)
        ]
        found = self._long.grams.find(batch)
        best = _Best(len(texts))
        for row, held, shared in self._long.shared(found, self._counts):
            share = shared / self._long_sizes[held]
            leaks = share >= 0.5 if self._rule == "half" else share > 0
            best.offer(row[leaks], self._long.places[held[leaks]], share[leaks])
        touched = [found.text[self._counts[found.gram]], np.flatnonzero(np.array(equal) >= 0)]
        for short in self._short:
            whole = short.grams.find(batch)
            every = np.ones(short.grams.count, dtype=np.bool_)
            for row, held, _ in short.shared(whole, every):
                best.offer(row, short.places[held], np.ones(len(row)))
            touched.append(whole.text)
        leaking: list[tuple[int, int, str, float]] = []
        for place, (test, score) in enumerate(zip(best.test, best.score, strict=True)):
            if equal[place] >= 0:
                leaking.append((place, int(self._test_rows[equal[place]]), "normalised", 1.0))
            elif test >= 0:
                leaking.append((place, int(self._test_rows[test]), "ngram", float(score)))
        shared_rows = np.unique(np.concatenate(touched))
        return leaking, np.union1d(found.text, shared_rows), shared_rows


class _TestGrams:
    """Tests of one kind, and which of them holds each of their n-grams.

    Attributes:
        places: int64, place of each among all tests.
    """

    def __init__(self, places: NDArray[np.int64], grams: Grams, held: Found) -> None:
        self.places, self.grams = places, grams
        by_gram = np.argsort(held.gram, kind="stable")
        self._test = held.text[by_gram]
        self._gram = held.gram[by_gram]
        self._starts = np.searchsorted(self._gram, np.arange(grams.count + 1))

    def sizes(self, counts: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many of each test's n-grams count."""
        return np.bincount(self._test[counts[self._gram]], minlength=len(self.places))

    def shared(
        self, found: Found, counts: NDArray[np.bool_]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Text, test and how many n-grams both hold, for every pair with any; once, or never."""
        kept = counts[found.gram] if len(found.gram) else np.zeros(0, dtype=np.bool_)
        text, gram = found.text[kept], found.gram[kept]
        if not len(text):
            return
        tests_each = self._starts[gram + 1] - self._starts[gram]
        first = np.repeat(self._starts[gram], tests_each)
        within = np.arange(len(first)) - np.repeat(np.cumsum(tests_each) - tests_each, tests_each)
        pairs = np.repeat(text, tests_each) * len(self.places) + self._test[first + within]
        distinct, shared = np.unique(pairs, return_counts=True)
        yield (*np.divmod(distinct, len(self.places)), shared)


class _Best:
    """For each text the test with the highest score; of equals the lower."""

    def __init__(self, texts: int) -> None:
        self.test = np.full(texts, -1, dtype=np.int64)
        self.score = np.zeros(texts)

    def offer(
        self,
        text: NDArray[np.int64],
        test: NDArray[np.int64],
        score: NDArray[np.float64],
    ) -> None:
        """Take what is better than what is there."""
        by_text = np.lexsort((test, -score, text))
        text, first = np.unique(text[by_text], return_index=True)
        test, score = test[by_text][first], score[by_text][first]
        better = (score > self.score[text]) | (
            (score == self.score[text]) & (test < self.test[text])
        )
        self.test[text[better]], self.score[text[better]] = test[better], score[better]
