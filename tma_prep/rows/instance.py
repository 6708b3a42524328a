"""One row of the input as a validated prompt and response."""

from dataclasses import dataclass

from tma_prep.rows.formats import BadRow, InstanceFormat, Row


@dataclass(frozen=True)
class Instance:
    """One validated row.

    Attributes:
        row: Number in the whole pool, from 0.
        prompt: Never empty.
        response: May be empty.
        task: Name of the task, where the rows name one.
        name: The row's own `id` as text, where it has one.
    """

    row: int
    prompt: str
    response: str
    task: str | None
    name: str | None


@dataclass(frozen=True)
class InstanceReader:
    """Reads rows of one format.

    Attributes:
        task_column: The column that names the task, if there is one.
    """

    format: InstanceFormat
    task_column: str | None

    @property
    def columns(self) -> list[str]:
        """Every column that is looked at."""
        named = [*self.format.columns, *self.format.optional, "id", self.task_column]
        return list(dict.fromkeys(name for name in named if name is not None))

    def read(self, row: Row, number: int) -> Instance:
        """The row as an instance with this number.

        Raises:
            BadRow: It has no prompt, or its text is none.
        """
        prompt, response = self.format.exchange(row)
        if not prompt or prompt.isspace():
            raise BadRow("the prompt is empty; write one, or leave the row out")
        for text in (prompt, response):
            if text.isascii():
                continue
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise BadRow("holds half a surrogate pair, which is not text; mend it") from error
        task = row.get(self.task_column) if self.task_column else None
        name = row.get("id")
        return Instance(
            row=number,
            prompt=prompt,
            response=response,
            task=None if task is None else str(task),
            name=None if name is None else str(name),
        )
