"""Containers: how bytes in a file become rows. Nothing here knows what a prompt is."""

import io
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from tma_prep.errors import InputError
from tma_prep.instances.formats import BadRow
from tma_prep.instances.json_array import array_elements
from tma_prep.instances.sources import compression_of, container_of

JsonRow = dict[str, object]

_ROWS_A_BLOCK = 2048
_BYTES_A_BLOCK = 8 << 20
_MOST_LEVELS = 32
"""Lists and objects inside each other: Parquet cannot be read again from 60 lists on, nor Arrow
files from 64."""


@dataclass(frozen=True)
class JsonBlock:
    """Consecutive rows of a JSON file: each an object, or what is wrong with it.

    Attributes:
        first_row: Row number in the file, from 0, of the first.
    """

    first_row: int
    rows: Sequence[JsonRow | BadRow]

    def __len__(self) -> int:
        """Rows in the block, bad ones included."""
        return len(self.rows)

    @property
    def columns(self) -> list[str]:
        """Every key seen in the block, in order of appearance."""
        good = (row for row in self.rows if not isinstance(row, BadRow))
        return list(dict.fromkeys(itertools.chain.from_iterable(good)))


@dataclass(frozen=True)
class TableBlock:
    """Consecutive rows of a Parquet or Arrow file.

    Attributes:
        first_row: Row number in the file, from 0, of the first.
    """

    first_row: int
    table: pa.Table

    def __len__(self) -> int:
        """Rows in the block."""
        return int(self.table.num_rows)

    @property
    def columns(self) -> list[str]:
        """The columns that were read."""
        return list(self.table.column_names)


Block = JsonBlock | TableBlock


def columnar_schema(path: Path) -> pa.Schema | None:
    """The Arrow schema of a Parquet or Arrow file, None for JSON.

    Raises:
        InputError: The file cannot be read.
    """
    if container_of(path) == "parquet":
        with _reading(path):
            return _decoded(pq.read_schema(_seekable(path)))
    if container_of(path) == "arrow":
        with _reading(path), _open_arrow(path) as reader:
            return _decoded(reader.schema)
    return None


def _decoded(schema: pa.Schema) -> pa.Schema:
    """The schema, once every name in it, at any depth, has been seen to be UTF-8."""
    fields = list(schema)
    while fields:
        field = fields.pop()
        field.name.encode("utf-8")
        fields += [field.type.field(place) for place in range(field.type.num_fields)]
    return schema


def read_blocks(path: Path, columns: Sequence[str] | None = None) -> Iterator[Block]:
    """Stream the rows of one file.

    Args:
        path: A JSONL, JSON, Parquet or Arrow file, plain or compressed.
        columns: For columnar files, which columns to read; None reads all.

    Raises:
        InputError: The file is missing, empty or not what its ending says.
    """
    reader = {"jsonl": _jsonl, "json": _json, "parquet": _parquet, "arrow": _arrow}[
        container_of(path) or "jsonl"
    ]
    first_row = 0
    with _reading(path):
        for content in reader(path, columns):
            if isinstance(content, list):
                yield JsonBlock(first_row, content)
            else:
                yield TableBlock(first_row, content)
            first_row += len(content)
    if first_row == 0:
        raise InputError(f"{path}: is empty; it must hold at least one row")


class _reading:
    """Turn what the readers raise into one line that names the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{self.path}: no such file; check the path") from error
        if isinstance(error, pa.ArrowException | OSError | EOFError | UnicodeDecodeError):
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{self.path}: cannot be read as {container_of(self.path)} ({reason}); "
                "check that the file is whole and that its ending is right"
            ) from error


def _open_bytes(path: Path) -> io.BufferedReader:
    compression = compression_of(path)
    if compression is None:
        return path.open("rb")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: is empty; it must hold at least one row")
    return io.BufferedReader(pa.input_stream(str(path), compression=compression))


def _seekable(path: Path) -> pa.NativeFile:
    """A file that can be read from anywhere; a compressed one is unpacked in memory."""
    if path.stat().st_size == 0:
        raise InputError(f"{path}: is empty; it must hold at least one row")
    if compression_of(path) is None:
        return pa.memory_map(str(path))
    return pa.BufferReader(_open_bytes(path).read())


def _parquet(path: Path, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    source = pq.ParquetFile(_seekable(path))
    wanted = None if columns is None else list(columns)
    for batch in source.iter_batches(batch_size=_ROWS_A_BLOCK, columns=wanted):
        batch.validate(full=True)
        yield pa.Table.from_batches([batch])


def _open_arrow(path: Path) -> pa.RecordBatchReader | pa.ipc.RecordBatchFileReader:
    source = _seekable(path)
    magic = source.read(6)
    source.seek(0)
    return pa.ipc.open_file(source) if magic == b"ARROW1" else pa.ipc.open_stream(source)


def _arrow(path: Path, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    with _open_arrow(path) as reader:
        if isinstance(reader, pa.ipc.RecordBatchFileReader):
            batches = (reader.get_batch(place) for place in range(reader.num_record_batches))
        else:
            batches = iter(reader)
        for batch in batches:
            # A file's offsets are followed without a check from here on.
            batch.validate(full=True)
            table = pa.Table.from_batches([batch])
            if columns is not None:
                table = table.select(list(columns))
            for start in range(0, table.num_rows, _ROWS_A_BLOCK):
                yield table.slice(start, _ROWS_A_BLOCK)


def _jsonl(path: Path, columns: Sequence[str] | None) -> Iterator[list[JsonRow | BadRow]]:
    with _open_bytes(path) as stream:
        yield from _blocks_of(_lines(stream))


def _lines(stream: io.BufferedReader) -> Iterator[tuple[int, JsonRow | BadRow]]:
    for number, line in enumerate(stream, start=1):
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        try:
            row = _object(parse_json(line))
        except BadRow as error:
            row = error
        yield len(line), BadRow(f"(line {number}) {row}") if isinstance(row, BadRow) else row


def parse_json(data: bytes) -> object:
    """Parse one JSON value.

    Raises:
        BadRow: It is not JSON, not UTF-8, or nested too deeply.
    """
    try:
        return json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadRow(f"is not UTF-8 at byte {error.start}; save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        raise BadRow(
            f"is not JSON: {error.msg} at character {error.pos + 1}; mend or remove it"
        ) from error
    except (RecursionError, ValueError) as error:
        raise BadRow(f"is not usable JSON ({str(error)[:80]}); mend or remove it") from error


def _json(path: Path, columns: Sequence[str] | None) -> Iterator[list[JsonRow | BadRow]]:
    """A JSON array, a Natural Instructions task file, or JSON lines in a `.json`."""
    with _open_bytes(path) as stream:
        start = stream.peek(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        if start == b"[":
            yield from _blocks_of(_array(path, stream))
            return
        if not start:
            return
        if start != b"{":
            raise InputError(f"{path}: is not JSON; it must be an array of objects, or lines")
        first = stream.readline()
        while not first.removeprefix(b"\xef\xbb\xbf").strip():
            first = stream.readline()
        try:
            whole = parse_json(first.removeprefix(b"\xef\xbb\xbf"))
        except BadRow:
            whole = None
        if isinstance(whole, dict) and "Instances" not in whole:
            yield from _jsonl(path, columns)
            return
        try:
            whole = parse_json((first + stream.read()).removeprefix(b"\xef\xbb\xbf"))
        except BadRow as error:
            raise InputError(f"{path}: {error}") from error
        yield from _blocks_of((0, row) for row in _natural_instructions(path, whole))


def _array(path: Path, stream: io.BufferedReader) -> Iterator[tuple[int, JsonRow | BadRow]]:
    rows = 0
    try:
        for size, value in array_elements(stream):
            rows += 1
            yield size, _object(value)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)[:80]
        raise InputError(
            f"{path}, row {rows}: the array is broken here ({reason}); "
            "nothing after it can be read, so mend it"
        ) from error


def _object(value: object) -> JsonRow | BadRow:
    """The value if it can be a row, else what is wrong with it."""
    if isinstance(value, BadRow):
        return value
    if not isinstance(value, dict):
        return BadRow("must be a JSON object with named columns")
    level: list[dict[str, object] | list[object]] = [value]
    for _ in range(_MOST_LEVELS):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return value
    return BadRow(f"is nested more than {_MOST_LEVELS} levels deep; flatten it")


def _natural_instructions(path: Path, whole: object) -> Iterator[JsonRow | BadRow]:
    instances = whole.get("Instances") if isinstance(whole, dict) else None
    if not isinstance(whole, dict) or not isinstance(instances, list):
        raise InputError(
            f"{path}: is one JSON object; it must be an array of objects, JSON lines, or a "
            "Natural Instructions task file with `Definition` and `Instances`"
        )
    definition = whole.get("Definition")
    if isinstance(definition, list) and all(isinstance(part, str) for part in definition):
        definition = "\n".join(definition)
    task = path.name.split(".")[0]
    for row in instances:
        if isinstance(row, dict):
            yield _object({**row, "definition": definition, "task": task})
        else:
            yield BadRow("must be a JSON object with `input` and `output`")


def _blocks_of(
    rows: Iterator[tuple[int, JsonRow | BadRow]],
) -> Iterator[list[JsonRow | BadRow]]:
    block: list[JsonRow | BadRow] = []
    held_bytes = 0
    for size, row in rows:
        block.append(row)
        held_bytes += size
        if len(block) == _ROWS_A_BLOCK or held_bytes >= _BYTES_A_BLOCK:
            yield block
            block, held_bytes = [], 0
    if block:
        yield block
