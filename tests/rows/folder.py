"""A folder of input files, and short ways to read a pool from it."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from tma_prep.errors import InputError
from tma_prep.rows.read_rows import OnBadRow, ReadOptions, ReadRows, SkippedRow
from tma_prep.rows.reading import read_files
from tma_prep.rows.sample import Sample
from tma_prep.rows.sources import find_files, partitions_of
from tma_prep.values import rows_of

Rows = Sequence[Mapping[str, object]]


def json_lines(rows: Rows) -> str:
    """One object a line, written as Unicode."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def as_table(rows: Rows) -> pa.Table:
    """Rows as Arrow infers them; a key that a row lacks is null."""
    return pa.Table.from_struct_array(pa.array(rows))


@dataclass(frozen=True)
class Folder:
    """Where a test writes its input."""

    root: Path

    def write(self, name: str, content: bytes | str | pa.Table) -> str:
        """Write a file, a table by the file's ending; its path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_bytes(content.encode())
        elif isinstance(content, bytes):
            path.write_bytes(content)
        elif path.suffix == ".parquet":
            pq.write_table(content, path)
        else:
            with pa.ipc.new_file(str(path), content.schema) as writer:
                writer.write_table(content)
        return str(path)

    def lines(self, name: str, *rows: Mapping[str, object]) -> str:
        """Write rows as JSON lines; the path."""
        return self.write(name, json_lines(rows))

    def error(
        self, *patterns: str, on_bad_row: OnBadRow = "fail", format_name: str | None = None
    ) -> str:
        """The message with which the input is refused: one line."""
        with pytest.raises(InputError) as caught:
            read(*patterns, on_bad_row=on_bad_row, format_name=format_name)
        message = str(caught.value)
        assert "\n" not in message
        return message


@dataclass(frozen=True)
class Read:
    """All that a pass gave."""

    found: ReadRows
    whole: pa.Table

    @property
    def table(self) -> pa.Table:
        """The user's columns."""
        assert self.found.schema is not None
        return self.whole.select(self.found.schema.names)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Which row of the side each is."""
        found: NDArray[np.int64] = self.whole.column("tma_row").to_numpy()
        return found

    @property
    def instances(self) -> list[Sample]:
        """Every good row."""
        rows = zip(self.numbers.tolist(), rows_of(self.whole), strict=True)
        reader = self.found.reader
        return [reader.read(row, number) for number, row in rows]

    @property
    def skipped(self) -> list[SkippedRow]:
        """Every bad one."""
        return self.found.skipped

    @property
    def exchanges(self) -> list[tuple[str, str]]:
        """Prompt and response of every good row."""
        return [row.exchange("first") for row in self.instances]


def read(
    *patterns: str,
    on_bad_row: OnBadRow = "fail",
    format_name: str | None = None,
    task_column: str | None = None,
    vectors_column: str | None = None,
    columns: Mapping[str, str] | None = None,
    answered: bool = True,
) -> Read:
    """Read all rows of the input once, and what was written of them."""
    options = ReadOptions(
        format=format_name,
        task_column=task_column,
        on_bad_row=on_bad_row,
        vectors_column=vectors_column,
        columns=columns or {},
        answered=answered,
    )
    with tempfile.TemporaryDirectory() as folder:
        files = find_files(patterns)
        partitions = partitions_of(patterns, files)
        found = read_files(files, Path(folder), options, partitions=partitions)
        assert found.schema is not None
        written = found.schema.append(pa.field("tma_row", pa.int64(), nullable=False))
        parts = [pq.ParquetFile(Path(folder) / entry.file).read() for entry in found.files]
    return Read(found, pa.concat_tables(parts) if parts else written.empty_table())
