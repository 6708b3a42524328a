"""The rows of an export: converted a few at a time, written in their order."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tma_prep.artifact import sync
from tma_prep.errors import InputError
from tma_prep.rows import BadRow, Conversation, InstanceFormat, Message
from tma_prep.shards import BYTES_PER_GROUP, ROWS_PER_GROUP, Row, ShardFolder, ShardReader
from tma_prep.trainers.trainer import CONVERSATION_COLUMN, Trainer
from tma_prep.values import json_default, table_of
from tma_prep_schemas import POSITION, PREFIX, SHARD_FIELDS

_ROWS_AT_ONCE = 1024
_BREAKS = {ord(c): f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"}
"""What some readers take for the end of a line."""


@dataclass(frozen=True)
class RowForm:
    """How rows of a format go out to a trainer.

    Attributes:
        source: Format of the user's columns.
        trainer: Whom they are for.
        schema: Of the rows that go out; None where they go out as they are.
        columns: To be read; None for all.
        columns_left: The user's columns that do not go along.
    """

    source: InstanceFormat
    trainer: Trainer
    schema: pa.Schema | None
    columns: list[str] | None
    columns_left: list[str]

    @property
    def conversation(self) -> Conversation | None:
        """Where the messages stand, if rows go out as conversations."""
        return None if self.trainer.whole_rows else self.source.conversation

    @property
    def first_answer_only(self) -> bool:
        """Whether a row may have several accepted answers, of which the first goes out."""
        return self.schema is not None and self.source.name == "natural-instructions"

    def converted(self, row: Row) -> dict[str, object]:
        """The row as it goes out.

        Raises:
            BadRow: It cannot, without losing something.
        """
        if self.schema is None:
            return row
        if self.conversation is not None:
            messages = self.conversation.messages(row)
            problem = self.trainer.roles_problem([message.role for message in messages])
            if problem is not None:
                raise BadRow(f"{problem}, so that {self.trainer.title} would not train on it")
            text: dict[str, object] = {CONVERSATION_COLUMN: [_shown(found) for found in messages]}
        else:
            prompt, response = self.source.exchange(row)
            apart = not (prompt[-1:].isspace() or response[:1].isspace())
            if self.trainer.space_in_response and apart:
                response = f" {response}"
            text = {self.trainer.prompt: prompt, self.trainer.response: response}
        return text | {field.name: row[field.name] for field in SHARD_FIELDS}


def _shown(message: Message) -> dict[str, object]:
    return {**message.others, "role": message.role, "content": message.content}


def row_form(source: InstanceFormat, trainer: Trainer, schema: pa.Schema) -> RowForm:
    """How rows of a format go out to a trainer.

    Args:
        source: Format of the user's columns.
        trainer: Whom they are for.
        schema: Of the shards.
    """
    if trainer.whole_rows:
        return RowForm(source, trainer, None, None, [])
    own = [name for name in schema.names if not name.startswith(PREFIX)]
    read = [name for name in (*source.columns, *source.optional) if name in own]
    if source.conversation is not None:
        fields = [_conversation_field(schema, source.conversation)]
    else:
        fields = [pa.field(name, pa.string()) for name in (trainer.prompt, trainer.response)]
    return RowForm(
        source,
        trainer,
        pa.schema([*fields, *SHARD_FIELDS]),
        [*read, *(field.name for field in SHARD_FIELDS)],
        [name for name in own if name not in read],
    )


def _conversation_field(schema: pa.Schema, conversation: Conversation) -> pa.Field:
    """`messages`, with whatever else the user's messages hold."""
    column = schema.field(conversation.column).type
    if pa.types.is_struct(column):  # an object of lists, as Hugging Face `datasets` stores it
        others = [field.with_type(field.type.value_type) for field in column]
    elif pa.types.is_nested(column) and pa.types.is_struct(column.value_type):
        others = list(column.value_type)
    else:  # JSON, or a list of it
        return pa.field(CONVERSATION_COLUMN, pa.list_(pa.json_()))
    names = {conversation.role_key, conversation.text_key, "role", "content"}
    kept = [field for field in others if field.name not in names]
    text = [pa.field(name, pa.string()) for name in ("role", "content")]
    return pa.field(CONVERSATION_COLUMN, pa.list_(pa.struct([*text, *kept])))


def bad_rows(shards: ShardFolder, form: RowForm, on_rows: Callable[[int], None]) -> dict[int, str]:
    """Positions of the rows that cannot go out, with what is wrong.

    Only conversations can be bad: every prompt and response was read when it was embedded.
    """
    found: dict[int, str] = {}
    if form.conversation is None:
        return found
    for rows in _read(shards, form, range(shards.rows)):
        for row in rows:
            try:
                form.converted(row)
            except BadRow as error:
                found[_position(row)] = str(error)
        on_rows(len(rows))
    return found


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

    def converted() -> Iterator[list[dict[str, object]]]:
        nonlocal written
        for rows in _read(shards, form, range(stop)):
            kept = []
            for row in rows:
                if _position(row) not in left_out:
                    try:
                        kept.append(form.converted(row))
                    except BadRow as error:
                        raise _refusal(shards, form, _position(row), error) from error
            written += len(kept)
            yield kept
            on_rows(len(rows))

    if form.schema is None:
        _write_lines(path, converted())
    else:
        _write_parquet(path, converted(), form.schema)
    sync(path)
    return written


def _read(shards: ShardFolder, form: RowForm, positions: range) -> Iterator[list[Row]]:
    with ShardReader(shards, form.columns) as reader:
        for start in positions[::_ROWS_AT_ONCE]:
            yield reader.rows(start, min(start + _ROWS_AT_ONCE, positions.stop))


def _refusal(shards: ShardFolder, form: RowForm, position: int, error: BadRow) -> InputError:
    bad = len(bad_rows(shards, form, lambda rows: None))
    skip = "--on-bad-row skip leaves them out"
    remedy = "mend them and embed again" if form.trainer.checks_order else skip
    return InputError(
        f"{POSITION} {position}: {error} ({bad} of {shards.rows} rows cannot go out; {remedy})"
    )


def _position(row: Row) -> int:
    position = row[POSITION]
    assert isinstance(position, int)
    return position


def _write_parquet(
    path: Path, pieces: Iterator[list[dict[str, object]]], schema: pa.Schema
) -> None:
    """Row groups end by rows and bytes alone, so that the bytes are the same however it ran."""
    held: list[pa.Table] = []

    def flush() -> None:
        if held:
            writer.write_table(pa.concat_tables(held), row_group_size=ROWS_PER_GROUP)
            held.clear()

    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in pieces:
            held.append(table_of(rows, schema))
            full = sum(table.num_rows for table in held) >= ROWS_PER_GROUP
            if full or sum(table.nbytes for table in held) >= BYTES_PER_GROUP:
                flush()
        flush()


def _write_lines(path: Path, pieces: Iterator[Sequence[Mapping[str, object]]]) -> None:
    # Half of a surrogate pair, which JSON columns may hold, stays an escape.
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
        for rows in pieces:
            stream.writelines(json_line(row) + "\n" for row in rows)


def json_line(row: Mapping[str, object]) -> str:
    """A row as one line of JSON.

    What JSON does not have is text (a date, a decimal number), base64 (bytes) or null (not a
    number, infinities).
    """
    try:
        text = json.dumps(row, ensure_ascii=False, allow_nan=False, default=json_default)
    except ValueError:
        text = json.dumps(_finite(row), ensure_ascii=False, default=json_default)
    return text.translate(_BREAKS)


def _finite(value: object) -> object:
    """The same with null for every number that is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value
