"""One pass over the files of a side: hashed, validated, numbered and written."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.artifact import sha256_of
from tma_prep.errors import InputError
from tma_prep.files import AnyPath, file_state, is_remote
from tma_prep.rows.columnar import columnar_schema
from tma_prep.rows.containers import Block, JsonBlock, TableBlock, read_blocks
from tma_prep.rows.formats import BadRow, format_named, recognise_format, task_column_of
from tma_prep.rows.hashed import HashedInput
from tma_prep.rows.json_container import JsonRow
from tma_prep.rows.json_schema import JsonSchema
from tma_prep.rows.opening import empty_input
from tma_prep.rows.sample import SampleReader
from tma_prep.rows.sources import compression_of
from tma_prep.rows.spool import Spool
from tma_prep.rows.store import RowStoreWriter
from tma_prep.rows.united import DoesNotFit, UnitedRows, united_schema
from tma_prep.rows.vectors import VectorColumn
from tma_prep.values import rows_of
from tma_prep_schemas import FileEntry

OnBadRow = Literal["fail", "skip"]


@dataclass(frozen=True)
class ReadOptions:
    """How rows are to be read.

    Attributes:
        format: A name from `FORMATS`, or None to recognise it.
        task_column: The column that names the task, or None for the usual ones.
        task_optional: Whether `task_column` may be absent; rows name no task then.
        vectors_column: A column of vectors that every row must have, or None.
    """

    format: str | None = None
    task_column: str | None = None
    task_optional: bool = False
    on_bad_row: OnBadRow = "fail"
    vectors_column: str | None = None


@dataclass(frozen=True)
class SkippedRow:
    """A bad row that was left out, and why.

    Attributes:
        row: Number in the whole side.
        file: Name of its file.
        row_in_file: Number in that file, from 0.
    """

    row: int
    file: str
    row_in_file: int
    reason: str

    def error(self, path: AnyPath) -> InputError:
        """What is raised where bad rows are not skipped."""
        return InputError(f"{path}, row {self.row_in_file}: {self.reason}")


@dataclass(frozen=True)
class InputRead:
    """What was read of one input file.

    Attributes:
        rows: Bad ones included.
    """

    bytes: int
    sha256: str
    rows: int


@dataclass
class ReadRows:
    """What a pass found.

    Attributes:
        inputs: One a file, in the order read.
        schema: The user's columns of the good rows.
        files: The parts that were written.
    """

    reader: SampleReader
    inputs: list[InputRead] = field(default_factory=list)
    skipped: list[SkippedRow] = field(default_factory=list)
    schema: pa.Schema | None = None
    files: list[FileEntry] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Good rows."""
        return sum(entry.rows for entry in self.files)


def read_files(
    files: Sequence[AnyPath],
    folder: Path,
    options: ReadOptions,
    advance: Callable[[int], None] = lambda _: None,
) -> ReadRows:
    """Read every file once, and write its good rows as parts of a row store.

    Args:
        files: What `find_files` returned.
        folder: Where the parts go.
        options: How rows are read.
        advance: Told how many more rows are done.

    Raises:
        InputError: A file or, unless bad rows are skipped, a row cannot be used; it names the file
            and the row, says what is wrong, and how to mend it.
    """
    misfits: set[str] = set()
    while True:
        try:
            return _Pass(files, folder, options, advance, misfits).read()
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
        misfits: Collection[str],
    ) -> None:
        self._files, self._folder, self._options, self._advance = files, folder, options, advance
        self._columnar = _columnar_schema(files, misfits)
        self._json = JsonSchema()
        name = options.vectors_column
        self._vectors = None if name is None else VectorColumn(name)
        self._reader: SampleReader | None = None
        self._first_row = 0

    def read(self) -> ReadRows:
        if self._columnar is not None:
            self._recognise(self._columnar.names, self._files[0])
            writer, united = (
                RowStoreWriter(self._folder, self._columnar),
                UnitedRows(self._columnar),
            )

            def write(block: Block, places: list[int], rows: NDArray[np.int64]) -> None:
                assert isinstance(block, TableBlock)
                every = len(places) == len(block)
                table = block.table if every else block.table.take(pa.array(places))
                writer.write(rows, united.conformed(table))

            found = self._read_all(write)
            found.schema, found.files = self._columnar, writer.close()
            return found
        numbers: list[NDArray[np.int64]] = []
        with Spool(self._folder) as spool:

            def keep(block: Block, places: list[int], rows: NDArray[np.int64]) -> None:
                assert isinstance(block, JsonBlock)
                spool.write([block.rows[place] for place in places])
                numbers.append(rows)

            found = self._read_all(keep)
            found.schema = self._json.schema
            texts = found.reader.kept_as_text(found.schema)
            written = pa.schema([*found.schema, *(pa.field(name, pa.string()) for name in texts)])
            writer = RowStoreWriter(self._folder, written)
            left = np.concatenate([np.empty(0, np.int64), *numbers])
            for table in spool.tables(written, texts):
                writer.write(left[: table.num_rows], table)
                left = left[table.num_rows :]
        found.files = writer.close()
        return found

    def _read_all(self, keep: Callable[[Block, list[int], NDArray[np.int64]], None]) -> ReadRows:
        """Read every file, and hand its good rows on: their places in a block, their numbers."""
        inputs: list[InputRead] = []
        skipped: list[SkippedRow] = []
        first_bad: InputError | None = None
        for path in self._files:
            before = file_state(path)
            hashed = HashedInput(path)
            rows_in_file, checked = 0, False
            # A plain local file of columns is mapped and read out of its order: it is hashed apart.
            mapped = self._columnar is not None and not (is_remote(path) or compression_of(path))
            for block in read_blocks(path if mapped else cast("AnyPath", hashed)):
                # A block of nothing but bad rows may have no column.
                if not checked and block.columns:
                    self._recognise(block.columns, path)
                    self._check_columns(block.columns, path)
                    checked = True
                places, bad = self._judged(block, path)
                if bad and first_bad is None:
                    first_bad = bad[0].error(path)
                # What the columns are tells more than what is wrong with a row before them.
                if first_bad and self._options.on_bad_row == "fail" and self._reader is not None:
                    raise first_bad
                skipped += bad
                if places:
                    keep(block, places, np.array(places) + self._first_row + block.first_row)
                rows_in_file += len(block)
                self._advance(len(block))
            sha256 = sha256_of(path) if mapped else hashed.sha256()
            if file_state(path) != before:
                raise InputError(f"{path}: changed while it was read; run embed again")
            self._first_row += rows_in_file
            inputs.append(InputRead(before[0], sha256, rows_in_file))
        if self._reader is None:
            raise first_bad or empty_input(self._files[0])
        if not self._first_row:
            others = len(self._files) - 1
            also = f", and so are the {others} files after it" if others else ""
            raise InputError(f"{self._files[0]}: is empty{also}; it must hold at least one row")
        return ReadRows(self._reader, inputs, skipped)

    def _recognise(self, columns: Sequence[str], path: AnyPath) -> None:
        """Take the format of the first rows that have any column."""
        if self._reader is not None:
            return
        options, where = self._options, str(path)
        self._reader = SampleReader(
            format_named(options.format)
            if options.format
            else recognise_format(columns, where=where),
            task_column_of(
                columns, options.task_column, optional=options.task_optional, where=where
            ),
        )

    def _check_columns(self, columns: Sequence[str], path: AnyPath) -> None:
        assert self._reader is not None
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

    def _judged(self, block: Block, path: AnyPath) -> tuple[list[int], list[SkippedRow]]:
        """Places of the good rows of a block, and its bad rows."""
        good: list[int] = []
        bad: list[SkippedRow] = []
        for place, row in enumerate(self._objects(block)):
            in_file = block.first_row + place
            try:
                if isinstance(row, BadRow):
                    raise row
                if self._reader is None:
                    raise BadRow("must be a JSON object with named columns")
                self._reader.read(row, in_file)
                if self._vectors is not None:
                    self._vectors.read(row.get(self._vectors.name))
                if isinstance(block, JsonBlock):
                    # Only good rows have a say in the schema.
                    self._json.add(row)
            except BadRow as error:
                number = self._first_row + in_file
                bad.append(SkippedRow(number, path.name, in_file, str(error)))
                continue
            good.append(place)
        return good, bad

    def _objects(self, block: Block) -> Sequence[JsonRow | BadRow]:
        if isinstance(block, JsonBlock):
            return block.rows
        assert self._reader is not None
        wanted = [*self._reader.columns, *([self._vectors.name] if self._vectors else [])]
        names = [name for name in dict.fromkeys(wanted) if name in block.columns]
        return rows_of(block.table.select(names))


def _columnar_schema(files: Sequence[AnyPath], misfits: Collection[str]) -> pa.Schema | None:
    """The united schema of columnar files, None where all are JSON.

    Raises:
        InputError: A file is columnar and another is not, or cannot be stored.
    """
    schemas = [columnar_schema(path) for path in files]
    found = [schema for schema in schemas if schema is not None]
    for path, schema in zip(files, schemas, strict=True):
        if (schema is None) != (schemas[0] is None):
            raise InputError(
                f"{path}: mixed schemas: {files[0].name} and this file are of different "
                "kinds (JSON beside Parquet or Arrow); convert them to one kind"
            )
    return united_schema(found, misfits) if found else None
