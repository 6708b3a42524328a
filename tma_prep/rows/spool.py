"""Rows that wait until the types of all columns are known."""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import pyarrow as pa

from tma_prep.values import JsonRow, table_of

_ROWS_AT_ONCE = 2048
_BYTES_AT_ONCE = 8 << 20


class Spool:
    """Compressed files of rows, gone at the end: JSON as text, tables as Arrow."""

    def __init__(self, folder: Path) -> None:
        """Name the folder that the files stand in."""
        self._folder = folder
        self._files: list[Path] = []
        self._stream: pa.NativeFile | None = None
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._writer_schema: pa.Schema | None = None

    def __enter__(self) -> Self:
        """Nothing to do yet."""
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the files."""
        self._close()
        for path in self._files:
            path.unlink(missing_ok=True)

    def write(self, rows: Sequence[object]) -> None:
        """Take rows of JSON in."""
        if self._stream is None or self._writer is not None:
            self._begin("jsonl")
        assert self._stream is not None
        self._stream.write("".join(f"{json.dumps(row)}\n" for row in rows).encode("ascii"))

    def write_table(self, table: pa.Table) -> None:
        """Take rows of a columnar file in."""
        if self._writer is None or table.schema != self._writer_schema:
            self._begin("arrow")
            self._writer_schema = table.schema
            self._writer = pa.ipc.new_stream(self._stream, table.schema)
        self._writer.write_table(table)

    def _begin(self, kind: str) -> None:
        self._close()
        self._files.append(self._folder / f".spool-{len(self._files)}.{kind}.zst")
        self._stream = pa.output_stream(str(self._files[-1]), compression="zstd")

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._stream is not None:
            self._stream.close()
        self._stream = self._writer = None

    def tables(self, schema: pa.Schema) -> Iterator[pa.Table]:
        """Every row, once all are written, in tables of bounded size.

        Args:
            schema: Of the rows of JSON; tables have their own.
        """
        self._close()
        for path in self._files:
            with pa.input_stream(str(path), compression="zstd") as stream:
                if ".arrow" in path.suffixes:
                    reader = pa.ipc.open_stream(stream)
                    yield from (pa.Table.from_batches([batch]) for batch in reader)
                else:
                    yield from _json_tables(io.BufferedReader(stream), schema)


def _json_tables(lines: io.BufferedReader, schema: pa.Schema) -> Iterator[pa.Table]:
    held: list[JsonRow] = []
    held_bytes = 0
    for line in lines:
        held.append(json.loads(line))
        held_bytes += len(line)
        if len(held) == _ROWS_AT_ONCE or held_bytes >= _BYTES_AT_ONCE:
            yield table_of(held, schema)
            held, held_bytes = [], 0
    if held:
        yield table_of(held, schema)
