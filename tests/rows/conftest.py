"""What the tests of instances share."""

from pathlib import Path

import pytest

from tests.rows.folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty folder for input files."""
    return Folder(tmp_path)
