"""A pass over every row of a pool: which are good, and the columns and counts that they make."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.errors import InputError
from tma_prep.files import AnyPath
from tma_prep.rows.containers import Block, JsonBlock, read_blocks
from tma_prep.rows.formats import BadRow
from tma_prep.rows.instance import Instance, InstanceReader
from tma_prep.rows.json_schema import JsonSchema
from tma_prep.rows.vectors import VectorColumn

OnBadRow = Literal["fail", "skip"]


@dataclass(frozen=True)
class SkippedRow:
    """A bad row that was left out, and why."""

    row: int
    place: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """Consecutive instances.

    Attributes:
        instances: The good rows, in order.
        vectors: One a good row, shape (d,), if a column of vectors was asked for; else empty.
        skipped: The bad rows among them.
    """

    instances: list[Instance]
    vectors: list[NDArray[np.float64]] = field(default_factory=list)
    skipped: list[SkippedRow] = field(default_factory=list)


class Validation:
    """One pass over the files.

    Attributes:
        rows_by_file: Rows of each file that has been read to its end, bad ones included.
    """

    def __init__(
        self,
        files: Sequence[AnyPath],
        reader: InstanceReader,
        columns: Sequence[str] | None,
        vectors: VectorColumn | None,
    ) -> None:
        """Prepare the pass.

        Args:
            files: In the order in which rows are numbered.
            reader: What makes an instance of a row.
            columns: The columns to read of columnar files, None for JSON.
            vectors: The column of vectors to read as well.
        """
        self.rows_by_file: list[int] = []
        self._files = files
        self._reader = reader
        self._columns = columns
        self._vectors = vectors
        self._json = JsonSchema()

    @property
    def json_schema(self) -> pa.Schema:
        """The columns of the good rows of JSON so far."""
        return self._json.schema

    def batches(self, on_bad_row: OnBadRow) -> Iterator[Batch]:
        """Stream validated instances.

        Raises:
            InputError: A file or, unless bad rows are skipped, a row cannot be used.
        """
        first_row = 0
        for path in self._files:
            rows_in_file = 0
            checked = False
            for block in read_blocks(path, self._columns):
                # A block of nothing but bad rows may have no column.
                if not checked and block.columns:
                    self._check_columns(block.columns, path)
                    checked = True
                batch = self._validated(block, path, first_row)
                if batch.skipped and on_bad_row == "fail":
                    bad = batch.skipped[0]
                    raise InputError(f"{bad.place}: {bad.reason}")
                yield batch
                rows_in_file += len(block)
            first_row += rows_in_file
            self.rows_by_file.append(rows_in_file)
        if first_row == 0:
            others = len(self._files) - 1
            also = f", and so are the {others} files after it" if others else ""
            raise InputError(f"{self._files[0]}: is empty{also}; it must hold at least one row")

    def _check_columns(self, columns: Sequence[str], path: AnyPath) -> None:
        wanted = self._reader.format
        missing = [name for name in wanted.columns if name not in columns]
        if missing:
            raise InputError(
                f"{path}, row 0: mixed schemas: rows are read as {wanted.name} (by the first file, "
                f"or by --format) and this file has no `{missing[0]}`; give all files one format, "
                "or the right --format"
            )
        if self._vectors is not None and self._vectors.name not in columns:
            raise InputError(
                f"{path}: has no column `{self._vectors.name}` (--vectors-column); check its name"
            )

    def _validated(self, block: Block, path: AnyPath, first_row: int) -> Batch:
        rows = block.rows if isinstance(block, JsonBlock) else block.table.to_pylist()
        batch = Batch([])
        for place, row in enumerate(rows, start=block.first_row):
            try:
                if isinstance(row, BadRow):
                    raise row
                instance = self._reader.read(row, first_row + place)
                vector = self._vectors.read(row.get(self._vectors.name)) if self._vectors else None
                if isinstance(block, JsonBlock):
                    # Only good rows have a say in the schema.
                    self._json.add(row)
            except BadRow as error:
                bad = SkippedRow(first_row + place, f"{path}, row {place}", str(error))
                batch.skipped.append(bad)
                continue
            batch.instances.append(instance)
            if vector is not None:
                batch.vectors.append(vector)
        return batch
