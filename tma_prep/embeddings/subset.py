"""Some rows of a store, as if the store held no others."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.embeddings.store import EmbeddingStore, StoredRows


class StoreSubset(EmbeddingStore):
    """The rows of a mask; nothing is copied before it is asked for."""

    def __init__(self, store: EmbeddingStore, kept: NDArray[np.bool_]) -> None:
        """Take a store and a mask over its rows."""
        self.manifest = store.manifest
        self.row_store = store.row_store
        self._store = store
        self._kept = kept
        self._places = np.flatnonzero(kept)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and components."""
        return (len(self._places), self._store.shape[1])

    @property
    def rows(self) -> NDArray[np.int64]:
        """`tma_row` of every row kept, ascending."""
        return self._store.rows[self._places]

    @property
    def ids(self) -> pa.ChunkedArray:
        """`tma_id` of every row kept."""
        return self._store.ids.take(pa.array(self._places))

    def instances(self, *columns: str) -> pa.Table:
        """These columns of `INSTANCES`, one row a row kept."""
        return self._store.instances(*columns).take(pa.array(self._places))

    def take_rows(self, places: NDArray[np.int64]) -> StoredRows:
        """See `TakesRows`."""
        return self._store.take_rows(self._places[places])

    def slices(self) -> Iterator[NDArray[np.float32]]:
        """All vectors kept, in order; a copy of a mapped array at a time."""
        first = 0
        for piece in self._store.slices():
            yield piece[self._kept[first : first + len(piece)]]
            first += len(piece)

    def array(self) -> NDArray[np.float32]:
        """A copy of all vectors kept."""
        return np.concatenate(list(self.slices()))

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Copy of the vectors at these places among the rows kept."""
        return self._store.take(self._places[rows])
