"""What lies in a workspace stays in it: no link leads out, and nothing blocks who opens it."""

import os
from collections.abc import Iterator
from pathlib import Path

from tma_prep.errors import ArtifactError


def check_inside(root: Path, ours: tuple[str, ...]) -> None:
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
