"""The folder that every command takes: where its artifacts lie, its lock, and what may be in it."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import filelock

from tma_prep.artifact import MANIFEST, beside, remove_folder
from tma_prep.errors import ArtifactError

_IS_FILE = "is a file; name a folder for the workspace"

_OURS = (
    *(
        "lock",
        "rows",
        "embeddings",
        "neighbors",
        "leakage",
        "rankings",
        "orders",
        "shards",
        "exports",
    ),
    "checks",
)
"""How the names of what stands in a workspace begin, behind the dot of what is in the making."""


class Workspace:
    """The folder that every command takes."""

    def __init__(self, root: Path) -> None:
        """Name it; nothing is touched."""
        self.root = root

    def rows(self, side: str) -> Path:
        """Folder of the rows of `train` or `test`, as they came in."""
        return self.root / "rows" / side

    def embeddings(self, side: str) -> Path:
        """Folder of the embeddings of `train` or `test`."""
        return self.root / "embeddings" / side

    @property
    def neighbors(self) -> Path:
        """Folder of the test → train graph."""
        return self.root / "neighbors"

    @property
    def leakage(self) -> Path:
        """File of the training rows that hold a test row."""
        return self.root / "leakage" / "leakage.parquet"

    def ranking(self, name: str) -> Path:
        """Folder of a finished ranking."""
        return self.root / "rankings" / name

    def order(self, name: str) -> Path:
        """File of an order; its manifest is `order_manifest`."""
        return self.root / "orders" / name / "order.parquet"

    def order_manifest(self, name: str) -> Path:
        """Manifest of an order."""
        return self.order(name).with_name(MANIFEST)

    def shards(self, name: str) -> Path:
        """Folder of the shards of an order."""
        return self.root / "shards" / name

    def export(self, name: str, trainer: str) -> Path:
        """Folder of an order as a trainer takes it."""
        return self.root / "exports" / f"{name}-for-{trainer}"

    def check(self, name: str) -> Path:
        """Folder of a training check."""
        return self.root / "checks" / name

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
        _check_inside(self.root, _OURS)
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


def _check_inside(root: Path, ours: tuple[str, ...]) -> None:
    """Refuse links that leave a workspace: what is written or removed there is somebody else's.

    The workspace itself may lie behind a link, and links within it are let be.

    Args:
        root: The workspace.
        ours: How names begin of what is ours, but for a dot; the rest of the folder is not looked
            at.

    Raises:
        ArtifactError: There is one, or something that is neither a file nor a folder.
    """
    inside = os.path.realpath(root)
    for path in _below(root, ours):
        # Of a link that leads nowhere too: it says where something would be written.
        if path.is_symlink() and os.path.commonpath([inside, os.path.realpath(path)]) != inside:
            raise ArtifactError(
                f"{path}: is a link that leaves the workspace; put what it leads to in its place, "
                "or move the whole workspace and link to that"
            )
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ArtifactError(f"{path}: is neither a file nor a folder; remove it")


def _below(root: Path, ours: tuple[str, ...]) -> Iterator[Path]:
    names = os.listdir(root) if root.is_dir() else []
    for name in names:
        if not name.removeprefix(".").startswith(ours):
            continue
        yield root / name
        for folder, folders, files in os.walk(root / name):
            yield from (Path(folder, each) for each in (*folders, *files))
