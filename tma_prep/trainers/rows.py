"""The rows of an export: converted a few at a time, written in their order."""

import base64
import datetime
import decimal
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tma_prep.artifact import sync
from tma_prep.errors import InputError
from tma_prep.rows import BadRow, Message, Sample, SampleReader
from tma_prep.shards import BYTES_PER_GROUP, ROWS_PER_GROUP, Row, ShardFolder, ShardReader
from tma_prep.tables import table_of
from tma_prep.trainers.trainer import CONVERSATION_COLUMN, TOOLS_COLUMN, Trainer
from tma_prep_schemas import POSITION, PREFIX, ROW, SHARD_FIELDS, ShardsManifest, Traits

_ROWS_AT_ONCE = 1024
_BREAKS = {ord(c): f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"}
"""What some readers take for the end of a line."""


@dataclass(frozen=True)
class RowForm:
    """How rows go out to a trainer.

    Attributes:
        trainer: Whom they are for.
        reader: Reads the user's columns.
        traits: What some row is.
        schema: Of the rows that go out; None where they go out as they are.
        columns: To be read; None for all.
        kept: The user's columns that go along as they are.
        columns_left: Those that do not go along.
    """

    trainer: Trainer
    reader: SampleReader
    traits: Traits
    schema: pa.Schema | None
    columns: list[str] | None
    kept: list[str]
    columns_left: list[str]

    @property
    def conversations(self) -> bool:
        """Whether rows go out as conversations, as all do as soon as one must."""
        return self.schema is not None and self.traits.conversation

    @property
    def first_answer_only(self) -> bool:
        """Whether a row may have several accepted answers, of which the first goes out."""
        formats = [layout.format for layout in self.reader.layouts]
        return self.schema is not None and "natural-instructions" in formats

    def converted(self, row: Row) -> dict[str, object]:
        """The row as it goes out.

        Raises:
            BadRow: It cannot, without losing something.
        """
        if self.schema is None:
            return row
        sample = self.reader.read(row, int(str(row[ROW])))
        text = self._conversation(sample) if self.conversations else self._exchange(sample)
        along = [*self.kept, *(field.name for field in SHARD_FIELDS)]
        return text | {name: row[name] for name in along}

    def _exchange(self, sample: Sample) -> dict[str, object]:
        prompt, response = sample.exchange("first")
        apart = not (prompt[-1:].isspace() or response[:1].isspace())
        if self.trainer.space_in_response and apart:
            response = f" {response}"
        return {self.trainer.prompt: prompt, self.trainer.response: response}

    def _conversation(self, sample: Sample) -> dict[str, object]:
        problem = self.trainer.roles_problem([message.role for message in sample.messages])
        if problem is not None:
            raise BadRow(f"{problem}, so that {self.trainer.title} would not train on it")
        found: dict[str, object] = {
            CONVERSATION_COLUMN: [openai_message(message) for message in sample.messages]
        }
        return found | ({TOOLS_COLUMN: list(sample.tools)} if self.traits.tools else {})


def openai_message(message: Message) -> dict[str, object]:
    """A message as OpenAI and the chat templates spell it, arguments as objects."""
    found: dict[str, object] = {"role": message.role, "content": message.content}
    if message.name is not None:
        found["name"] = message.name
    if message.tool_calls:
        found["tool_calls"] = [
            {
                **({} if call.id is None else {"id": call.id}),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        found["tool_call_id"] = message.tool_call_id
    return {**found, **message.others}


def row_form(
    manifest: ShardsManifest, trainer: Trainer, schema: pa.Schema, keep: Sequence[str] = ()
) -> RowForm:
    """How the rows of shards go out to a trainer.

    Args:
        manifest: Of the shards.
        trainer: Whom they are for.
        schema: Of the shards.
        keep: The user's columns that go along as they are.
    """
    reader, traits = SampleReader(manifest.layouts), manifest.traits
    if trainer.whole_rows:
        return RowForm(trainer, reader, traits, None, None, [], [])
    own = [name for name in schema.names if not name.startswith(PREFIX)]
    read = [name for name in reader.columns if name in own]
    if traits.conversation:
        fields = _conversation_fields(traits)
    else:
        fields = [pa.field(name, pa.string()) for name in (trainer.prompt, trainer.response)]
    kept = [schema.field(name) for name in keep]
    return RowForm(
        trainer,
        reader,
        traits,
        pa.schema([*fields, *kept, *SHARD_FIELDS]),
        [*read, *keep, *(field.name for field in SHARD_FIELDS)],
        list(keep),
        [name for name in own if name not in read and name not in keep],
    )


def _conversation_fields(traits: Traits) -> list[pa.Field]:
    """Messages, as JSON each where they differ in their keys, and tools."""
    plain = pa.struct([("role", pa.string()), ("content", pa.string())])
    kind = pa.json_() if traits.tools or traits.extras else plain
    fields = [pa.field(CONVERSATION_COLUMN, pa.list_(kind))]
    return [*fields, pa.field(TOOLS_COLUMN, pa.list_(pa.json_()))] if traits.tools else fields


def bad_rows(shards: ShardFolder, form: RowForm, on_rows: Callable[[int], None]) -> dict[int, str]:
    """Positions of the rows that cannot go out, with what is wrong.

    Only conversations can be bad: every prompt and response was read when it was embedded.
    """
    found: dict[int, str] = {}
    if not form.conversations:
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
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for rows in pieces:
            stream.writelines(json_line(row) + "\n" for row in rows)


def json_line(row: Mapping[str, object]) -> str:
    """A row as one line of JSON.

    What JSON does not have is text (a date, a decimal number), base64 (bytes) or null (not a
    number, infinities).
    """
    try:
        text = json.dumps(row, ensure_ascii=False, allow_nan=False, default=_as_json)
    except ValueError:
        text = json.dumps(_finite(row), ensure_ascii=False, default=_as_json)
    return text.translate(_BREAKS)


def _as_json(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | datetime.timedelta):
        return str(value)
    raise InputError(f"a value of type {type(value).__name__} cannot stand in JSON Lines")


def _finite(value: object) -> object:
    """The same with null for every number that is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value
