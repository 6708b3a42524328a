"""How the rows of a side are to be read, and what a pass over them found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from tma_prep.rows.reader import SampleReader
from tma_prep_schemas import FileEntry, RowLayout, Traits

OnBadRow = Literal["fail", "skip"]
Partition = Mapping[str, str | None]


@dataclass(frozen=True)
class ReadOptions:
    """How rows are to be read.

    Attributes:
        format: Name of a layout, or None to recognise it.
        columns: Columns that the user names, by role.
        task_column: The column that names the task, or None for the usual ones.
        task_optional: Whether `task_column` may be absent; rows name no task then.
        vectors_column: A column of vectors that every row must have, or None.
        answered: Whether every row needs a response.
        examples: Positive examples of Natural Instructions in a prompt.
        ids_name_rows: Whether rows go by their ids only where each has one of its own.
    """

    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    task_column: str | None = None
    task_optional: bool = False
    on_bad_row: OnBadRow = "fail"
    vectors_column: str | None = None
    answered: bool = True
    examples: int = 0
    ids_name_rows: bool = False


@dataclass(frozen=True)
class SkippedRow:
    """A bad row that was left out, and why.

    Attributes:
        row: Number in the whole side.
        place: Name of its file, and where it stands in it.
    """

    row: int
    place: str
    reason: str


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
        layouts: How rows are read, in the order of the rows.
        notes: What should be known of how they were read, a sentence each.
        schema: The user's columns of the good rows.
        files: The parts that were written.
    """

    layouts: list[RowLayout]
    traits: Traits
    inputs: list[InputRead] = field(default_factory=list)
    skipped: list[SkippedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    schema: pa.Schema | None = None
    files: list[FileEntry] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Good rows."""
        return sum(entry.rows for entry in self.files)

    @property
    def reader(self) -> SampleReader:
        """Reads them."""
        return SampleReader(self.layouts)
