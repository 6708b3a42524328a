"""A pool: the instances of all files of one side, numbered from 0 in the order given."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.errors import InputError
from tma_prep.instances.containers import (
    Block,
    JsonBlock,
    JsonRow,
    columnar_schema,
    read_blocks,
)
from tma_prep.instances.formats import (
    BadRow,
    InstanceFormat,
    Row,
    format_named,
    recognise_format,
    task_column_of,
)
from tma_prep.instances.json_schema import JsonSchema, table_of
from tma_prep.instances.vectors import VectorColumn
from tma_prep_schemas import PREFIX, InputFile, Source

OnBadRow = Literal["fail", "skip"]


@dataclass(frozen=True)
class Instance:
    """One validated row.

    Attributes:
        row: Number in the whole pool, from 0.
        prompt: Never empty.
        response: May be empty.
        task: Name of the task, where the rows name one.
        name: The row's own `id` as text, where it has one.
    """

    row: int
    prompt: str
    response: str
    task: str | None
    name: str | None


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


class InstancePool:
    """All instances of one side, read as a stream as often as needed.

    Raises (all methods): `InputError` with file, row, what is wrong and the remedy.
    """

    def __init__(
        self, files: Sequence[Path], *, format_name: str | None, task_column: str | None
    ) -> None:
        """Recognise the format from the first rows of the first file.

        Args:
            files: What `find_files` returned.
            format_name: A name from `FORMATS`, or None to recognise it.
            task_column: The column that names the task, or None for the usual ones.
        """
        self.files = tuple(files)
        columns = _first_columns(self.files[0])
        where = str(self.files[0])
        self.format: InstanceFormat = (
            format_named(format_name) if format_name else recognise_format(columns, where=where)
        )
        self.task_column = task_column_of(columns, task_column, where=where)
        self._columnar = self._columnar_schema()
        self._json = JsonSchema()
        self.rows_by_file: list[int] = []

    @classmethod
    def from_source(cls, source: Source) -> "InstancePool":
        """The pool that a manifest describes."""
        return cls(
            [Path(file.path) for file in source.files],
            format_name=source.format,
            task_column=source.task_column,
        )

    @property
    def schema(self) -> pa.Schema:
        """The user's columns. For JSON it is known once `batches` has run to the end."""
        return self._columnar if self._columnar is not None else self._json.schema

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
        """Stream validated instances.

        Args:
            on_bad_row: What to do with a row that cannot be used.
            vectors: The column of vectors to read as well.
        """
        self._json = JsonSchema()
        self.rows_by_file = []
        first_row = 0
        for path in self.files:
            rows_in_file = 0
            for block in read_blocks(path, self._columns_read(vectors)):
                if block.first_row == 0:
                    self._check_columns(block.columns, path, vectors)
                batch = self._validated(block, path, first_row, vectors)
                if batch.skipped and on_bad_row == "fail":
                    bad = batch.skipped[0]
                    raise InputError(f"{bad.place}: {bad.reason}")
                yield batch
                rows_in_file += len(block)
            first_row += rows_in_file
            self.rows_by_file.append(rows_in_file)

    def tables(
        self, schema: pa.Schema, kept_rows: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], pa.Table]]:
        """Stream the user's own columns.

        Args:
            schema: What the manifest of the pool says.
            kept_rows: Ascending row numbers; the others are left out.

        Yields:
            Row numbers, ascending, and their rows as a table of `schema`.
        """
        first_row = 0
        for path in self.files:
            rows_in_file = 0
            for block in read_blocks(path):
                start = first_row + block.first_row
                low, high = np.searchsorted(kept_rows, [start, start + len(block)])
                rows = kept_rows[low:high]
                rows_in_file += len(block)
                if len(rows):
                    yield rows, _table(block, rows - start, schema, path)
            first_row += rows_in_file

    def _columnar_schema(self) -> pa.Schema | None:
        """One schema for all files where all are columnar, None where all are JSON."""
        schemas = [(path, columnar_schema(path)) for path in self.files]
        first_path, first = schemas[0]
        for path, schema in schemas:
            if (schema is None) != (first is None):
                raise InputError(
                    f"{path}: mixed schemas: {first_path.name} and this file are of different "
                    "kinds (JSON beside Parquet or Arrow); convert them to one kind"
                )
            if schema is None or first is None:
                continue
            for name in schema.names:
                if name.startswith(PREFIX):
                    raise InputError(
                        f"{path}: column `{name}` begins with {PREFIX}, which is kept for "
                        "tma-prep's own; rename it"
                    )
            if len(set(schema.names)) < len(schema.names):
                raise InputError(f"{path}: two columns have the same name; rename one")
            if not schema.equals(first):
                raise InputError(
                    f"{path}: mixed schemas: {_difference(first, schema)} (compared with "
                    f"{first_path.name}); give all files the same columns and types"
                )
        return first

    def _columns_read(self, vectors: VectorColumn | None) -> list[str] | None:
        if self._columnar is None:
            return None
        there = self._columnar.names
        own = [*self.format.columns, *self.format.optional, "id", self.task_column]
        wanted = [*own, vectors.name if vectors else None]
        return [name for name in dict.fromkeys(wanted) if name is not None and name in there]

    def _check_columns(
        self, columns: Sequence[str], path: Path, vectors: VectorColumn | None
    ) -> None:
        missing = [name for name in self.format.columns if name not in columns]
        if missing and columns:
            raise InputError(
                f"{path}, row 0: mixed schemas: rows are read as {self.format.name} and this file "
                f"has no `{missing[0]}`; give all files one format, or name it with --format"
            )
        if vectors is not None and vectors.name not in columns:
            raise InputError(
                f"{path}: has no column `{vectors.name}` (--vectors-column); check its name"
            )

    def _validated(
        self, block: Block, path: Path, first_row: int, vectors: VectorColumn | None
    ) -> Batch:
        rows = block.rows if isinstance(block, JsonBlock) else block.table.to_pylist()
        instances: dict[int, Instance] = {}
        read: dict[int, NDArray[np.float64]] = {}
        bad: dict[int, BadRow] = {}
        for place, row in enumerate(rows):
            try:
                if isinstance(row, BadRow):
                    raise row
                instance = self._instance(row, first_row + block.first_row + place)
                if vectors is not None:
                    read[place] = vectors.read(row.get(vectors.name))
                instances[place] = instance
            except BadRow as error:
                bad[place] = error
        if isinstance(block, JsonBlock):
            # Only good rows have a say in the schema.
            bad |= self._misfits({place: block.rows[place] for place in instances})
        good = [place for place in instances if place not in bad]
        return Batch(
            instances=[instances[place] for place in good],
            vectors=[read[place] for place in good if place in read],
            skipped=[
                SkippedRow(
                    row=first_row + block.first_row + place,
                    place=f"{path}, row {block.first_row + place}",
                    reason=str(bad[place]),
                )
                for place in sorted(bad)
            ],
        )

    def _misfits(self, rows: Mapping[int, JsonRow | BadRow]) -> dict[int, BadRow]:
        """Add the rows to the schema; those that do not fit, by their place."""
        objects = {place: row for place, row in rows.items() if not isinstance(row, BadRow)}
        try:
            self._json.add(list(objects.values()))
        except BadRow:
            misfits = {}
            for place, row in objects.items():
                try:
                    self._json.add([row])
                except BadRow as error:
                    misfits[place] = error
            return misfits
        return {}

    def _instance(self, row: Row, number: int) -> Instance:
        prompt, response = self.format.exchange(row)
        if not prompt.strip():
            raise BadRow("the prompt is empty; write one, or leave the row out")
        for text in (prompt, response):
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise BadRow("holds half a surrogate pair, which is not text; mend it") from error
        task = row.get(self.task_column) if self.task_column else None
        name = row.get("id")
        return Instance(
            row=number,
            prompt=prompt,
            response=response,
            task=None if task is None else str(task),
            name=None if name is None else str(name),
        )


def stored_schema(source: Source) -> pa.Schema:
    """The Arrow schema of the user's columns that a manifest holds."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(source.arrow_schema)))


def _first_columns(path: Path) -> list[str]:
    schema = columnar_schema(path)
    if schema is not None:
        return list(schema.names)
    for block in read_blocks(path):
        if block.columns:
            return block.columns
        if isinstance(block, JsonBlock):
            raise InputError(f"{path}, row 0: {block.rows[0]}")
    raise InputError(f"{path}: is empty; it must hold at least one row")


def _table(block: Block, places: NDArray[np.int64], schema: pa.Schema, path: Path) -> pa.Table:
    if not isinstance(block, JsonBlock):
        table = block.table if len(places) == len(block) else block.table.take(pa.array(places))
        return pa.table(table.columns, schema=schema)
    rows = [block.rows[place] for place in places]
    if any(isinstance(row, BadRow) for row in rows):
        raise InputError(f"{path}: has changed since it was embedded; run embed again")
    return table_of([row for row in rows if not isinstance(row, BadRow)], schema)


def _difference(first: pa.Schema, other: pa.Schema) -> str:
    for name in first.names:
        if name not in other.names:
            return f"column `{name}` is missing"
        here, there = other.field(name), first.field(name)
        if not here.equals(there):
            return f"column `{name}` is {_kind(here)} here and {_kind(there)} there"
    extra = [name for name in other.names if name not in first.names]
    return f"column `{extra[0]}` is new" if extra else "the columns stand in another order"


def _kind(column: pa.Field) -> str:
    return f"{column.type}{'' if column.nullable else ' not null'}"
