"""The n-grams of the tests as a tree of words, walked by many places of many texts at once.

A node is a beginning of an n-gram that some test holds. Nodes are numbered from 0 level by level
and compared exactly, so nothing is found that is not there. A hash of n words only says at which
places no walk is worth beginning.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tma_prep.leakage.pairs import Numbers

_ABSENT = -1
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits mixed: 2**64 over the golden ratio
_LEAST_BITS, _MOST_BITS = 16, 24  # of the table of hashes: 64 kB to 16 MB


@dataclass(frozen=True)
class TextBatch:
    """The words of several texts, one after the other, by number; `_ABSENT` between texts.

    Attributes:
        words: int64; number of each word in a vocabulary, `_ABSENT` for one that no test holds.
        text: int64; which text each word stands in.
    """

    words: Numbers
    text: Numbers


@dataclass(frozen=True)
class Held:
    """Which row or text holds which n-gram, each pair once, by ascending row."""

    rows: Numbers
    grams: Numbers


class Vocabulary:
    """The words of the tests, numbered."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        """Number the words as they first occur."""
        self._number: dict[str | None, int] = {}
        for text in texts:
            for word in text:
                self._number.setdefault(word, len(self._number))

    def __len__(self) -> int:
        """How many words."""
        return len(self._number)

    def batch(self, texts: Sequence[Sequence[str]]) -> TextBatch:
        """Texts as numbers."""
        # After each text one entry that is no word.
        words = itertools.chain.from_iterable((*text, None) for text in texts)
        numbers = map(self._number.get, words, itertools.repeat(_ABSENT))
        lengths = np.array([len(text) + 1 for text in texts], dtype=np.int64)
        return TextBatch(
            np.fromiter(numbers, dtype=np.int64, count=int(lengths.sum())),
            np.repeat(np.arange(len(texts)), lengths),
        )


class Grams:
    """The distinct n-grams of one length of some texts, at least one, numbered from 0."""

    def __init__(self, texts: TextBatch, length: int, vocabulary: int) -> None:
        """Build the tree."""
        # Of each word more, sorted keys `node before * vocabulary + word`; a rank is the new node.
        self._levels: list[Numbers] = []
        self._length = length
        self._vocabulary = vocabulary
        start = np.arange(len(texts.words))
        node = np.zeros_like(start)
        for depth in range(length):
            start, keys = self._step(texts, start, node, depth)
            level, node = np.unique(keys, return_inverse=True)
            self._levels.append(level)
        self.count = len(self._levels[-1])
        bits = max(_LEAST_BITS, min(_MOST_BITS, (16 * self.count).bit_length()))
        self._shift = np.uint64(64 - bits)
        self._hashes_there = np.zeros(1 << bits, dtype=np.bool_)
        self._hashes_there[self._hashes(texts.words)[start]] = True

    def find(self, texts: TextBatch) -> Held:
        """Which of the texts hold which of the n-grams."""
        start = np.flatnonzero(self._hashes_there[self._hashes(texts.words)])
        node = np.zeros_like(start)
        for depth, level in enumerate(self._levels):
            start, keys = self._step(texts, start, node, depth)
            node = np.minimum(np.searchsorted(level, keys), len(level) - 1)
            known = level[node] == keys
            start, node = start[known], node[known]
        # Sorted almost already, which NumPy's sort is quick at and its `unique` is not.
        pairs = np.sort(texts.text[start] * self.count + node, kind="stable")
        distinct = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
        return Held(*np.divmod(distinct, self.count))

    def _step(
        self, texts: TextBatch, start: Numbers, node: Numbers, depth: int
    ) -> tuple[Numbers, Numbers]:
        """Those places that have one more known word `depth` words on, and the keys of it.

        Between texts stands `_ABSENT`, and a walk ends there: none reaches into the next text.
        """
        inside = start + depth < len(texts.words)
        start, node = start[inside], node[inside]
        word = texts.words[start + depth]
        known = word != _ABSENT
        return start[known], node[known] * self._vocabulary + word[known]

    def _hashes(self, words: Numbers) -> Numbers:
        """Place in the table of the words from each place on; none where the texts end before."""
        places = max(0, len(words) - self._length + 1)
        found = np.zeros(places, dtype=np.uint64)
        for depth in range(self._length):
            found += words[depth : depth + places].view(np.uint64)
            found *= _MULTIPLIER
        return (found >> self._shift).view(np.int64)
