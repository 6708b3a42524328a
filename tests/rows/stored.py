"""Short ways to take input files into a row store."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.rows.folder import Folder
from tma_prep.options import EmbedOptions
from tma_prep.progress import Silent
from tma_prep.rows import RowStore, Side, SideRows, take_in
from tma_prep.workspace import Workspace


@dataclass
class Told(Silent):
    """A `Progress` that keeps what it is told."""

    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep the line."""
        self.notes.append(text)


def taken(
    work: Path,
    *patterns: str,
    side: Side = "train",
    told: Told | None = None,
    **options: Any,  # noqa: ANN401 - as pydantic takes them
) -> SideRows:
    """Take the files in as one side of a workspace."""
    given = {"train": list(patterns), "test": list(patterns), "out": work, **options}
    return take_in(side, EmbedOptions.model_validate(given), Workspace(work), told or Silent())


def stored(folder: Folder, *patterns: str, **options: Any) -> RowStore:  # noqa: ANN401
    """The store of these files; bad rows are left out."""
    return taken(folder.root / "work", *patterns, on_bad_row="skip", **options).store
