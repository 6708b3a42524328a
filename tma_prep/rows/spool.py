"""Rows of JSON that wait, as text, until the types of their columns are known."""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import pyarrow as pa

from tma_prep.tables import JsonRow, table_of

_ROWS_AT_ONCE = 2048
_BYTES_AT_ONCE = 8 << 20


class Spool:
    """A compressed file of rows, gone at the end."""

    def __init__(self, folder: Path) -> None:
        """Begin a file in the folder."""
        self._path = folder / ".spool.jsonl.zst"
        self._stream = pa.output_stream(str(self._path), compression="zstd")

    def __enter__(self) -> "Spool":
        """Nothing to do yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the file."""
        self._stream.close()
        self._path.unlink()

    def write(self, rows: Sequence[object]) -> None:
        """Take rows in."""
        self._stream.write("".join(f"{json.dumps(row)}\n" for row in rows).encode("ascii"))

    def tables(self, schema: pa.Schema) -> Iterator[pa.Table]:
        """Every row, once all are written, in tables of bounded size and of this schema."""
        self._stream.close()
        held: list[JsonRow] = []
        held_bytes = 0
        with pa.input_stream(str(self._path), compression="zstd") as stream:
            for line in io.BufferedReader(stream):
                held.append(json.loads(line))
                held_bytes += len(line)
                if len(held) == _ROWS_AT_ONCE or held_bytes >= _BYTES_AT_ONCE:
                    yield table_of(held, schema)
                    held, held_bytes = [], 0
        if held:
            yield table_of(held, schema)
