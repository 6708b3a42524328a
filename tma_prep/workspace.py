"""The folder that every command takes: where its artifacts lie, its lock, and what may be in it."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import filelock

from tma_prep.artifact import MANIFEST, Artifact
from tma_prep.durable import beside, remove_folder
from tma_prep.errors import ArtifactError
from tma_prep.files import AnyPath, is_remote
from tma_prep_schemas import (
    CheckManifest,
    EmbeddingsManifest,
    LeakageManifest,
    NeighborsManifest,
    OrderManifest,
    RankingManifest,
    RowsManifest,
    ShardsManifest,
)

_IS_FILE = "is a file; name a folder for the workspace"

_OURS = (
    "lock",
    "rows",
    "embeddings",
    "neighbors",
    "leakage",
    "rankings",
    "orders",
    "shards",
    "exports",
    "checks",
)
"""How the names of what stands in a workspace begin, behind the dot of what is in the making."""


class Workspace:
    """The folder that every command takes."""

    def __init__(self, root: Path) -> None:
        """Name it; nothing is touched."""
        self.root = root

    def rows(self, side: str) -> Artifact[RowsManifest]:
        """Rows of `train` or `test`, as they came in."""
        return Artifact(self.root / "rows" / side, RowsManifest, "embed", self.root)

    def embeddings(self, side: str) -> Artifact[EmbeddingsManifest]:
        """Embeddings of `train` or `test`."""
        return Artifact(self.root / "embeddings" / side, EmbeddingsManifest, "embed", self.root)

    @property
    def neighbors(self) -> Artifact[NeighborsManifest]:
        """The test → train graph."""
        return Artifact(self.root / "neighbors", NeighborsManifest, "arrange", self.root)

    @property
    def leakage(self) -> Artifact[LeakageManifest]:
        """The training rows that hold a test row."""
        return Artifact(self.root / "leakage", LeakageManifest, "arrange", self.root)

    def ranking(self, name: str) -> Artifact[RankingManifest]:
        """A ranking."""
        return Artifact(self.root / "rankings" / name, RankingManifest, "arrange", self.root)

    def order(self, name: str) -> Artifact[OrderManifest]:
        """An order."""
        return Artifact(self.root / "orders" / name, OrderManifest, "arrange", self.root)

    def shards(self, name: str, beneath: AnyPath | None = None) -> Artifact[ShardsManifest]:
        """The shards of an order, in the workspace or beneath another folder."""
        folder, remote = self.root / "shards" / name, None
        if beneath is not None and is_remote(beneath):
            remote = beneath / name
        elif beneath is not None:
            folder = beneath / name
        return Artifact(folder, ShardsManifest, "arrange", self.root, remote)

    def export(self, name: str, trainer: str) -> Path:
        """Folder of an order as a trainer takes it."""
        return self.root / "exports" / f"{name}-for-{trainer}"

    def check(self, name: str) -> Artifact[CheckManifest]:
        """A training check."""
        return Artifact(self.root / "checks" / name, CheckManifest, "train-check", self.root)

    def names(self, kind: str) -> list[str]:
        """Names of what is finished in `rankings`, `orders`, `shards` or `checks`, sorted."""
        return sorted(path.parent.name for path in (self.root / kind).glob(f"[!.]*/{MANIFEST}"))

    def check_there(self) -> None:
        """Refuse what is no workspace.

        Raises:
            ArtifactError: With the remedy.
        """
        if self.root.exists() and not self.root.is_dir():
            raise ArtifactError(f"{self.root}: {_IS_FILE}")
        if not self.root.is_dir():
            raise ArtifactError(f"{self.root}: no such workspace; run tma-prep embed first")
        if not (self.root / "embeddings").is_dir():
            raise ArtifactError(
                f"{self.root}: is not a workspace (it holds no embeddings); name the folder that "
                "tma-prep embed made with --out"
            )

    @contextlib.contextmanager
    def locked(self, *, create: bool = False) -> Iterator[None]:
        """Hold the workspace, so that no second command writes to it.

        Args:
            create: Make the folder if it is not there.

        Raises:
            ArtifactError: It is not there, cannot be written, is held by another process, or holds
                links that leave it.
        """
        if not create:
            self.check_there()
        elif self.root.exists() and not self.root.is_dir():
            raise ArtifactError(f"{self.root}: {_IS_FILE}")
        _check_inside(self.root)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.root / ".lock")
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise ArtifactError(
                f"{self.root}: another tma-prep is at work in it; wait for it to end"
            ) from error
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            raise ArtifactError(
                f"{self.root}: cannot be written ({error.strerror}); choose another folder"
            ) from error
        try:
            _recover(self.root)
            yield
        finally:
            lock.release()


def _recover(root: Path) -> None:
    """Put back what a kill between the two renames of `staged_folder` left without a name."""
    for retired in [*root.glob(".*.retired"), *root.glob("*/.*.retired")]:
        final = retired.with_name(retired.name.removeprefix(".").removesuffix(".retired"))
        if not final.exists():
            # The new one was whole and synced before the old one was retired.
            partial = beside(final, "partial")
            (partial if (partial / MANIFEST).is_file() else retired).rename(final)
    for progress in root.glob("*/.*.progress"):
        final = progress.with_name(progress.name.removeprefix(".").removesuffix(".progress"))
        if not beside(final, "partial").exists():
            # What it was the progress of has taken its place.
            remove_folder(progress)


def _check_inside(root: Path) -> None:
    """Refuse links that leave a workspace: what is written or removed there is somebody else's.

    The workspace itself may lie behind a link, and links within it are let be.
    """
    inside = os.path.realpath(root)
    for path in _below(root):
        # Of a link that leads nowhere too: it says where something would be written.
        if path.is_symlink() and os.path.commonpath([inside, os.path.realpath(path)]) != inside:
            raise ArtifactError(
                f"{path}: is a link that leaves the workspace; put what it leads to in its place, "
                "or move the whole workspace and link to that"
            )
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ArtifactError(f"{path}: is neither a file nor a folder; remove it")


def _below(root: Path) -> Iterator[Path]:
    """Everything of ours in a workspace; the rest of the folder is not looked at."""
    for name in os.listdir(root) if root.is_dir() else []:
        if not name.removeprefix(".").startswith(_OURS):
            continue
        yield root / name
        for folder, folders, files in os.walk(root / name):
            yield from (Path(folder, each) for each in (*folders, *files))
