"""Where the files of a side were when they were read: `log.json` of a row store."""

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tma_prep.artifact import EMBED_AGAIN
from tma_prep.durable import write_text
from tma_prep.errors import ArtifactError, InputError
from tma_prep.files import AnyPath, any_path, file_state, is_remote, kind_of
from tma_prep.rows.store import RowStore

_LOG = "log.json"
UPDATE = (
    "give --update to embed only the texts that are new, --overwrite to replace it, or use another "
    "workspace"
)


class ReadFile(BaseModel):
    """Where an input file was, and what changes when it is written to."""

    model_config = ConfigDict(extra="forbid")
    path: str
    bytes: int
    state: str


class InputsLog(BaseModel):
    """`log.json`: what a machine and a day decide, beside a manifest that they do not."""

    model_config = ConfigDict(extra="forbid")
    named: list[str]
    files: list[ReadFile]


def recorded_inputs(store: RowStore) -> tuple[list[str], list[str]]:
    """What the user named, and the files that were read, as absolute paths or URLs.

    Raises:
        ArtifactError: `log.json` is missing or damaged.
    """
    log = read_log(store.folder)
    if log is None:
        raise ArtifactError(f"{store.folder / _LOG}: is missing or damaged; {EMBED_AGAIN}")
    return log.named, [file.path for file in log.files]


def absolute_names(patterns: Sequence[str]) -> list[str]:
    """What the user named, so that it is the same from whatever folder it is named."""
    return [
        pattern if is_remote(any_path(pattern)) else os.path.abspath(os.path.expanduser(pattern))
        for pattern in patterns
    ]


def all_gone(log: InputsLog, *, replace: bool) -> bool:
    """Whether none of the files is there any more.

    Raises:
        InputError: Some are, and some are not, and the rows are not to be replaced.
    """
    gone = [file.path for file in log.files if not _is_there(file.path)]
    if gone and len(gone) < len(log.files):
        if replace:
            return False
        raise InputError(
            f"{gone[0]}: is not there any more, and other input files are; put it back, or {UPDATE}"
        )
    return bool(gone)


def _is_there(path: str) -> bool:
    found = any_path(path)
    return kind_of(found) is not None if is_remote(found) else os.path.lexists(found)


def read_log(folder: Path) -> InputsLog | None:
    """The log of a store, None where it is missing or damaged."""
    try:
        return InputsLog.model_validate_json((folder / _LOG).read_bytes())
    except (OSError, ValidationError):
        return None


def write_log(
    folder: Path,
    named: list[str],
    files: Sequence[AnyPath],
    states: Sequence[tuple[int, str]] | None = None,
) -> None:
    """Write the log of a store, where it says something else.

    Args:
        folder: Of the store.
        named: What the user named, absolute.
        files: That were read.
        states: Size and time of change of each before it was read; as they are now if None.
    """
    states = states or [file_state(path) for path in files]
    log = InputsLog(
        named=named,
        files=[
            ReadFile(path=str(path), bytes=size, state=state)
            for path, (size, state) in zip(files, states, strict=True)
        ],
    )
    text = log.model_dump_json(indent=2) + "\n"
    path = folder / _LOG
    if not path.is_file() or path.read_bytes() != text.encode("utf-8"):
        write_text(path, text)
