"""Input files opened as bytes, and what goes wrong with them told in one line."""

import contextlib
import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tma_prep.errors import InputError
from tma_prep.files import AnyPath, open_file
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
    stream, compression = open_file(path), compression_of(path)
    if compression is None:
        return stream
    if not stream.peek(1):
        raise empty_input(path)
    return io.BufferedReader(pa.input_stream(stream, compression=compression))


def open_seekable(path: AnyPath) -> pa.NativeFile:
    """A file that can be read from anywhere; a copy where it is compressed or lies elsewhere.

    Raises:
        InputError: It has no bytes.
    """
    if isinstance(path, Path) and compression_of(path) is None and path.stat().st_size:
        return pa.memory_map(str(path))
    # The copy has no name any more once it is mapped.
    with tempfile.NamedTemporaryFile(prefix="tma-prep-") as file, open_bytes(path) as stream:
        shutil.copyfileobj(stream, file, 1 << 20)
        file.flush()
        if not file.tell():
            raise empty_input(path)
        return pa.memory_map(file.name)
