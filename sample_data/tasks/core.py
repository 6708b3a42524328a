"""What every task is built from: a dice that never changes, and the shape of a task."""

import hashlib
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")

Fields = dict[str, str]
"""Values for the blanks of a phrasing; the key ``answer`` holds the right answer."""

Phrasing = str | tuple[str, str]
"""A prompt with blanks, alone or followed by the reply with blanks."""


class Dice:
    """Random choices that stay the same on every machine and Python version."""

    def __init__(self, seed: str) -> None:
        """Start from a seed text.

        Args:
            seed: Any text; the same text always gives the same choices.
        """
        # Only Random.random() promises the same sequence in every version, so all is built on it.
        digest = hashlib.sha256(seed.encode("utf-8")).digest()
        self._random = random.Random(int.from_bytes(digest, "big"))

    def below(self, limit: int) -> int:
        """Return a whole number from 0 up to, and not including, the limit."""
        return int(self._random.random() * limit)

    def between(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        return low + self.below(high - low + 1)

    def pick(self, items: Sequence[T]) -> T:
        """Return one item."""
        return items[self.below(len(items))]

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """Return some items from different places in the sequence, in random order."""
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in range(count)]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return all items in random order."""
        return self.sample(items, len(items))


class Task(NamedTuple):
    """One kind of row.

    Attributes:
        rows: How many rows to make.
        draw: Makes up the values for one row.
        phrasings: The ways to put the question; rows take them in turn.
    """

    rows: int
    draw: Callable[[Dice], Fields]
    phrasings: tuple[Phrasing, ...]

    def render(self, fields: Fields, turn: int) -> tuple[str, str]:
        """Fill the blanks of one phrasing.

        Args:
            fields: What ``draw`` made up.
            turn: Which phrasing to use, counted round and round.

        Returns:
            The prompt and the response.
        """
        phrasing = self.phrasings[turn % len(self.phrasings)]
        prompt, reply = (phrasing, "{answer}") if isinstance(phrasing, str) else phrasing
        return prompt.format(**fields), reply.format(**fields)


def capital(text: str) -> str:
    """Return the text with its first letter made a capital."""
    return text[:1].upper() + text[1:]


def listed(items: Sequence[str], last: str = "and") -> str:
    """Join items as in a sentence: ``a, b and c``."""
    return ", ".join(items[:-1]) + f" {last} {items[-1]}"


def amount(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun, in the singular or the plural."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
