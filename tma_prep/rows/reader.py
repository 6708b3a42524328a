"""The one place that turns the columns of a row into what it means."""

import bisect
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass

from tma_prep.rows.bad_row import BadRow
from tma_prep.rows.columns import Asked, Row
from tma_prep.rows.layouts import Layout, layout_of
from tma_prep.rows.messages import Message, read_tools
from tma_prep.rows.sample import Sample
from tma_prep_schemas import RowLayout


@dataclass(frozen=True)
class RowReader:
    """Reads rows of one layout.

    Attributes:
        task_column: The column that names the task, if there is one.
        id_column: The column of the row's own id; it need not be there.
    """

    layout: Layout
    task_column: str | None
    id_column: str | None
    asked: Asked

    def columns(self) -> list[str]:
        """Every column that is looked at."""
        named = [*self.layout.columns, self.id_column, self.task_column]
        return [name for name in named if name is not None]

    def read(self, row: Row, number: int) -> Sample:
        """The row as a sample with this number.

        Raises:
            BadRow: It does not mean what its layout says, or nobody could train on it.
        """
        messages = self.layout.read(row, self.asked)
        tools = self.layout.tools
        sample = Sample(
            row=number,
            messages=tuple(messages),
            tools=read_tools(row.get(tools), tools) if tools is not None else (),
            task=_as_text(row.get(self.task_column)) if self.task_column else None,
            id=self.id_of(row),
            whole=self.layout.whole,
        )
        self._check(sample)
        return sample

    def id_of(self, row: Row) -> str | None:
        """Its own id as text."""
        return None if self.id_column is None else _as_text(row.get(self.id_column))

    def _check(self, sample: Sample) -> None:
        for message in sample.messages:
            text = message.full_text
            if not text.isascii():
                try:
                    text.encode("utf-8")
                except UnicodeEncodeError as error:
                    raise BadRow(
                        "holds half a surrogate pair, which is not text; mend it"
                    ) from error
        asked = [message for message in sample.messages if message.role == "user"]
        if not asked:
            raise BadRow("has no message of a user; add one, or leave the row out")
        if not any(message.content and not message.content.isspace() for message in asked):
            raise BadRow("the prompt is empty; write one, or leave the row out")
        if self.asked.answered and not _is_answered(sample.messages):
            raise BadRow(
                "has no answer that is trained on after a user's message; add one, or leave the "
                "row out"
            )


def _is_answered(messages: Sequence[Message]) -> bool:
    asked = False
    for message in messages:
        if asked and message.trained:
            return True
        asked = asked or message.role == "user"
    return False


class SampleReader:
    """Reads the rows of a side, each by the layout of its file."""

    def __init__(self, layouts: Sequence[RowLayout]) -> None:
        """Take the layouts, by the first row of each, ascending."""
        self.layouts = list(layouts)
        self._first = [layout.first_row for layout in layouts]
        self._readers = [reader_of(layout) for layout in layouts]

    @functools.cached_property
    def columns(self) -> list[str]:
        """Every column that is looked at."""
        return list(dict.fromkeys(name for one in self._readers for name in one.columns()))

    def read(self, row: Row, number: int) -> Sample:
        """The row with this number as a sample.

        Raises:
            BadRow: It cannot be used.
        """
        return self._readers[bisect.bisect_right(self._first, number) - 1].read(row, number)


def reader_of(recorded: RowLayout) -> RowReader:
    """The reader of rows of one layout."""
    columns = {role: name for role, name in recorded.columns.items() if role != "id"}
    return RowReader(
        layout_of(recorded.format, columns),
        recorded.task_column,
        recorded.columns.get("id", "id") if recorded.ids else None,
        Asked(answered=recorded.answered, examples=recorded.examples),
    )


def _as_text(value: object) -> str | None:
    """An id or a task as text: a whole number without a point."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
