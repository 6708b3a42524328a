"""What the tests of instances share."""

from pathlib import Path

import pytest

import tma_prep.stores
from tests.rows.folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty folder for input files."""
    return Folder(tmp_path)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time-out and a patience that a test can wait for."""
    monkeypatch.setattr(tma_prep.stores, "_SILENCE", 0.4)
    monkeypatch.setattr(tma_prep.stores, "_PATIENCE", 1.5)
