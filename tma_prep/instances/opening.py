"""Input files opened as bytes, and what goes wrong with them told in one line."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tma_prep.errors import InputError
from tma_prep.instances.sources import compression_of, container_of


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the readers raise into one line that names the file.

    Raises:
        InputError: The file is not there or cannot be read.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the path") from error
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: cannot be read as {container_of(path)} ({reason}); "
            "check that the file is whole and that its ending is right"
        ) from error


def empty_input(path: Path) -> InputError:
    """What is raised for a file without a row."""
    return InputError(f"{path}: is empty; it must hold at least one row")


def open_bytes(path: Path) -> io.BufferedReader:
    """The bytes of a plain or compressed file, as a stream.

    Raises:
        InputError: A compressed file has no bytes.
    """
    compression = compression_of(path)
    if compression is None:
        return path.open("rb")
    if path.stat().st_size == 0:
        raise empty_input(path)
    return io.BufferedReader(pa.input_stream(str(path), compression=compression))


def open_seekable(path: Path) -> pa.NativeFile:
    """A file that can be read from anywhere; a compressed one is unpacked in memory.

    Raises:
        InputError: It has no bytes.
    """
    if path.stat().st_size == 0:
        raise empty_input(path)
    if compression_of(path) is None:
        return pa.memory_map(str(path))
    return pa.BufferReader(open_bytes(path).read())
