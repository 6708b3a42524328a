"""What holds for all tests: no network, and where the sample data is."""

import os
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """The folder of the committed sample data."""
    return Path(__file__).parent.parent / "sample_data"
