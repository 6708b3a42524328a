"""The rows of an export: converted a few at a time, written in their order."""

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tma_prep.durable import sync
from tma_prep.errors import InputError
from tma_prep.rows import BadRow
from tma_prep.shards import BYTES_PER_GROUP, ROWS_PER_GROUP, ShardFolder, ShardReader
from tma_prep.trainers.forms import RowForm
from tma_prep.values import json_default, table_of
from tma_prep_schemas import POSITION

_ROWS_AT_ONCE = 1024
_BREAKS = {ord(c): f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"}
"""What some readers take for the end of a line."""


def bad_rows(shards: ShardFolder, form: RowForm, on_rows: Callable[[int], None]) -> dict[int, str]:
    """Positions of the rows that cannot go out, with what is wrong."""
    rows = enumerate(_converted(shards, form, shards.rows, on_rows))
    return {position: str(row) for position, row in rows if isinstance(row, BadRow)}


def write_rows(
    path: Path,
    shards: ShardFolder,
    form: RowForm,
    stop: int,
    left_out: Mapping[int, str],
    on_rows: Callable[[int], None],
) -> int:
    """Write the rows before a position, in order, a few in memory at a time.

    Args:
        path: The file: Parquet, or JSON Lines for rows that go out as they are.
        shards: Where they come from.
        form: How they go out.
        stop: The first position that stays behind.
        left_out: Positions to be left out.
        on_rows: Told how many more are done.

    Returns:
        How many were written.

    Raises:
        InputError: One cannot go out as it is.
    """
    written = 0

    def good() -> Iterator[dict[str, object]]:
        nonlocal written
        for position, row in enumerate(_converted(shards, form, stop, on_rows)):
            if position in left_out:
                continue
            if isinstance(row, BadRow):
                raise _refusal(shards, form, position, row) from row
            written += 1
            yield row

    if form.schema is None:
        with path.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(json_line(row) + "\n" for row in good())
    else:
        _write_parquet(path, good(), form.schema)
    sync(path)
    return written


def _converted(
    shards: ShardFolder, form: RowForm, stop: int, on_rows: Callable[[int], None]
) -> Iterator[dict[str, object] | BadRow]:
    """Every row before a position as it goes out, or what is wrong with it."""
    with ShardReader(shards, form.columns) as reader:
        for start in range(0, stop, _ROWS_AT_ONCE):
            rows = reader.rows(start, min(start + _ROWS_AT_ONCE, stop))
            for row in rows:
                try:
                    yield form.converted(row)
                except BadRow as error:
                    yield error
            on_rows(len(rows))


def _refusal(shards: ShardFolder, form: RowForm, position: int, error: BadRow) -> InputError:
    bad = len(bad_rows(shards, form, lambda rows: None))
    skip = "--on-bad-row skip leaves them out"
    remedy = "mend them and embed again" if form.trainer.checks_order else skip
    return InputError(
        f"{POSITION} {position}: {error} ({bad} of {shards.rows} rows cannot go out; {remedy})"
    )


def _write_parquet(path: Path, rows: Iterator[dict[str, object]], schema: pa.Schema) -> None:
    """Row groups end by rows and bytes alone, so that the bytes are the same however it ran."""
    held: list[pa.Table] = []

    def flush() -> None:
        if held:
            writer.write_table(pa.concat_tables(held), row_group_size=ROWS_PER_GROUP)
            held.clear()

    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while piece := list(itertools.islice(rows, _ROWS_AT_ONCE)):
            held.append(table_of(piece, schema))
            full = sum(table.num_rows for table in held) >= ROWS_PER_GROUP
            if full or sum(table.nbytes for table in held) >= BYTES_PER_GROUP:
                flush()
        flush()


def json_line(row: Mapping[str, object]) -> str:
    """A row as one line of JSON.

    What JSON does not have is text (a date, a decimal number), base64 (bytes) or null (not a
    number, infinities).
    """
    try:
        text = json.dumps(row, ensure_ascii=False, allow_nan=False, default=json_default)
    except ValueError:
        text = json.dumps(_finite(row), ensure_ascii=False, default=json_default)
    # Half a surrogate pair, which JSON may hold, stays an escape.
    return text.translate(_BREAKS).encode("utf-8", "backslashreplace").decode("utf-8")


def _finite(value: object) -> object:
    """The same with null for every number that is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value
