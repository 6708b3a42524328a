"""A folder of input files, and short ways to read a pool from it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from tma_prep.errors import InputError
from tma_prep.rows.instance import Instance
from tma_prep.rows.pool import InstancePool
from tma_prep.rows.sources import find_files
from tma_prep.rows.validation import OnBadRow, SkippedRow
from tma_prep.rows.vectors import VectorColumn

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
    """All that a pool gave."""

    pool: InstancePool
    instances: list[Instance]
    skipped: list[SkippedRow]

    @property
    def exchanges(self) -> list[tuple[str, str]]:
        """Prompt and response of every instance."""
        return [(row.prompt, row.response) for row in self.instances]

    @property
    def table(self) -> pa.Table:
        """The user's columns of every instance."""
        kept = np.array([row.row for row in self.instances], dtype=np.int64)
        schema = self.pool.schema
        return pa.concat_tables(
            [schema.empty_table(), *(table for _, table in self.pool.tables(schema, kept))]
        )


def read(
    *patterns: str,
    on_bad_row: OnBadRow = "fail",
    format_name: str | None = None,
    task_column: str | None = None,
    vectors: VectorColumn | None = None,
) -> Read:
    """Read all instances of the input."""
    pool = InstancePool(find_files(patterns), format_name=format_name, task_column=task_column)
    batches = list(pool.batches(on_bad_row, vectors))
    return Read(
        pool,
        [row for batch in batches for row in batch.instances],
        [row for batch in batches for row in batch.skipped],
    )
