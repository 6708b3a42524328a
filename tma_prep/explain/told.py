"""What is told of a row, and of a test."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tma_prep.embeddings import EmbeddingStore
from tma_prep.errors import TmaPrepError

MOST_CHARACTERS = 2000
"""Of a prompt, and of a response, that are told; a row may hold megabytes."""


@dataclass(frozen=True)
class Excerpt:
    """What a row says.

    Attributes:
        prompt: Its beginning; empty where the text cannot be told.
        response: Its beginning.
        prompt_characters: Of the whole prompt.
        response_characters: Of the whole response.
        problem: Why there is no text, None where there is.
    """

    prompt: str = ""
    response: str = ""
    prompt_characters: int = 0
    response_characters: int = 0
    problem: str | None = None


@dataclass(frozen=True)
class Competitor:
    """What a test would have named next in a round.

    Attributes:
        name: `row 17`, or what a unit is called.
        tma_row: Of a row; None for a unit.
        similarity: To the test.
        round: In which it was named itself; -k for the k-th farthest-pick round.
        position: In the order, of a unit's first row; None where it was left out.
    """

    name: str
    tma_row: int | None
    similarity: float
    round: int | None
    position: int | None


@dataclass(frozen=True)
class SeenTest:
    """A test beside a row.

    Attributes:
        id: As `tma_target` calls it.
        similarity: To the row, or to its unit.
    """

    test_row: int
    id: str
    task: str | None
    similarity: float
    text: Excerpt


@dataclass(frozen=True)
class Nomination:
    """A test that named the row, or its unit, in its round.

    Attributes:
        next: Who came next for that test among what remained, nearest first; farthest first where
            the round was one of farthest picks.
    """

    test: SeenTest
    next: list[Competitor]


@dataclass(frozen=True)
class Neighbour:
    """A training row near to a test.

    Attributes:
        rank: 0 for the nearest.
        unit: Task or k-means cell, where those were ranked.
        position: In the order, None where it was left out.
        round: Its round; -k for the k-th farthest-pick round.
        named: Whether this very test named it in that round; None where units were ranked, or
            there are no rounds.
    """

    rank: int
    tma_row: int
    similarity: float
    unit: str | None
    position: int | None
    round: int | None
    named: bool | None


def texts_of(store: EmbeddingStore, places: Iterable[int]) -> dict[int, Excerpt]:
    """The beginnings of rows' texts, from the row store, by the rows' places in the store."""
    wanted = np.unique(np.fromiter(places, dtype=np.int64))
    found: dict[int, Excerpt] = {}
    if not len(wanted):
        return found
    try:
        samples = store.row_store.samples(store.rows[wanted])
        for place, sample in zip(wanted.tolist(), samples, strict=True):
            prompt, response = sample.exchange(store.view.exchange)
            beginnings = prompt[:MOST_CHARACTERS], response[:MOST_CHARACTERS]
            found[place] = Excerpt(*beginnings, len(prompt), len(response))
    except TmaPrepError as error:
        return {place: Excerpt(problem=str(error)) for place in wanted.tolist()} | found
    return found
