"""One pass over the files of a side: hashed, validated, numbered and written."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.durable import sha256_of
from tma_prep.errors import InputError
from tma_prep.files import AnyPath, file_state, is_remote
from tma_prep.rows.bad_row import BadRow
from tma_prep.rows.columnar import columnar_schema
from tma_prep.rows.containers import (
    Block,
    JsonBlock,
    TableBlock,
    partitioned_schema,
    read_blocks,
)
from tma_prep.rows.hashed import HashedInput
from tma_prep.rows.json_types import JsonTypes
from tma_prep.rows.read_rows import InputRead, Partition, ReadOptions, ReadRows, SkippedRow
from tma_prep.rows.reader import SampleReader, reader_of
from tma_prep.rows.recognition import recognise, task_column_of
from tma_prep.rows.sources import compression_of
from tma_prep.rows.spool import Spool
from tma_prep.rows.store import RowStoreWriter
from tma_prep.rows.traits import with_sample
from tma_prep.rows.united import DoesNotFit, UnitedRows, united_schema
from tma_prep.rows.vectors import VectorColumn
from tma_prep.values import JsonRow, rows_of
from tma_prep_schemas import RowLayout, Traits

_ROWS_LOOKED_AT = 256


def read_files(
    files: Sequence[AnyPath],
    folder: Path,
    options: ReadOptions,
    advance: Callable[[int], None] = lambda _: None,
    partitions: Mapping[AnyPath, Partition] | None = None,
) -> ReadRows:
    """Read every file once, and write its good rows as parts of a row store.

    Args:
        files: What `find_files` returned.
        folder: Where the parts go.
        options: How rows are read.
        advance: Told how many more rows are done.
        partitions: Columns that a file's folders name, by file.

    Raises:
        InputError: A file or, unless bad rows are skipped, a row cannot be used; it names the file
            and the row, says what is wrong, and how to mend it.
    """
    misfits: set[str] = set()
    while True:
        try:
            return _Pass(files, folder, options, advance, partitions or {}, misfits).read()
        except DoesNotFit as error:
            misfits.add(error.column)
            for part in folder.glob("part-*.parquet"):
                part.unlink()


class _Pass:
    """One pass over the files of a side."""

    def __init__(
        self,
        files: Sequence[AnyPath],
        folder: Path,
        options: ReadOptions,
        advance: Callable[[int], None],
        partitions: Mapping[AnyPath, Partition],
        misfits: Collection[str],
    ) -> None:
        self._files, self._folder, self._options, self._advance = files, folder, options, advance
        self._partitions = partitions
        self._misfits = set(misfits)
        self._schemas = [self._schema_of(path) for path in files]
        self._json = JsonTypes()
        name = options.vectors_column
        self._vectors = VectorColumn(name) if name is not None else None
        self._layout: RowLayout | None = None
        self._listed = False
        self._reader = SampleReader([])
        self._traits = Traits()
        self._ids: dict[str | None, int] = {}
        self._found = ReadRows([], self._traits)
        self._first_row = 0

    def _schema_of(self, path: AnyPath) -> pa.Schema | None:
        schema = columnar_schema(path)
        partition = self._partitions.get(path, {})
        return None if schema is None else partitioned_schema(schema, partition)

    @property
    def _columnar(self) -> bool:
        """Whether every file has types of its own."""
        return None not in self._schemas

    def read(self) -> ReadRows:
        """Go through the files; see `read_files`."""
        found = self._found
        if self._columnar:
            schemas = [schema for schema in self._schemas if schema is not None]
            found.schema = schema = united_schema(schemas, self._misfits)
            writer, united = RowStoreWriter(self._folder, schema), UnitedRows(schema)

            def write(block: Block, places: list[int], rows: NDArray[np.int64]) -> None:
                writer.write(rows, united.conformed(_taken(block, places)))

            self._read_all(write)
            found.files = writer.close()
        else:
            with Spool(self._folder) as spool:
                numbers: list[NDArray[np.int64]] = []

                def keep(block: Block, places: list[int], rows: NDArray[np.int64]) -> None:
                    if isinstance(block, JsonBlock):
                        spool.write([block.rows[place] for place in places])
                    else:
                        spool.write_table(_taken(block, places))
                    numbers.append(rows)

                self._read_all(keep)
                self._write_spooled(spool, np.concatenate([np.empty(0, np.int64), *numbers]))
        found.traits = self._traits
        self._settle_ids()
        return found

    def _write_spooled(self, spool: Spool, rows: NDArray[np.int64]) -> None:
        """Write what waited, now that all types are known."""
        json_schema = self._json.schema
        first = self._schemas.index(None)
        schemas = [
            json_schema if schema is None else schema
            for place, schema in enumerate(self._schemas)
            if schema is not None or place == first
        ]
        while True:
            schema = united_schema(schemas, self._misfits)
            writer, united, left = RowStoreWriter(self._folder, schema), UnitedRows(schema), rows
            try:
                for table in spool.tables(json_schema):
                    same = table.schema.equals(schema)
                    writer.write(left[: len(table)], table if same else united.conformed(table))
                    left = left[len(table) :]
            except DoesNotFit as error:
                writer.close()
                self._misfits.add(error.column)
            else:
                self._found.schema, self._found.files = schema, writer.close()
                return

    def _settle_ids(self) -> None:
        """Let rows go by their numbers where ids repeat, or where some have one and some have none.

        Else a number and an id that looks like one would be taken for each other.
        """
        found, without = self._found, self._ids.pop(None, 0)
        repeated = next((name for name, count in self._ids.items() if count > 1), None)
        if self._ids and (without or repeated is not None):
            why = f"{without} have none" if repeated is None else f"{repeated!r} stands there twice"
            found.notes.append(
                f"the rows' own ids do not tell them apart ({why}); row numbers name them instead"
            )
            found.layouts = [one.model_copy(update={"ids": False}) for one in found.layouts]

    def _read_all(self, keep: Callable[[Block, list[int], NDArray[np.int64]], None]) -> None:
        """Read every file, and hand its good rows on: their places in a block, their numbers."""
        first_bad: InputError | None = None
        for path in self._files:
            before = file_state(path)
            hashed = HashedInput(path)
            rows_in_file = 0
            self._layout = None
            # A plain local file of columns is mapped and read out of its order: it is hashed apart.
            mapped = self._columnar and not (is_remote(path) or compression_of(path))
            source = path if mapped else cast("AnyPath", hashed)
            for block in read_blocks(
                source, self._partitions.get(path, {}), self._options.examples
            ):
                # A block of nothing but bad rows may have no column.
                if self._layout is None and block.columns:
                    self._recognise(block, path)
                places, bad = self._judged(block, path)
                if bad and first_bad is None:
                    first_bad = InputError(f"{path.parent / bad[0].place}: {bad[0].reason}")
                # What the columns are tells more than what is wrong with a row before them.
                if first_bad and self._options.on_bad_row == "fail" and self._layout is not None:
                    raise first_bad
                self._found.skipped += bad
                if places:
                    keep(block, places, np.array(places) + self._first_row + block.first_row)
                rows_in_file += len(block)
                self._advance(len(block))
            sha256 = sha256_of(path) if mapped else hashed.sha256()
            if file_state(path) != before:
                raise InputError(f"{path}: changed while it was read; run embed again")
            self._first_row += rows_in_file
            self._found.inputs.append(InputRead(before[0], sha256, rows_in_file))
        if not self._first_row:
            others = len(self._files) - 1
            also = f", and so are the {others} files after it" if others else ""
            raise InputError(f"{self._files[0]}: is empty{also}; it must hold at least one row")
        if first_bad and not self._found.layouts:
            raise first_bad

    def _recognise(self, block: Block, path: AnyPath) -> None:
        """Take the layout of the first rows of a file that have any column."""
        options, where = self._options, str(path)
        values = _values(block)
        if self._vectors is not None and self._vectors.name not in block.columns:
            raise InputError(
                f"{path}: has no column `{self._vectors.name}` (--vectors-column); check its name"
            )
        found = recognise(
            values,
            wanted=options.format,
            columns=options.columns,
            answered=options.answered,
            where=where,
        )
        task_column = options.columns.get("task") or task_column_of(
            block.columns,
            options.task_column,
            found.layout,
            optional=options.task_optional,
            where=where,
        )
        self._found.notes += [f"{path.name}: {note}" for note in found.notes]
        columns = {**found.columns, **{k: v for k, v in options.columns.items() if k == "id"}}
        layout = RowLayout(
            first_row=self._first_row,
            format=found.name,
            columns=columns,
            task_column=task_column,
            answered=options.answered,
            examples=options.examples,
            ids=True,
        )
        layouts = self._found.layouts
        self._layout = layout
        if not layouts or layouts[-1] != layout.model_copy(
            update={"first_row": layouts[-1].first_row}
        ):
            layouts.append(layout)
            self._reader = SampleReader([layout.model_copy(update={"first_row": 0})])
            self._listed = found.layout.listed

    def _judged(self, block: Block, path: AnyPath) -> tuple[list[int], list[SkippedRow]]:
        """Places of the good rows of a block, and its bad rows."""
        good: list[int] = []
        bad: list[SkippedRow] = []
        for place, row in enumerate(self._objects(block)):
            try:
                if isinstance(row, BadRow):
                    raise row
                if self._layout is None:
                    raise BadRow("must be a JSON object with named columns")
                sample = self._reader.read(row, block.first_row + place)
                if self._vectors is not None:
                    self._vectors.read(row.get(self._vectors.name))
                if isinstance(block, JsonBlock):
                    # Only good rows have a say in the types.
                    self._json.add(row)
                self._traits = with_sample(self._traits, sample, listed=self._listed)
                if self._options.ids_name_rows:
                    self._ids[sample.id] = self._ids.get(sample.id, 0) + 1
            except BadRow as error:
                number = self._first_row + block.first_row + place
                where = f"{path.name} {block.place_of(place)}{self._id_of(row)}"
                bad.append(SkippedRow(number, where, str(error)))
                continue
            good.append(place)
        return good, bad

    def _id_of(self, row: object) -> str:
        if self._layout is None or not isinstance(row, Mapping):
            return ""
        found = reader_of(self._layout).id_of(row)
        return "" if found is None else f" (id {found[:40]})"

    def _objects(self, block: Block) -> Sequence[JsonRow | BadRow]:
        if isinstance(block, JsonBlock):
            return block.rows
        wanted = [*self._reader.columns, *([self._vectors.name] if self._vectors else [])]
        names = [name for name in dict.fromkeys(wanted) if name in block.columns]
        return rows_of(block.table.select(names))


def _values(block: Block) -> dict[str, list[object]]:
    """By column, what the first rows of a block hold that is not null."""
    found: dict[str, list[object]] = {}
    if isinstance(block, JsonBlock):
        rows = [row for row in block.rows[:_ROWS_LOOKED_AT] if not isinstance(row, BadRow)]
        for name in block.columns:
            found[name] = [row[name] for row in rows if row.get(name) is not None]
        return found
    table = block.table.slice(0, _ROWS_LOOKED_AT)
    for name in block.columns:
        try:
            rows = rows_of(table.select([name]))
            found[name] = [row[name] for row in rows if row[name] is not None]
        except (NotImplementedError, pa.ArrowException):
            found[name] = [block]  # neither text nor a list
    return found


def _taken(block: Block, places: list[int]) -> pa.Table:
    assert isinstance(block, TableBlock)
    return block.table if len(places) == len(block) else block.table.take(pa.array(places))
