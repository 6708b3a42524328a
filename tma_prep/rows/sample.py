"""The one place that turns the columns of a row into what it means."""

import hashlib
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from tma_prep.rows.formats import BadRow, InstanceFormat, Message, Row
from tma_prep_schemas import PREFIX

TextPart = Literal["both", "prompt", "response"]

_TEXT_OF = f"{PREFIX}text_of_"


@dataclass(frozen=True)
class Sample:
    """One validated row.

    Attributes:
        row: Number in the whole side, from 0 (`tma_row`).
        prompt: Never empty.
        response: May be empty.
        task: Name of the task, where the rows name one.
        id: The row's own `id` as text, where it has one.
    """

    row: int
    prompt: str
    response: str
    task: str | None
    id: str | None

    def embedded(self, part: TextPart) -> tuple[str, str]:
        """The text that is embedded, in two pieces that make it when joined.

        By default prompt and response joined by one space (arXiv 2406.11721); an empty response
        gives the prompt alone, whichever part is asked for.

        Returns:
            What of the text is prompt, and what is response with the space before it.
        """
        if part == "prompt" or not self.response:
            return self.prompt, ""
        if part == "response":
            return "", self.response
        return self.prompt, f" {self.response}"

    def text_id(self, part: TextPart) -> str:
        """`tma_id`: BLAKE2b-128 of the embedded text in UTF-8, 32 hex digits."""
        return text_id("".join(self.embedded(part)))

    @property
    def whole_text(self) -> str:
        """Prompt and response, whichever part was embedded: what leakage and tokens go by."""
        return f"{self.prompt} {self.response}"


def text_id(text: str) -> str:
    """BLAKE2b-128 of the UTF-8 text, 32 hex digits: the same text has the same id everywhere."""
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).hexdigest()


@dataclass(frozen=True)
class SampleReader:
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

    @property
    def columns_kept(self) -> list[str]:
        """The same, and the columns of the store that hold text for some of them."""
        return [*self.columns, *(f"{_TEXT_OF}{name}" for name in self._named_by())]

    def kept_as_text(self, schema: pa.Schema) -> dict[str, str]:
        """Columns of JSON whose text is not that of their Arrow values.

        7 beside 7.5 becomes 7.0, and an object gets the keys that it lacks.

        Returns:
            Their names, by those of the columns that keep the text of each row.
        """
        return {
            f"{_TEXT_OF}{name}": name
            for name in self._named_by()
            if name in schema.names and not _is_plain(schema.field(name).type)
        }

    def _named_by(self) -> list[str]:
        return [name for name in ("id", self.task_column) if name is not None]

    def read(self, row: Row, number: int) -> Sample:
        """The row as a sample with this number.

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
        task = _kept(row, self.task_column) if self.task_column else None
        name = _kept(row, "id")
        return Sample(
            row=number,
            prompt=prompt,
            response=response,
            task=None if task is None else str(task),
            id=None if name is None else str(name),
        )

    def messages(self, row: Row) -> list[Message]:
        """Every message of the row, in order.

        Raises:
            BadRow: One is not text, or its speaker is not named.
        """
        if self.format.conversation is not None:
            return self.format.conversation.messages(row)
        prompt, response = self.format.exchange(row)
        return [Message("user", prompt, {}), Message("assistant", response, {})]


def _kept(row: Row, column: str) -> object:
    return row.get(f"{_TEXT_OF}{column}", row.get(column))


def _is_plain(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind))
