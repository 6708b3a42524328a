"""Input files opened as bytes, and what goes wrong with them told in one line."""

import contextlib
import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tma_prep.errors import InputError
from tma_prep.remote import AnyPath
from tma_prep.rows.sources import compression_of, container_of


@contextlib.contextmanager
def reading(path: AnyPath) -> Iterator[None]:
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


def empty_input(path: AnyPath) -> InputError:
    """What is raised for a file without a row."""
    return InputError(f"{path}: is empty; it must hold at least one row")


def open_bytes(path: AnyPath) -> io.BufferedReader:
    """The bytes of a plain or compressed file, as a stream.

    Raises:
        InputError: A compressed file has no bytes.
    """
    compression = compression_of(path)
    if compression is None:
        return path.open("rb")
    if path.stat().st_size == 0:
        raise empty_input(path)
    source = str(path) if isinstance(path, Path) else path.open()
    return io.BufferedReader(pa.input_stream(source, compression=compression))


def open_seekable(path: AnyPath) -> pa.NativeFile:
    """A file that can be read from anywhere.

    Raises:
        InputError: It has no bytes.
    """
    if path.stat().st_size == 0:
        raise empty_input(path)
    if compression_of(path) is not None:
        return _unpacked(path)
    if isinstance(path, Path):
        return pa.memory_map(str(path))
    # Parquet is read in pieces of its own choice; Arrow in many small ones, front to back.
    if container_of(path) == "parquet":
        pieces: io.RawIOBase | io.BufferedReader = path.open_raw("none")
    else:
        pieces = path.open()
    return pa.PythonFile(pieces, mode="r") if pieces.seekable() else _unpacked(path)


def _unpacked(path: AnyPath) -> pa.NativeFile:
    """Its bytes, as they are to be read, mapped from a file that is gone once they are let go."""
    with tempfile.NamedTemporaryFile(prefix="tma-prep-") as file:
        with open_bytes(path) as stream:
            shutil.copyfileobj(stream, file, 1 << 20)
        file.flush()
        return pa.memory_map(file.name)
