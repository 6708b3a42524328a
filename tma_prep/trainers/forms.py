"""The form in which rows go out to a trainer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from tma_prep.errors import OptionError
from tma_prep.rows import BadRow, Sample, SampleReader
from tma_prep.shards import Row
from tma_prep.trainers.messages import openai_tool
from tma_prep.trainers.trainer import MESSAGES, TEXT, TOOLS, Form, Trainer
from tma_prep_schemas import PREFIX, ROW, SHARD_FIELDS, ShardsManifest, Traits

_READ_BY_TRAINERS = (
    *("prompt", "completion", "instruction", "input", "output", "system", "history"),
    *("messages", "conversations", "tools", "text", "image", "images", "input_ids", "labels"),
)
"""Columns that a trainer takes for a part of the row."""


@dataclass(frozen=True)
class RowForm:
    """How rows go out to a trainer.

    Attributes:
        trainer: Whom they are for.
        name: Prompt and response, messages, running text, or the row as it is.
        reader: Reads the user's columns.
        traits: What some row is.
        schema: Of the rows that go out; None where they go out as they are.
        columns: To be read; None for all.
        kept: The user's columns that go along as they are.
        columns_left: Those that do not go along.
    """

    trainer: Trainer
    name: Form
    reader: SampleReader
    traits: Traits
    schema: pa.Schema | None = None
    columns: list[str] | None = None
    kept: Sequence[str] = ()
    columns_left: Sequence[str] = ()

    def converted(self, row: Row) -> dict[str, object]:
        """The row as it goes out.

        Raises:
            BadRow: It cannot, without losing something.
        """
        if self.name == "whole":
            return row
        sample = self.reader.read(row, int(str(row[ROW])))
        along = [*self.kept, *(field.name for field in SHARD_FIELDS)]
        return self._text(sample) | {name: row[name] for name in along}

    def _text(self, sample: Sample) -> dict[str, object]:
        if sample.whole and self.name != "text":
            raise BadRow("is running text, which cannot go out beside rows with answers")
        if self.name == "text":
            return {TEXT: sample.messages[0].content}
        if not any(message.trained for message in sample.messages):
            raise BadRow("has no answer to be trained; --for jsonl hands on such rows")
        return self._conversation(sample) if self.name == "conversation" else self._exchange(sample)

    def _exchange(self, sample: Sample) -> dict[str, object]:
        prompt, response = sample.exchange("first")
        apart = not (prompt[-1:].isspace() or response[:1].isspace())
        if self.trainer.space_in_response and apart:
            response = f" {response}"
        return {self.trainer.prompt: prompt, self.trainer.response: response}

    def _conversation(self, sample: Sample) -> dict[str, object]:
        assert self.schema is not None
        # No empty list, which some chat templates take for tools.
        tools = [openai_tool(tool) for tool in sample.tools] or self.trainer.no_tools
        messages = self.trainer.turns(sample, self.traits)
        found: dict[str, object] = {MESSAGES: messages, TOOLS: tools}
        for name in found.keys() & self.schema.names:
            if pa.types.is_string(self.schema.field(name).type) and isinstance(found[name], list):
                found[name] = json.dumps(found[name], ensure_ascii=False)
        return found


def row_form(
    manifest: ShardsManifest, trainer: Trainer, schema: pa.Schema, keep: Sequence[str] = ()
) -> RowForm:
    """How the rows of shards go out to a trainer: all in one form.

    Args:
        manifest: Of the shards.
        trainer: Whom they are for.
        schema: Of the shards.
        keep: The user's columns that go along as they are.

    Raises:
        OptionError: Such a column is not there, or would be taken for a part of the row.
    """
    reader, traits = SampleReader(manifest.layouts), manifest.traits
    own = [name for name in schema.names if not name.startswith(PREFIX)]
    _check_kept(keep, own)
    if trainer.whole_rows:
        return RowForm(trainer, "whole", reader, traits)
    name = _form_name(manifest)
    read = [name for name in reader.columns if name in own]
    fields = [*_fields(name, trainer, traits), *map(schema.field, keep), *SHARD_FIELDS]
    return RowForm(
        trainer,
        name,
        reader,
        traits,
        schema=pa.schema(fields),
        columns=list(dict.fromkeys([*read, *keep, *(field.name for field in SHARD_FIELDS)])),
        kept=keep,
        columns_left=[name for name in own if name not in read and name not in keep],
    )


def _form_name(manifest: ShardsManifest) -> Form:
    if manifest.traits.conversation:
        return "conversation"
    all_text = all(layout.format == "text" for layout in manifest.layouts)
    return "text" if manifest.traits.whole and all_text else "exchange"


def _fields(name: Form, trainer: Trainer, traits: Traits) -> list[pa.Field]:
    """What stands before the columns that go along."""
    if name != "conversation":
        names = [TEXT] if name == "text" else [trainer.prompt, trainer.response]
        return [pa.field(name, pa.string()) for name in names]
    plain = [("role", pa.string()), ("content", pa.string())]
    masks = [("train", pa.bool_())] if traits.masked and trainer.says_all else []
    kind: pa.DataType = pa.list_(pa.struct([*plain, *masks]))
    if trainer.says_all and (traits.tools or traits.extras):
        kind = pa.string() if trainer.json_as_text else pa.list_(pa.json_())
    tools = pa.string() if trainer.json_as_text else pa.list_(pa.json_())
    return [pa.field(MESSAGES, kind), *([pa.field(TOOLS, tools)] if traits.tools else [])]


def _check_kept(keep: Sequence[str], own: Sequence[str]) -> None:
    for name in keep:
        if name not in own:
            raise OptionError(f"--keep {name}: is no column of yours; they are {', '.join(own)}")
        if name in _READ_BY_TRAINERS:
            raise OptionError(
                f"--keep {name}: trainers take a column of this name for a part of the row; "
                "rename it before you embed"
            )
