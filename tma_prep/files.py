"""Files of this machine, and of `s3://`, `gs://`, `hf://`, `https://` and what else fsspec knows.

A local path is a `pathlib.Path` and is used as one; a remote one goes through the functions here,
which ask again where a server hangs and tell in one line what goes wrong.
"""

import contextlib
import io
import re
import shutil
from collections.abc import Callable, Iterator
from glob import glob, has_magic
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

from upath import UPath

from tma_prep.errors import InputError
from tma_prep.stores import EXTRAS, WEB, client_options, is_absence, missing, tried, watched

if TYPE_CHECKING:
    from typing_extensions import TypeIs

AnyPath = Path | UPath

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_BYTES_A_REQUEST = 8 << 20
_BYTES_A_READ = 1 << 20
_BYTES_A_PIECE = 5 << 20
_VERSIONS = (
    *("ETag", "etag", "generation", "blob_id", "xet_hash", "content_md5", "Content-MD5", "Digest"),
    *("LastModified", "last_modified", "Last-Modified", "updated", "mtime", "modified"),
)
"""What stores call that which changes with a file's bytes."""


def any_path(text: str) -> AnyPath:
    """A local path, or a remote one where the text is a URL.

    Raises:
        InputError: The URL holds what may be a secret, or is of no known kind.
        DependencyError: A library is missing.
    """
    found = _URL.match(text)
    if found is None:
        return Path(text)
    protocol, rest = found[1].lower(), text[found.end() :]
    if protocol in ("file", "local"):
        return Path(f"/{rest.lstrip('/')}")
    host = rest.partition("/")[0]
    if "@" in host:
        raise InputError(
            f"{protocol}://…@{host.rpartition('@')[2]}: holds a user or password, which manifests "
            "would record; leave it out, and give credentials as the store's own tools take them"
        )
    # What else has no queries: a name may hold these marks.
    if protocol not in (*EXTRAS, "hf") and ("?" in rest or "#" in rest):
        raise InputError(
            f"{protocol}://{re.split('[?#]', rest)[0]}: has a query, which may hold a key and "
            "which manifests would record; download it, and name the file"
        )
    url = f"{protocol}://{rest}"
    if "::" in rest:
        raise InputError(f"{url}: `::` chains file systems and cannot be in a name; rename it")
    path: UPath = tried(url, lambda: UPath(url, **client_options(protocol)))
    return path


def is_remote(path: AnyPath) -> "TypeIs[UPath]":
    """Whether it has a URL."""
    return isinstance(path, UPath)


def kind_of(path: AnyPath) -> Literal["file", "folder"] | None:
    """What is there now, None for nothing.

    Raises:
        InputError: The store cannot be asked, or there is no such bucket.
    """
    if isinstance(path, Path):
        return "folder" if path.is_dir() else "file" if path.exists() else None
    info = _info(path)
    return None if info is None else "folder" if info["type"] == "directory" else "file"


def file_state(path: AnyPath) -> tuple[int, str]:
    """Size in bytes, and a text that changes when the file does.

    Raises:
        InputError: A remote file is not there, or its server does not tell its size.
        OSError: A local file is not there.
    """
    if not is_remote(path):
        found = path.stat()
        return found.st_size, str(found.st_mtime_ns)
    info = _info(path)
    if info is None:
        raise missing(path)
    if info.get("size") is None:
        raise InputError(
            f"{path}: its server does not tell its size; download it, and name the file"
        )
    versions = [f"{name}={info[name]}" for name in _VERSIONS if info.get(name)]
    return int(info["size"]), " ".join(versions)


def open_file(path: AnyPath) -> io.BufferedReader:
    """Its bytes, front to back; a remote file goes on where a connection broke off."""
    if is_remote(path):
        return io.BufferedReader(_Stream(path), _BYTES_A_READ)
    return path.open("rb")


def open_ranges(path: UPath) -> BinaryIO:
    """The bytes of a remote file, of which some are fetched alone; its failures are not told."""
    return cast("BinaryIO", _system(path).open(path.path, "rb", cache_type="none"))


def read_file(path: AnyPath) -> bytes:
    """All bytes of a small file.

    Raises:
        FileNotFoundError: It is not there.
    """
    if is_remote(path) and kind_of(path) != "file":
        raise FileNotFoundError(path)
    with open_file(path) as stream:
        return stream.read()


def files_below(folder: AnyPath) -> dict[str, AnyPath]:
    """All files of a folder, at any depth, by their path in it, sorted as paths are."""
    if isinstance(folder, Path):
        files: dict[str, AnyPath] = {
            path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.is_file()
        }
    else:
        start = f"{folder.path.rstrip('/')}/"
        system = _system(folder)
        found = tried(folder, lambda: system.find(folder.path))
        files = {name.removeprefix(start): _listed(system, name) for name in found}
    return {name: files[name] for name in sorted(files, key=PurePosixPath)}


def matches(pattern: AnyPath) -> list[AnyPath]:
    """What a pattern fits, sorted as paths are; as in a shell, `*` fits no leading dot."""
    if isinstance(pattern, Path):
        return sorted(Path(name) for name in glob(str(pattern), recursive=True))
    system = _system(pattern)
    found = tried(pattern, lambda: system.glob(pattern.path))
    parts = pattern.path.split("/")
    fixed = next((place for place, part in enumerate(parts) if has_magic(part)), len(parts))
    return [
        _listed(system, name)
        for name in sorted(found, key=PurePosixPath)
        if not any(part.startswith(".") for part in name.split("/")[fixed:])
    ]


@contextlib.contextmanager
def sent_folder(
    staging: Path, target: UPath, last: str, on_file: Callable[[], None] = lambda: None
) -> Iterator[Path]:
    """A local folder to write into, whose files go to `target` if all went well.

    Args:
        staging: Is emptied before and removed after.
        target: Files of it that an earlier run left there are replaced or removed.
        last: The file that is removed first and sent last: its presence means complete.
        on_file: Called for every file sent.

    Raises:
        InputError: A file cannot be sent.
    """
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        yield staging
        names = sorted(file.name for file in staging.iterdir() if file.name != last)
        there = [name for name in files_below(target) if "/" not in name]
        # What a person put there is left alone.
        ours = re.compile(r"part-\d+-of-\d+\.parquet")
        old = [name for name in there if name not in names and ours.fullmatch(name)]
        for name in [last, *old] if last in there else old:
            _remove(target / name)
        for name in [*names, last]:
            _send(staging / name, target / name)
            (staging / name).unlink()
            on_file()
    finally:
        shutil.rmtree(staging, ignore_errors=True)


class _Stream(io.RawIOBase):
    """The bytes of a remote file, front to back; opened again where a connection broke off."""

    def __init__(self, path: UPath) -> None:
        self._path, self._at = path, 0
        self._file: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        found = tried(self._path, lambda: self._read(len(buffer)))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        super().close()

    def _read(self, size: int) -> bytes:
        try:
            if self._file is None:
                self._file = self._opened()
            found: bytes = self._file.read(size)
        except BaseException:
            file, self._file = self._file, None
            with contextlib.suppress(Exception):
                file.close()
            raise
        return found

    def _opened(self) -> Any:  # noqa: ANN401 - fsspec has no types
        # A web server may know no ranges, so that what was read is read again.
        block = 0 if self._path.protocol in WEB else _BYTES_A_REQUEST
        file = _system(self._path).open(self._path.path, "rb", block_size=block)
        if block:
            file.seek(self._at)
        left = 0 if block else self._at
        while left and (skipped := file.read(min(left, _BYTES_A_READ))):
            left -= len(skipped)
        return file


def _system(path: UPath) -> Any:  # noqa: ANN401 - fsspec has no types
    """Its file system, which keeps nothing that it was told before."""
    system: Any = tried(path, lambda: path.fs)
    # s3fs tries five times by itself, which a server that hangs makes too long.
    system.retries = 2
    system.invalidate_cache()
    return system


def _listed(system: Any, name: str) -> AnyPath:  # noqa: ANN401
    return any_path(system.unstrip_protocol(name))


def _info(path: UPath) -> dict[str, Any] | None:
    def ask() -> dict[str, Any] | None:
        try:
            info: dict[str, Any] = _system(path).info(path.path)
        except FileNotFoundError as error:
            if not is_absence(error):
                raise
            return None
        return info

    return tried(path, ask)


def _remove(path: UPath) -> None:
    tried(path, lambda: _system(path).rm_file(path.path), "removed")


def _send(source: Path, target: UPath) -> None:
    """Write a remote file, which is whole or absent."""
    from fsspec.callbacks import Callback

    # In small pieces, so that one that moves is known from one that hangs.
    pieces = {"chunksize": _BYTES_A_PIECE} if target.protocol in EXTRAS else {}

    def put(on_piece: Callable[..., None]) -> None:
        callback = Callback(hooks={"piece": on_piece})
        _system(target).put_file(str(source), target.path, callback=callback, **pieces)

    tried(target, lambda: watched(put), "written")
    size, sent = source.stat().st_size, file_state(target)[0]
    if size != sent:
        raise InputError(f"{target}: holds {sent} bytes of {size}; run it again")
