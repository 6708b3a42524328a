"""JSON lines, JSON arrays, task files of Natural Instructions, CSV and TSV, as blocks of rows."""

import csv
import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from tma_prep.errors import InputError
from tma_prep.files import AnyPath
from tma_prep.rows.bad_row import BadRow
from tma_prep.rows.json_array import array_elements
from tma_prep.rows.opening import open_bytes
from tma_prep.values import JsonRow

Found = tuple[int, int | None, JsonRow | BadRow]
"""Its size in bytes, the line that it begins on if it has one, and a row."""

_ROWS_A_BLOCK = 2048
_BYTES_A_BLOCK = 8 << 20
_BOM = b"\xef\xbb\xbf"
_LONGEST_CELL = 1 << 30


@dataclass
class JsonRows:
    """Consecutive rows: each an object, or what is wrong with it.

    Attributes:
        lines: Where each begins, counted from 1; None in an array.
    """

    rows: list[JsonRow | BadRow] = field(default_factory=list)
    lines: list[int | None] = field(default_factory=list)


def jsonl_blocks(path: AnyPath) -> Iterator[JsonRows]:
    """The rows of a file of JSON lines; a line that is no object is a `BadRow`."""
    with open_bytes(path) as stream:
        yield from _blocks_of(_lines(stream))


def json_blocks(path: AnyPath, examples: int = 0) -> Iterator[JsonRows]:
    """The rows of a JSON array, a Natural Instructions task file, or JSON lines in a `.json`.

    Args:
        path: The file.
        examples: How many positive examples of a task file each of its rows takes along.

    Raises:
        InputError: It is none of these, or an array that breaks off.
    """
    with open_bytes(path) as stream:
        start = stream.peek(4096).removeprefix(_BOM).lstrip()[:1]
        if start == b"[":
            yield from _blocks_of(_array(path, stream))
            return
        if not start:
            return
        are_lines = _are_lines(stream)
    if are_lines:
        yield from jsonl_blocks(path)
        return
    if start != b"{":
        raise InputError(f"{path}: is not JSON; it must be an array of objects, or lines")
    with open_bytes(path) as stream:
        try:
            whole = parse_json(stream.read().removeprefix(_BOM))
        except BadRow as error:
            raise InputError(f"{path}: {error}") from error
    yield from _blocks_of((0, None, row) for row in _instances(path, whole, examples))


def delimited_blocks(path: AnyPath, delimiter: str) -> Iterator[JsonRows]:
    """The rows of a CSV or TSV file, with the names of its first line; every value is text.

    Raises:
        InputError: A name is missing or stands twice.
    """
    csv.field_size_limit(_LONGEST_CELL)
    with open_bytes(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        yield from _blocks_of(_cells(path, text, delimiter))


def _cells(path: AnyPath, text: io.TextIOWrapper, delimiter: str) -> Iterator[Found]:
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        names: list[str] = next(reader, [])
        if len(set(names)) < len(names) or "" in names:
            raise InputError(
                f"{path}: its first line must name every column, each once; add or mend it"
            )
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                row: JsonRow | BadRow = dict(zip(names, cells, strict=False))
                if len(cells) != len(names):
                    row = BadRow(
                        f"has {len(cells)} values where the first line names {len(names)} columns; "
                        "mend it"
                    )
                yield sum(map(len, cells)), line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path} line {reader.line_num}: is not CSV ({error}); mend it") from error


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


def _lines(stream: io.BufferedReader) -> Iterator[Found]:
    for number, line in enumerate(stream, start=1):
        if number == 1:
            line = line.removeprefix(_BOM)
        if line.isspace() or not line:
            continue
        try:
            row = _object(parse_json(line))
        except BadRow as error:
            row = error
        yield len(line), number, row


def _are_lines(stream: io.BufferedReader) -> bool:
    """Whether the file holds one object a line, judged by its first lines."""
    lines = (line.removeprefix(_BOM).strip() for line in stream)
    start = itertools.chain(filter(None, lines), itertools.repeat(b""))
    first = _parsed_line(next(start))
    if isinstance(first, dict):
        return "Instances" not in first
    if not isinstance(_parsed_line(next(start)), dict):
        return False
    # An object that is the second line of a larger one is followed by the rest of that.
    return next(start)[:1] not in (b"]", b"}", b",")


def _parsed_line(line: bytes) -> object:
    try:
        return parse_json(line)
    except BadRow:
        return None


def _array(path: AnyPath, stream: io.BufferedReader) -> Iterator[Found]:
    rows = 0
    try:
        for size, value in array_elements(stream):
            rows += 1
            yield size, None, _object(value)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)[:80]
        raise InputError(
            f"{path} row {rows}: the array is broken here ({reason}); "
            "nothing after it can be read, so mend it"
        ) from error


def _object(value: object) -> JsonRow | BadRow:
    """The value if it can be a row, else what is wrong with it."""
    if isinstance(value, BadRow):
        return value
    if not isinstance(value, dict):
        return BadRow("must be a JSON object with named columns")
    return value


def _instances(path: AnyPath, whole: object, examples: int) -> Iterator[JsonRow | BadRow]:
    instances = whole.get("Instances") if isinstance(whole, dict) else None
    if not isinstance(whole, dict) or not isinstance(instances, list):
        raise InputError(
            f"{path}: is one JSON object; it must be an array of objects, JSON lines, or a "
            "Natural Instructions task file with `Definition` and `Instances`"
        )
    definition = whole.get("Definition")
    if isinstance(definition, list) and all(isinstance(part, str) for part in definition):
        definition = "\n".join(definition)
    more = {"definition": definition, "task": path.name.split(".")[0]}
    if examples and isinstance(whole.get("Positive Examples"), list):
        more["positive_examples"] = whole["Positive Examples"][:examples]
    for row in instances:
        if isinstance(row, dict):
            yield _object({**row, **more})
        else:
            yield BadRow("must be a JSON object with `input` and `output`")


def _blocks_of(rows: Iterator[Found]) -> Iterator[JsonRows]:
    block, held_bytes = JsonRows(), 0
    for size, line, row in rows:
        block.rows.append(row)
        block.lines.append(line)
        held_bytes += size
        if len(block.rows) == _ROWS_A_BLOCK or held_bytes >= _BYTES_A_BLOCK:
            yield block
            block, held_bytes = JsonRows(), 0
    if block.rows:
        yield block
