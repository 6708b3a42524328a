"""What a trainer is to an export: the form of its rows, its settings, its traps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tma_prep.rows import Sample
from tma_prep.trainers.messages import Turn, openai_messages
from tma_prep_schemas import Traits

MESSAGES, TOOLS, TEXT = "messages", "tools", "text"
"""Columns where every trainer finds a conversation with its tools, and running text."""

Form = Literal["exchange", "conversation", "text", "whole"]


@dataclass(frozen=True)
class Handoff:
    """What is exported.

    Attributes:
        order: Name of the order.
        shards: Its folder, absolute; the proof compares with it.
        folder: Where the export will stand, absolute.
        data: Name of the file of rows in it.
        data_sha256: Of that file.
        rows: In that file.
        form: What a row is.
        traits: What some row is.
        global_batch: Rows of one optimizer step over all processes; None where not known.
        packing: Whether several rows share a sequence.
        warnings: What the user must know, a sentence each.
    """

    order: str
    shards: Path
    folder: Path
    data: str
    data_sha256: str
    rows: int
    form: Form
    traits: Traits
    global_batch: int | None
    packing: bool
    warnings: Sequence[str]


@dataclass(frozen=True)
class Trainer:
    """One trainer.

    Attributes:
        name: What `--for` calls it.
        title: What its users call it.
        read_at: The version that settings and traps were read or run at.
        prompt: Column of the prompt.
        response: Column of the response.
        templates: The configuration, and whatever else stands beside the rows: file names, of which
            training begins with the last, to files in `templates/`.
        tail: What becomes of the rows that fill no whole global batch.
        traps: What loses the order although the settings are right, a sentence each.
        packing: The trap of packing, told where packing is asked for.
        packs_in_order: Whether there is packing that keeps the order; else it is refused.
        checks_order: Whether `tma_prep.order_check` watches the training that is exported.
        space_in_response: Whether the column of the response begins with the space that joins it to
            the prompt, where none stands there.
        whole_rows: Whether rows go out as they are, every column; JSON Lines then.
        turns: The messages of a conversation as the trainer reads them; raises `BadRow` where it
            would not train on them as they are.
        says_all: Whether those say all that messages say: calls, names and others.
        json_as_text: Whether what has no fixed keys goes out as JSON text, or else as `arrow.json`,
            which `datasets` decodes from 4.7 on.
        no_tools: What stands for the tools of a row that has none.
    """

    name: str
    title: str
    read_at: str
    prompt: str
    response: str
    templates: Mapping[str, str]
    tail: str
    traps: tuple[str, ...]
    packing: str
    packs_in_order: bool = False
    checks_order: bool = False
    space_in_response: bool = False
    whole_rows: bool = False
    turns: Callable[[Sample, Traits], list[Turn]] = openai_messages
    says_all: bool = True
    json_as_text: bool = False
    no_tools: str | None = None

    @property
    def start(self) -> str | None:
        """Name of the file that training begins with, None where there is none."""
        return [None, *self.templates][-1]
