"""A pool: the instances of all files of one side, numbered from 0 in the order given."""

import base64
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.errors import InputError
from tma_prep.files import AnyPath, any_path
from tma_prep.rows.column_types import common_schema
from tma_prep.rows.columnar import columnar_schema
from tma_prep.rows.containers import JsonBlock, read_blocks
from tma_prep.rows.formats import InstanceFormat, format_named, recognise_format, task_column_of
from tma_prep.rows.instance import Instance, InstanceReader
from tma_prep.rows.known_rows import instances_at, tables_at
from tma_prep.rows.opening import empty_input
from tma_prep.rows.validation import Batch, OnBadRow, Validation
from tma_prep.rows.vectors import VectorColumn
from tma_prep_schemas import InputFile, Source


class InstancePool:
    """All instances of one side, read as a stream as often as needed.

    `batches` judges every row and learns columns and counts; `instances` and `tables` read again
    the rows that it found good.

    Raises (all methods): `InputError` with file, row, what is wrong and the remedy.
    """

    def __init__(
        self,
        files: Sequence[AnyPath],
        *,
        format_name: str | None,
        task_column: str | None,
        task_optional: bool = False,
    ) -> None:
        """Recognise the format from the first usable rows.

        Args:
            files: What `find_files` returned.
            format_name: A name from `FORMATS`, or None to recognise it.
            task_column: The column that names the task, or None for the usual ones.
            task_optional: Whether `task_column` may be absent; rows name no task then.
        """
        self.files = tuple(files)
        path, columns = _first_columns(self.files)
        where = str(path)
        self.format: InstanceFormat = (
            format_named(format_name) if format_name else recognise_format(columns, where=where)
        )
        self.task_column = task_column_of(columns, task_column, optional=task_optional, where=where)
        self._columnar = common_schema([(path, columnar_schema(path)) for path in self.files])
        self._validation = self._validation_of(None)

    @classmethod
    def from_source(cls, source: Source) -> "InstancePool":
        """The pool that a manifest describes."""
        pool = cls(
            [any_path(file.path) for file in source.files],
            format_name=source.format,
            task_column=source.task_column,
            task_optional=True,
        )
        # None means that there was no task, and not that the usual columns are to be tried again.
        pool.task_column = source.task_column
        return pool

    @property
    def schema(self) -> pa.Schema:
        """The user's columns. For JSON it is known once `batches` has run to the end."""
        return self._columnar if self._columnar is not None else self._validation.json_schema

    @property
    def rows_by_file(self) -> list[int]:
        """Rows of each file, bad ones included, once `batches` has run to the end."""
        return self._validation.rows_by_file

    def source(self, hashes: Sequence[tuple[int, str]]) -> Source:
        """What a manifest says of this pool, once `batches` has run to the end.

        Args:
            hashes: Size in bytes and SHA-256 of each file.
        """
        files = [
            InputFile(path=str(path), bytes=size, sha256=sha256, rows=rows)
            for path, (size, sha256), rows in zip(
                self.files, hashes, self.rows_by_file, strict=True
            )
        ]
        return Source(
            files=files,
            format=self.format.name,
            task_column=self.task_column,
            arrow_schema=base64.b64encode(self.schema.serialize()).decode("ascii"),
            columns=[f"{column.name}: {column.type}" for column in self.schema],
        )

    def batches(
        self, on_bad_row: OnBadRow = "fail", vectors: VectorColumn | None = None
    ) -> Iterator[Batch]:
        """Judge every row, and stream the good ones.

        Args:
            on_bad_row: What to do with a row that cannot be used.
            vectors: The column of vectors to read as well.
        """
        self._validation = self._validation_of(vectors)
        return self._validation.batches(on_bad_row)

    def instances(self, rows: NDArray[np.int64]) -> Iterator[Instance]:
        """Stream the instances of rows that `batches` once found good.

        Args:
            rows: Ascending row numbers.

        Raises:
            InputError: One of them cannot be read now.
        """
        return instances_at(self.files, rows, self._reader, self._columns_read(None))

    def tables(
        self, schema: pa.Schema, kept_rows: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], pa.Table]]:
        """Stream the user's own columns of rows that `batches` once found good.

        Args:
            schema: What the manifest of the pool says.
            kept_rows: Ascending row numbers; the others are left out.

        Yields:
            Row numbers, ascending, and their rows as a table of `schema`.

        Raises:
            InputError: One of them cannot be read now.
        """
        return tables_at(self.files, kept_rows, schema)

    @property
    def _reader(self) -> InstanceReader:
        return InstanceReader(self.format, self.task_column)

    def _validation_of(self, vectors: VectorColumn | None) -> Validation:
        return Validation(self.files, self._reader, self._columns_read(vectors), vectors)

    def _columns_read(self, vectors: VectorColumn | None) -> list[str] | None:
        if self._columnar is None:
            return None
        wanted = [*self._reader.columns, *([vectors.name] if vectors else [])]
        return [name for name in dict.fromkeys(wanted) if name in self._columnar.names]


def stored_schema(source: Source) -> pa.Schema:
    """The Arrow schema of the user's columns that a manifest holds."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(source.arrow_schema)))


def _first_columns(files: Sequence[AnyPath]) -> tuple[AnyPath, list[str]]:
    """The columns of the first block that has any, and its file."""
    first_bad: InputError | None = None
    for path in files:
        schema = columnar_schema(path)
        if schema is not None:
            return path, list(schema.names)
        for block in read_blocks(path):
            if block.columns:
                return path, block.columns
            if isinstance(block, JsonBlock) and first_bad is None:
                first_bad = InputError(f"{path}, row 0: {block.rows[0]}")
    raise first_bad or empty_input(files[0])
