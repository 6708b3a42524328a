"""Rows read again by their numbers, once it is known that they are good."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.errors import InputError
from tma_prep.files import AnyPath
from tma_prep.rows.containers import Block, JsonBlock, read_blocks
from tma_prep.rows.formats import BadRow
from tma_prep.rows.instance import Instance, InstanceReader
from tma_prep.rows.json_schema import table_of

Rows = NDArray[np.int64]


def tables_at(
    files: Sequence[AnyPath], rows: Rows, schema: pa.Schema
) -> Iterator[tuple[Rows, pa.Table]]:
    """The rows of these ascending numbers as tables of that schema.

    Raises:
        InputError: A row cannot be read now.
    """
    for path, block, numbers, places in _blocks_with(files, rows, None):
        try:
            yield numbers, _table(block, places, schema)
        except (BadRow, pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise _changed(path) from error


def instances_at(
    files: Sequence[AnyPath], rows: Rows, reader: InstanceReader, columns: Sequence[str] | None
) -> Iterator[Instance]:
    """The rows of these ascending numbers as instances.

    Raises:
        InputError: A row cannot be read now.
    """
    for path, block, numbers, places in _blocks_with(files, rows, columns):
        for number, row in zip(numbers.tolist(), _objects(block, places), strict=True):
            try:
                if isinstance(row, BadRow):
                    raise row
                instance = reader.read(row, number)
            except BadRow as error:
                raise _changed(path) from error
            yield instance


def _blocks_with(
    files: Sequence[AnyPath], rows: Rows, columns: Sequence[str] | None
) -> Iterator[tuple[AnyPath, Block, Rows, Rows]]:
    """Blocks that hold some of the rows, with the rows' numbers and their places in the block."""
    first_row = found = 0
    for path in files:
        rows_in_file = 0
        for block in read_blocks(path, columns):
            if found == len(rows):
                return
            start = first_row + block.first_row
            end = int(np.searchsorted(rows, start + len(block)))
            if end > found:
                yield path, block, rows[found:end], rows[found:end] - start
            found = end
            rows_in_file += len(block)
        first_row += rows_in_file
    if found < len(rows):
        raise _changed(files[-1])


def _table(block: Block, places: Rows, schema: pa.Schema) -> pa.Table:
    if not isinstance(block, JsonBlock):
        table = block.table if len(places) == len(block) else block.table.take(pa.array(places))
        return pa.table(table.columns, schema=schema)
    rows = []
    for place in places:
        row = block.rows[place]
        if isinstance(row, BadRow):
            raise row
        rows.append(row)
    return table_of(rows, schema)


def _objects(block: Block, places: Rows) -> Sequence[Mapping[str, object] | BadRow]:
    if isinstance(block, JsonBlock):
        return [block.rows[place] for place in places]
    table = block.table if len(places) == len(block) else block.table.take(pa.array(places))
    found: list[Mapping[str, object]] = table.to_pylist()
    return found


def _changed(path: AnyPath) -> InputError:
    return InputError(f"{path}: has changed since it was embedded; run embed again")
