"""Files and folders that are whole on the disk or absent, and their SHA-256."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tma_prep.files import AnyPath, open_file
from tma_prep_schemas import FileEntry

_BYTES_AT_ONCE = 4 << 20


def sha256_of(*paths: AnyPath, on_bytes: Callable[[int], None] = lambda _: None) -> str:
    """SHA-256 over the bytes of the files, one after the other, in hex."""
    digest = hashlib.sha256()
    for path in paths:
        with open_file(path) as stream:
            while chunk := stream.read(_BYTES_AT_ONCE):
                digest.update(chunk)
                on_bytes(len(chunk))
    return digest.hexdigest()


def file_entry(path: Path, rows: int) -> FileEntry:
    """What a manifest says of a file that was just written."""
    return FileEntry(file=path.name, rows=rows, bytes=path.stat().st_size, sha256=sha256_of(path))


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a small file: under a temporary name, synced, then renamed."""
    partial = path.with_name(f".{path.name}.partial")
    # Never through a link that somebody put there.
    partial.unlink(missing_ok=True)
    with partial.open("x", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
    sync(path.parent)


def place_folder(partial: Path, final: Path) -> None:
    """Let a whole folder take the place of `final`; a kill in between is mended later."""
    retired = beside(final, "retired")
    remove_folder(retired)
    sync(partial)
    if final.is_symlink() or final.exists():
        final.rename(retired)
    partial.rename(final)
    sync(final.parent)
    remove_folder(retired)


def beside(final: Path, state: str) -> Path:
    """The hidden folder beside an artifact that holds it in some state of being made."""
    return final.with_name(f".{final.name}.{state}")


def remove_folder(path: Path) -> None:
    """Remove a folder; of a link to one, the link alone."""
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
