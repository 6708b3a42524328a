"""A finished folder of shards, as whoever reads it holds it."""

import itertools
from dataclasses import dataclass
from pathlib import Path

from tma_prep.artifact import MANIFEST, read_manifest, sha256_of
from tma_prep.errors import ArtifactError
from tma_prep.workspace import Workspace
from tma_prep_schemas import ShardsManifest


@dataclass(frozen=True)
class ShardFolder:
    """Shards of one order, with what their manifest says; nothing of it is checked yet.

    Attributes:
        path: The folder, `WORK/shards/NAME` or a copy of it.
        manifest: Read from it.
    """

    path: Path
    manifest: ShardsManifest

    @property
    def sha256(self) -> str:
        """Of its manifest, as what is made from it names it."""
        return sha256_of(self.path / MANIFEST)

    @property
    def files(self) -> list[Path]:
        """The Parquet files, by position."""
        return [self.path / entry.file for entry in self.manifest.files]

    @property
    def rows(self) -> int:
        """Rows of all of them; their positions count from 0 to here."""
        return sum(entry.rows for entry in self.manifest.files)

    @property
    def first_positions(self) -> list[int]:
        """`tma_position` of the first row of each file."""
        counts = [entry.rows for entry in self.manifest.files]
        return list(itertools.accumulate(counts, initial=0))[:-1]


def open_shards(path: Path) -> ShardFolder:
    """The shards of a folder.

    Raises:
        ArtifactError: There are none, or their manifest is damaged.
    """
    manifest = read_manifest(path / MANIFEST, ShardsManifest)
    if manifest is None:
        raise ArtifactError(
            f"{path}: holds no finished shards (no {MANIFEST}); name a folder that "
            "tma-prep arrange wrote, WORK/shards/NAME"
        )
    return ShardFolder(path, manifest)


def shards_of(work: Path, name: str | None) -> ShardFolder:
    """The shards of a workspace by name; where it holds one order only, that one.

    Raises:
        ArtifactError: There are none, or none of that name.
    """
    workspace = Workspace(work)
    present = workspace.names("shards")
    if name is None and len(present) == 1:
        name = present[0]
    if name in present:
        return open_shards(workspace.shards(str(name)).folder)
    held = f"it holds {', '.join(present)}" if present else "it holds none; run tma-prep arrange"
    asked = f"no shards named {name}" if name is not None else "several orders: name one"
    raise ArtifactError(f"{work}: {asked if present or name else 'no shards'}; {held}")
