"""The texts of a few rows, from the row store."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tma_prep.embeddings import EmbeddingStore
from tma_prep.errors import TmaPrepError
from tma_prep.explain.told import Excerpt
from tma_prep.orders import Arranged

MOST_CHARACTERS = 2000
"""Of a prompt, and of a response, that are told; a row may hold megabytes."""


def train_texts(arranged: Arranged, places: Iterable[int]) -> dict[int, Excerpt]:
    """Excerpts of training rows by their places in the store."""
    return _texts(arranged.sides.train, np.unique(np.fromiter(places, dtype=np.int64)))


def test_texts(arranged: Arranged, places: Iterable[int]) -> dict[int, Excerpt]:
    """Excerpts of test rows by their places in the store."""
    return _texts(arranged.sides.test, np.unique(np.fromiter(places, dtype=np.int64)))


def _texts(store: EmbeddingStore, places: NDArray[np.int64]) -> dict[int, Excerpt]:
    if not len(places):
        return {}
    found: dict[int, Excerpt] = {}
    try:
        samples = store.row_store.samples(store.rows[places])
        for place, sample in zip(places.tolist(), samples, strict=True):
            found[place] = excerpt(*sample.exchange(store.view.exchange))
    except TmaPrepError as error:
        return {place: Excerpt(problem=str(error)) for place in places.tolist()} | found
    return found


def excerpt(prompt: str, response: str) -> Excerpt:
    """The beginnings of a row's texts."""
    return Excerpt(
        prompt=prompt[:MOST_CHARACTERS],
        response=response[:MOST_CHARACTERS],
        prompt_characters=len(prompt),
        response_characters=len(response),
    )
