"""A Parquet shard that may hold any bytes whatever: what can be read of it, and what cannot."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tma_prep.parquet import UNREADABLE, reason_of

_ROWS_AT_ONCE = 2048


class ShardFile:
    """One file, open.

    Attributes:
        path: Where it is.
        schema: Of its columns.
        group_rows: Rows of each row group, as the file says.
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            UNREADABLE: It is no Parquet file, or its footer is damaged.
        """
        self.path = path
        self._source = pq.ParquetFile(path)
        metadata = self._source.metadata
        self.schema: pa.Schema = self._source.schema_arrow
        _check_names(self.schema)
        self.group_rows = [
            metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)
        ]
        self._broken: set[int] = set()

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def tables(
        self, columns: Sequence[str] | None, on_broken: Callable[[int, int, str], None]
    ) -> Iterator[tuple[int, pa.Table]]:
        """Stream its rows; a row group that cannot be read is left out, now and later.

        Args:
            columns: Which columns, all if None.
            on_broken: Told first row, end and reason of what is left out.

        Yields:
            The row of the file that the table begins with, and the table.
        """
        ends = list(accumulate(self.group_rows))
        for group, (rows, end) in enumerate(zip(self.group_rows, ends, strict=True)):
            if group in self._broken:
                continue
            first = end - rows
            try:
                for batch in self._source.iter_batches(
                    _ROWS_AT_ONCE, row_groups=[group], columns=columns and list(columns)
                ):
                    batch.validate(full=True)
                    if first + batch.num_rows > end:
                        raise ValueError("it holds more rows than its footer says")
                    yield first, pa.Table.from_batches([batch])
                    first += batch.num_rows
                if first < end:
                    raise ValueError("it holds fewer rows than its footer says")
            except UNREADABLE as error:
                self._broken.add(group)
                on_broken(first, end, reason_of(error))


def _check_names(schema: pa.Schema) -> None:
    """Refuse names, at any depth, that are no UTF-8: they fail whoever looks at them."""
    fields = list(schema)
    while fields:
        field = fields.pop()
        field.name.encode("utf-8")
        fields += [field.type.field(place) for place in range(field.type.num_fields)]
