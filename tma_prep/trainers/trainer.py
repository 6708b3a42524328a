"""What a trainer is to an export: the form of its rows, its settings, its traps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CONVERSATION_COLUMN = "messages"
"""Where every trainer finds a conversation: objects with `role` and `content`."""

TOOLS_COLUMN = "tools"


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
        conversations: Whether a row is a conversation, or else a prompt and a response.
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
    conversations: bool
    global_batch: int | None
    packing: bool
    warnings: Sequence[str]

    @property
    def data_path(self) -> str:
        """The file of rows, absolute."""
        return str(self.folder / self.data)


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
        roles_problem: What the trainer would do to a conversation of these roles, if it would not
            train on it as it is.
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
    roles_problem: Callable[[Sequence[str]], str | None] = lambda roles: None

    @property
    def start(self) -> str | None:
        """Name of the file that training begins with, None where there is none."""
        return [None, *self.templates][-1]
