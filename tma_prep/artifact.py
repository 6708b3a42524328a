"""Files that are whole or absent: staging, hashing, manifests, the workspace and its lock."""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import filelock
from pydantic import BaseModel, ValidationError

from tma_prep.errors import ArtifactError
from tma_prep.files import AnyPath, open_file, read_file
from tma_prep.inside import check_inside
from tma_prep_schemas import FileEntry, Manifest
from tma_prep_schemas.manifests import Option

MANIFEST = "manifest.json"
_REPLACE = "give --overwrite to replace it, or use another name or workspace"
_IS_FILE = "is a file; name a folder for the workspace"
_BYTES_AT_ONCE = 4 << 20

EMBED_AGAIN = "run the same embed with --overwrite"
ARRANGE_AGAIN = "run arrange again with --overwrite"
"""Remedies for damaged artifacts."""

AnyManifest = TypeVar("AnyManifest", bound=Manifest)
AnyModel = TypeVar("AnyModel", bound=BaseModel)


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


def manifest_text(manifest: Manifest) -> str:
    """What stands in its file."""
    return manifest.model_dump_json(indent=2) + "\n"


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest; from then on its artifact is finished."""
    write_text(path, manifest_text(manifest))


def read_manifest(path: AnyPath, model: type[AnyModel]) -> AnyModel | None:
    """The manifest, or another file of JSON that has a model; None where there is none.

    Raises:
        ArtifactError: It is damaged or of another version of the format.
    """
    try:
        return model.model_validate_json(read_file(path))
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise ArtifactError(f"{path.parent}: is a file where a folder is needed") from error
    except IsADirectoryError as error:
        raise ArtifactError(f"{path}: is a folder where a file is needed; remove it") from error
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("format_version",) and first["input"] == 1:
            raise ArtifactError(
                f"{path}: was made by tma-prep 0.1; run embed again, into another workspace"
            ) from error
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ArtifactError(
            f"{path}: is damaged or of another version ({where}: {first['msg']}); "
            "make it again with --overwrite, or use another workspace"
        ) from error


@contextlib.contextmanager
def staged_folder(final: Path) -> Iterator[Path]:
    """A folder to write into that takes the place of `final` only if all went well."""
    partial = beside(final, "partial")
    remove_folder(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        remove_folder(partial)
        raise
    place_folder(partial, final)


def place_folder(partial: Path, final: Path) -> None:
    """Let a whole folder take the place of `final`; `_recover` mends a kill in the middle."""
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


def check_files(folder: AnyPath, manifest: Manifest, remedy: str) -> None:
    """Compare every file of an artifact with its manifest.

    Raises:
        ArtifactError: One is missing or differs; the text names it.
    """
    for entry in manifest.all_files:
        path = folder / entry.file
        if not path.is_file():
            raise ArtifactError(f"{path}: is missing; {remedy}")
        size = path.stat().st_size
        if size != entry.bytes:
            raise ArtifactError(f"{path}: has {size} bytes, not {entry.bytes}; {remedy}")
        if sha256_of(path) != entry.sha256:
            raise ArtifactError(f"{path}: its SHA-256 is not the manifest's; {remedy}")


def differences(
    config: Mapping[str, Option],
    inputs: Mapping[str, str],
    other: Manifest,
) -> list[str]:
    """What differs between what is wanted and what a finished artifact was made with."""
    found = [
        f"{name.replace('_', '-')} was {_shown(other.config.get(name))}, "
        f"now {_shown(config.get(name))}"
        for name in sorted({*config, *other.config})
        if config.get(name) != other.config.get(name)
    ]
    names = dict.fromkeys([*inputs, *other.inputs])
    changed = [f"{name} changed" for name in names if inputs.get(name) != other.inputs.get(name)]
    if not changed and list(inputs) != list(other.inputs):
        changed = ["the inputs stand in another order"]
    return found + changed


def find_finished(
    manifest_path: AnyPath,
    model: type[AnyManifest],
    config: Mapping[str, Option],
    inputs: Mapping[str, str] | None,
    *,
    overwrite: bool,
    same: Callable[[str, AnyManifest], bool] = lambda option, existing: False,
    remedy_for_inputs: str | None = None,
) -> AnyManifest | None:
    """The finished artifact if it is the one wanted and whole, None if it is to be made.

    One that was made with the options wanted, of parents that have been replaced since, is stale:
    it is to be made again, and no contradiction.

    Args:
        manifest_path: Its manifest; its files lie beside it.
        model: What the manifest must be.
        config: The options wanted.
        inputs: SHA-256 of its parents' manifests; None where these are not known yet.
        overwrite: Make it anew if it is another one or damaged.
        same: Whether the artifact is the same whatever this option says.
        remedy_for_inputs: What to do with a stale one that is dear, in place of making it again.

    Raises:
        ArtifactError: It is another one or damaged, and `overwrite` is off.
    """
    try:
        existing = read_manifest(manifest_path, model)
        if existing is None:
            return None
        ignored = {option for option in config if same(option, existing)}
        wanted = {
            option: existing.config.get(option) if option in ignored else value
            for option, value in config.items()
        }
        different = differences(wanted, existing.inputs, existing)
        if different:
            raise ArtifactError(
                f"{manifest_path.parent}: holds {existing.kind} made differently "
                f"({'; '.join(different[:3])}); {_REPLACE}"
            )
        if inputs is not None and dict(inputs) != existing.inputs:
            if remedy_for_inputs is None:
                return None
            stale = "; ".join(differences(wanted, inputs, existing)[:3])
            raise ArtifactError(
                f"{manifest_path.parent}: holds {existing.kind} that is out of date ({stale}); "
                f"{remedy_for_inputs}"
            )
        check_files(manifest_path.parent, existing, "make it again with --overwrite")
    except ArtifactError:
        if overwrite:
            return None
        raise
    return existing


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
        """File of the training rows that hold a test row; its manifest is `leakage_manifest`."""
        return self.root / "leakage" / "leakage.parquet"

    @property
    def leakage_manifest(self) -> Path:
        """Manifest of those rows."""
        return self.leakage.with_name(MANIFEST)

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
        check_inside(self.root, _OURS)
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


def _shown(value: Option) -> str:
    text = "unset" if value is None or value == "" else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
