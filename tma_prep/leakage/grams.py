"""The n-grams of the tests as a tree of words, walked by all places of many texts at once.

A node is a beginning of an n-gram that some test holds. Nodes are numbered from 0 level by level
and compared exactly: nothing is hashed, so nothing is found that is not there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]

_ABSENT = -1


@dataclass(frozen=True)
class _Level:
    """One more word: sorted keys `node before * vocabulary + word`, whose rank is the new node."""

    keys: Places

    def step(self, nodes: Places, words: Places, vocabulary: int) -> Places:
        """The node after each pair, `_ABSENT` where no test goes on so."""
        wanted = nodes * vocabulary + words
        if not len(wanted):
            return wanted
        found = np.searchsorted(self.keys, wanted)
        found[found == len(self.keys)] = 0
        return np.where(self.keys[found] == wanted, found, _ABSENT)


@dataclass(frozen=True)
class TextBatch:
    """The words of several texts, one after the other, by number; `_ABSENT` between texts.

    Attributes:
        words: int64; number of each word in a vocabulary, `_ABSENT` for one that no test holds.
        text: int64; which text each word stands in.
    """

    words: Places
    text: Places


@dataclass(frozen=True)
class Found:
    """Which text holds which n-gram, each pair once, sorted by text, then n-gram."""

    text: Places
    gram: Places


class Vocabulary:
    """The words of the tests, numbered."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        """Number the words as they first occur."""
        self._number: dict[str, int] = {}
        for text in texts:
            for word in text:
                self._number.setdefault(word, len(self._number))

    def __len__(self) -> int:
        """How many words."""
        return len(self._number)

    def batch(self, texts: Sequence[Sequence[str]]) -> TextBatch:
        """Texts as numbers."""
        number = self._number
        flat = [
            n for text in texts for n in (*(number.get(word, _ABSENT) for word in text), _ABSENT)
        ]
        lengths = np.array([len(text) + 1 for text in texts], dtype=np.int64)
        return TextBatch(np.array(flat, dtype=np.int64), np.repeat(np.arange(len(texts)), lengths))


class Grams:
    """The distinct n-grams of one length of some texts, numbered from 0."""

    def __init__(self, texts: TextBatch, length: int, vocabulary: int) -> None:
        """Build the tree."""
        self._levels: list[_Level] = []
        self._vocabulary = vocabulary
        start = np.arange(len(texts.words))
        node = np.zeros_like(start)
        for depth in range(length):
            start, node, word = _followed(texts, start, node, depth)
            level = _Level(np.unique(node * vocabulary + word))
            node = level.step(node, word, vocabulary)
            self._levels.append(level)
        self.count = len(self._levels[-1].keys)

    def find(self, texts: TextBatch) -> Found:
        """Which of the texts hold which of the n-grams."""
        start = np.arange(len(texts.words) if self.count else 0)
        node = np.zeros_like(start)
        for depth, level in enumerate(self._levels):
            start, node, word = _followed(texts, start, node, depth)
            node = level.step(node, word, self._vocabulary)
            there = node != _ABSENT
            start, node = start[there], node[there]
        pairs = np.unique(texts.text[start] * max(1, self.count) + node)
        return Found(*np.divmod(pairs, max(1, self.count)))


def _followed(
    texts: TextBatch, start: Places, node: Places, depth: int
) -> tuple[Places, Places, Places]:
    """Those places that have one more known word `depth` words on, and that word.

    Between texts stands `_ABSENT`, and a walk ends there: none reaches into the next text.
    """
    inside = start + depth < len(texts.words)
    start, node = start[inside], node[inside]
    word = texts.words[start + depth]
    known = word != _ABSENT
    return start[known], node[known], word[known]
