"""An input file whose SHA-256 is taken from the very bytes that are read of it."""

import hashlib
import io

from tma_prep.files import AnyPath, open_file

_BYTES_AT_ONCE = 1 << 20


class HashedInput:
    """A path that is opened like any other, and knows the SHA-256 of what was read of it."""

    def __init__(self, path: AnyPath) -> None:
        """Name the file."""
        self.path = path
        self.name = path.name
        self.suffix = path.suffix
        self.suffixes = path.suffixes
        self._stream: _HashingStream | None = None

    def __str__(self) -> str:
        """As messages name the file."""
        return str(self.path)

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """Its bytes as a stream, from the first on."""
        if self._stream is not None:
            self._stream.let_go()
        self._stream = _HashingStream(open_file(self.path))
        return io.BufferedReader(self._stream, _BYTES_AT_ONCE)

    def sha256(self) -> str:
        """SHA-256 of the whole file, in hex; what no reader wanted is read now."""
        if self._stream is None:
            self.open()
        assert self._stream is not None
        return self._stream.finish()


class _HashingStream(io.RawIOBase):
    """Hands bytes on, and hashes them on their way."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        self._digest.update(data)
        self._ended = not data
        buffer[: len(data)] = data
        return len(data)

    def let_go(self) -> None:
        self._stream.close()

    def close(self) -> None:
        # The file stays open until its end was hashed.
        return

    def finish(self) -> str:
        while not self._ended:
            data = self._stream.read(_BYTES_AT_ONCE)
            self._digest.update(data)
            self._ended = not data
        self.let_go()
        return self._digest.hexdigest()
