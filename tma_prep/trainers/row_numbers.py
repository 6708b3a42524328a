"""Which row of the input stands where in shards, to compare a training's rows with."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tma_prep.shards import ShardFolder
from tma_prep.tables import read_table
from tma_prep_schemas import POSITION, ROW, ROW_ID, SHARD_FIELDS

_REMEDY = "copy the shards whole; tma-prep verify names all that is wrong"


class RowNumbers:
    """`tma_row` of every row of shards, by position; read when it is first asked for."""

    def __init__(self, shards: ShardFolder) -> None:
        """Read nothing yet."""
        self._shards = shards

    @functools.cached_property
    def _rows(self) -> pa.Array:
        return self._column(ROW).combine_chunks()

    def wrong(self, positions: Sequence[int], rows: Sequence[int]) -> str | None:
        """The first row that the shards do not hold at its position, as a line; or None.

        Args:
            positions: `tma_position` of each row; those that no row of the shards has are not
                compared.
            rows: `tma_row` of each.

        Raises:
            ArtifactError: A file of the shards is missing or damaged.
        """
        return self._first_wrong(ROW, np.asarray(positions, np.int64), pa.array(rows, pa.int64()))

    def wrong_in(self, dataset: Any) -> str | None:  # noqa: ANN401
        """The same for all rows of a `datasets.Dataset`, compared by `tma_id` too if it has it.

        Of one without these columns, or with lists in them, or streamed, nothing is compared.

        Raises:
            ArtifactError: A file of the shards is missing or damaged.
        """
        whole = hasattr(dataset, "__len__") and hasattr(dataset, "with_format")
        features = getattr(dataset, "features", None) or {}
        held = [name for name in (POSITION, ROW, ROW_ID) if name in features]
        if not whole or POSITION not in held or len(held) == 1:
            return None
        table: pa.Table = dataset.select_columns(held).with_format("arrow")[:]
        if table.schema.field(POSITION).type != pa.int64():
            return None
        positions = table.column(POSITION).to_numpy()
        for name in held[1:]:
            if name == ROW and table.schema.field(ROW).type != pa.int64():
                continue
            wrong = self._first_wrong(name, positions, table.column(name))
            if wrong is not None:
                return wrong
        return None

    def _first_wrong(
        self, name: str, positions: NDArray[np.int64], came: pa.Array | pa.ChunkedArray
    ) -> str | None:
        known = np.flatnonzero((positions >= 0) & (positions < self._shards.rows))
        column = self._rows if name == ROW else self._column(name)
        wanted = column.take(pa.array(positions[known]))
        came = came.take(pa.array(known)).cast(wanted.type)
        differs = pc.fill_null(pc.not_equal(came, wanted), True)
        wrong = np.flatnonzero(differs.to_numpy(zero_copy_only=False))
        if not len(wrong):
            return None
        at, label = wrong[0], "row" if name == ROW else name
        return (
            f"{label} {came[at]} came at tma_position {positions[known[at]]} where the shards hold "
            f"{label} {wanted[at]}: the training reads other shards or another order"
        )

    def _column(self, name: str) -> pa.ChunkedArray:
        pieces = [
            read_table(path, pa.schema(SHARD_FIELDS), name, remedy=_REMEDY, rows=entry.rows)
            for path, entry in zip(self._shards.files, self._shards.manifest.files, strict=True)
        ]
        return pa.concat_tables(pieces).column(name)
