"""Files that lie elsewhere: `s3://`, `gs://`, `hf://`, `https://` and what else fsspec knows.

A `RemotePath` answers to those names of `pathlib.Path` that the project uses, so that one code
reads both. Whatever goes wrong on the way is one line that names the URL.
"""

import contextlib
import io
import logging
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from tma_prep.errors import InputError
from tma_prep.remote_errors import is_absence, missing, told

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_WEB = ("http", "https")
_BYTES_A_REQUEST = 8 << 20
_BYTES_A_READ = 1 << 20

_VERSIONS = (
    *("ETag", "etag", "generation", "blob_id", "xet_hash", "content_md5", "Content-MD5", "Digest"),
    *("LastModified", "last_modified", "Last-Modified", "updated", "mtime", "modified"),
)
"""What stores call that which changes with a file's bytes."""

# gcsfs tells its retries, with tracebacks; that is for whoever asks for its log.
logging.getLogger("gcsfs").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class RemoteStat:
    """The one part of `os.stat_result` that stores have in common."""

    st_size: int


@dataclass(frozen=True)
class RemotePath:
    """A file or folder by its URL, which holds no secret. Made by `any_path`."""

    url: str

    def __str__(self) -> str:
        """The URL."""
        return self.url

    def __truediv__(self, name: str) -> "RemotePath":
        """What lies beneath."""
        return RemotePath(f"{self.url.rstrip('/')}/{name}")

    @property
    def protocol(self) -> str:
        """`s3` of `s3://bucket/key`."""
        return self.url.partition("://")[0]

    @property
    def name(self) -> str:
        """The last part."""
        return self.url.rstrip("/").rpartition("/")[2]

    @property
    def parent(self) -> "RemotePath":
        """The folder that holds it."""
        return RemotePath(self.url.rstrip("/").rpartition("/")[0])

    @property
    def suffix(self) -> str:
        """The last ending, with its dot."""
        return PurePosixPath(self.name).suffix

    @property
    def suffixes(self) -> list[str]:
        """All endings, each with its dot."""
        return PurePosixPath(self.name).suffixes

    def kind(self) -> Literal["file", "folder"] | None:
        """What it is now, None where nothing is there.

        Raises:
            InputError: The store cannot be asked, or there is no such bucket.
        """
        info = self._info()
        if info is None:
            return None
        return "folder" if info["type"] == "directory" else "file"

    def is_file(self) -> bool:
        """Whether it is a file now."""
        return self.kind() == "file"

    def stat(self) -> RemoteStat:
        """Its size now.

        Raises:
            InputError: It is not there, or its server does not tell.
        """
        return RemoteStat(self.state()[0])

    def state(self) -> tuple[int, str]:
        """Its size in bytes, and a text that changes with its content.

        Raises:
            InputError: It is not there, or its server does not tell its size.
        """
        info = self._info()
        if info is None:
            raise missing(self.url)
        if info.get("size") is None:
            raise InputError(
                f"{self.url}: its server does not tell its size; download it, and name the file"
            )
        versions = [f"{name}={info[name]}" for name in _VERSIONS if info.get(name)]
        return int(info["size"]), " ".join(versions)

    def open(self, mode: Literal["rb"] = "rb") -> io.BufferedReader:
        """Its bytes, as a stream that reads ahead a little."""
        return io.BufferedReader(self.open_raw("readahead"), _BYTES_A_READ)

    def open_raw(self, cache: Literal["readahead", "none"]) -> io.RawIOBase:
        """Its bytes without a buffer.

        Args:
            cache: `none` where every read is a request of its own, in the size that is wanted.
        """
        # A web server that does not answer for ranges is read once, front to back.
        ranges = self.protocol not in _WEB or bool((self._info() or {}).get("partial"))
        block = _BYTES_A_REQUEST if ranges else 0
        with told(self.url):
            file_system, path = self._opened()
            file = file_system.open(path, "rb", block_size=block, cache_type=cache)
        return _Stream(self.url, file, seekable=ranges)

    def read_bytes(self) -> bytes:
        """All bytes of a small file.

        Raises:
            FileNotFoundError: It is not there.
        """
        if not self.is_file():
            raise FileNotFoundError(self.url)
        with self.open() as stream:
            return stream.read()

    def below(self) -> dict[str, "RemotePath"]:
        """All files of a folder, at any depth, by their path in it."""
        with told(self.url):
            file_system, folder = self._opened()
            file_system.invalidate_cache()
            found = file_system.find(folder)
        start = f"{folder.rstrip('/')}/"
        return {
            path.removeprefix(start): RemotePath(file_system.unstrip_protocol(path))
            for path in found
        }

    def glob(self) -> list["RemotePath"]:
        """What the URL fits, read as a pattern; as in a shell, `*` fits no leading dot."""
        with told(self.url):
            file_system, pattern = self._opened()
            file_system.invalidate_cache()
            found = file_system.glob(pattern)
        parts = pattern.split("/")
        fixed = next((place for place, part in enumerate(parts) if has_magic(part)), len(parts))
        shown = [
            path
            for path in found
            if not any(part.startswith(".") for part in path.split("/")[fixed:])
        ]
        return [RemotePath(file_system.unstrip_protocol(path)) for path in shown]

    def send(self, source: Path) -> None:
        """Write it from a local file; it is whole or absent.

        Raises:
            InputError: It cannot be written.
        """
        with told(self.url, "written"):
            file_system, path = self._opened()
            file_system.put_file(str(source), path)

    def unlink(self) -> None:
        """Remove the file."""
        with told(self.url, "removed"):
            file_system, path = self._opened()
            file_system.rm_file(path)

    def _opened(self) -> tuple[Any, str]:
        """The file system, which fsspec keeps, and the path in it."""
        import fsspec

        # Not `url_to_fs`: a name may hold `::`, which that takes for a chain.
        kind = fsspec.get_filesystem_class(self.protocol)
        file_system = fsspec.filesystem(self.protocol, **kind._get_kwargs_from_urls(self.url))
        return file_system, str(kind._strip_protocol(self.url))

    def _info(self) -> dict[str, Any] | None:
        with told(self.url):
            file_system, path = self._opened()
            file_system.invalidate_cache()
            try:
                info: dict[str, Any] = file_system.info(path)
            except FileNotFoundError as error:
                if not is_absence(error):
                    raise
                return None
            return info


class _Stream(io.RawIOBase):
    """A remote file whose failures are told in a line; closed with what wraps it."""

    def __init__(self, url: str, file: Any, *, seekable: bool) -> None:  # noqa: ANN401
        self._url, self._file, self._seekable = url, file, seekable

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Whether its server answers for ranges."""
        return self._seekable

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        """Read some bytes, 0 at the end."""
        with told(self._url):
            found: bytes = self._file.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; nothing is asked of the server."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """Where it is."""
        return int(self._file.tell())

    def close(self) -> None:
        """Close both."""
        if not self.closed:
            self._file.close()
        super().close()


AnyPath = Path | RemotePath


def any_path(text: str) -> AnyPath:
    """A local path, or a remote one where the text is a URL.

    Raises:
        InputError: The URL holds what may be a secret.
    """
    found = _URL.match(text)
    if found is None:
        return Path(text)
    protocol = found[1].lower()
    rest = text[found.end() :]
    if protocol == "file":
        return Path(f"/{rest.lstrip('/')}")
    host = rest.partition("/")[0]
    if "@" in host:
        raise InputError(
            f"{protocol}://…@{host.rpartition('@')[2]}: holds a user or password, which manifests "
            "would record; leave it out, and give credentials as the store's own tools take them"
        )
    if protocol in _WEB and ("?" in rest or "#" in rest):
        shown = re.split("[?#]", rest)[0]
        raise InputError(
            f"{protocol}://{shown}: has a query, which may hold a key and which manifests would "
            "record; download it, and name the file"
        )
    return RemotePath(f"{protocol}://{rest}")


def file_state(path: AnyPath) -> tuple[int, str]:
    """Size in bytes, and a text that changes when the file does.

    Raises:
        InputError: A remote file is not there, or cannot be asked for.
        OSError: A local file is not there.
    """
    if isinstance(path, RemotePath):
        return path.state()
    found = path.stat()
    return found.st_size, str(found.st_mtime_ns)


@contextlib.contextmanager
def sent_folder(
    staging: Path, target: RemotePath, last: str, on_file: Callable[[], None] = lambda: None
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
        there = {name: path for name, path in target.below().items() if "/" not in name}
        if last in there:
            there.pop(last).unlink()
        for name, path in there.items():
            # What a person put there is left alone.
            if name not in names and re.fullmatch(r"part-\d+-of-\d+\.parquet", name):
                path.unlink()
        for name in [*names, last]:
            (target / name).send(staging / name)
            size, sent = (staging / name).stat().st_size, (target / name).stat().st_size
            if size != sent:
                raise InputError(f"{target / name}: holds {sent} bytes of {size}; run it again")
            (staging / name).unlink()
            on_file()
    finally:
        shutil.rmtree(staging, ignore_errors=True)
