"""The texts of a few rows, read again and proven by their ids."""

from collections.abc import Iterable, Iterator
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.embeddings import EmbeddingStore
from tma_prep.errors import ArtifactError, TmaPrepError
from tma_prep.explain.told import Excerpt
from tma_prep.orders import Arranged
from tma_prep.rows import (
    BadRow,
    InstancePool,
    TextPart,
    format_named,
    render,
    stored_schema,
    text_id,
)
from tma_prep.shards import ShardFolder, ShardReader, open_shards

MOST_CHARACTERS = 2000
"""Of a prompt, and of a response, that are told; a row may hold megabytes."""

_CHANGED = "the input has changed since it was embedded"


def train_texts(arranged: Arranged, places: Iterable[int]) -> dict[int, Excerpt]:
    """Excerpts of training rows by their places in the store.

    Rows of the order are read from its shards, where those are there; others from the input.
    """
    wanted = np.unique(np.fromiter(places, dtype=np.int64))
    in_shards = arranged.positions[wanted] >= 0
    shards = _shards_of(arranged)
    if shards is None:
        in_shards[:] = False
    found = _of_input(arranged.sides.train, wanted[~in_shards])
    if shards is not None and in_shards.any():
        positions = np.sort(arranged.positions[wanted[in_shards]])
        found |= _of_shards(arranged, shards, positions)
    return found


def test_texts(arranged: Arranged, places: Iterable[int]) -> dict[int, Excerpt]:
    """Excerpts of test rows by their places in the store."""
    return _of_input(arranged.sides.test, np.unique(np.fromiter(places, dtype=np.int64)))


def _shards_of(arranged: Arranged) -> ShardFolder | None:
    """The shards of an order, where the workspace holds them."""
    try:
        found = open_shards(arranged.workspace.shards(arranged.name))
    except ArtifactError:
        return None
    same = found.manifest.inputs == arranged.manifest.inputs and found.rows == len(arranged.rows)
    return found if same else None


def _of_shards(
    arranged: Arranged, shards: ShardFolder, positions: NDArray[np.int64]
) -> dict[int, Excerpt]:
    store = arranged.sides.train

    def exchanges() -> Iterator[tuple[str, str]]:
        exchange = format_named(shards.manifest.format)
        columns = [*exchange.columns, *exchange.optional]
        names = stored_schema(store.manifest.source).names
        with ShardReader(shards, [name for name in columns if name in names]) as reader:
            for position in positions.tolist():
                yield exchange.exchange(reader.rows(position, position + 1)[0])

    return _proven(store, arranged.rows[positions], exchanges())


def _of_input(store: EmbeddingStore, places: NDArray[np.int64]) -> dict[int, Excerpt]:
    if not len(places):
        return {}

    def exchanges() -> Iterator[tuple[str, str]]:
        pool = InstancePool.from_source(store.manifest.source)
        for instance in pool.instances(store.rows[places]):
            yield instance.prompt, instance.response

    return _proven(store, places, exchanges())


def _proven(
    store: EmbeddingStore, places: NDArray[np.int64], exchanges: Iterator[tuple[str, str]]
) -> dict[int, Excerpt]:
    """Excerpts of texts that have the ids they were stored with; else what is wrong."""
    part = cast("TextPart", store.manifest.config["text"])
    ids = store.ids.take(pa.array(places)).to_pylist()
    found = {}
    try:
        for place, stored_id, (prompt, response) in zip(
            places.tolist(), ids, exchanges, strict=True
        ):
            same = text_id("".join(render(prompt, response, part))) == stored_id
            found[place] = excerpt(prompt, response) if same else Excerpt(problem=_CHANGED)
    except (BadRow, TmaPrepError, OSError, ValueError) as error:
        rest = {place: Excerpt(problem=str(error)) for place in places.tolist()}
        return rest | found
    return found


def excerpt(prompt: str, response: str) -> Excerpt:
    """The beginnings of a row's texts."""
    return Excerpt(
        prompt=prompt[:MOST_CHARACTERS],
        response=response[:MOST_CHARACTERS],
        prompt_characters=len(prompt),
        response_characters=len(response),
    )
