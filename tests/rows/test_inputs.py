"""Input files are checked while they are read, and the check has the last word."""

import hashlib
from pathlib import Path

import pytest

from tma_prep.errors import InputError
from tma_prep.rows.inputs import inputs_checked_meanwhile
from tma_prep_schemas import InputFile, Source


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An input file."""
    found = tmp_path / "train.jsonl"
    found.write_bytes(b"{}\n" * 1000)
    return found


@pytest.fixture
def source(path: Path) -> Source:
    """What was embedded of it."""
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    file = InputFile(path=str(path), bytes=len(data), sha256=sha256, rows=1000)
    return Source(files=[file], format="flan", task_column=None, arrow_schema="", columns=[])


def test_whole_inputs_are_read(source: Source) -> None:
    """Errors of the reader are its own."""
    with inputs_checked_meanwhile(source):
        pass
    with pytest.raises(ValueError, match="mine"), inputs_checked_meanwhile(source):
        raise ValueError("mine")
    with pytest.raises(KeyboardInterrupt), inputs_checked_meanwhile(source):
        raise KeyboardInterrupt


def test_changed_inputs_are_told_however_reading_ended(source: Source, path: Path) -> None:
    """Whether it noticed or not."""
    path.write_bytes(b"[]\n" * 1000)
    with pytest.raises(InputError, match="has changed since"), inputs_checked_meanwhile(source):
        pass
    with pytest.raises(InputError, match="has changed since"), inputs_checked_meanwhile(source):
        raise InputError("row 3 is no object")
    path.unlink()
    with pytest.raises(InputError, match="not there any more"), inputs_checked_meanwhile(source):
        raise InputError("no such file")
