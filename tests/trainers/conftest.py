"""What the tests with real trainers share."""

from pathlib import Path

import pytest

from tests.trainers.tiny import Rows, make_shards, read_whole, tokenized


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of ordered shards, in three files."""
    return make_shards(tmp_path_factory.mktemp("trainers"))


@pytest.fixture(scope="session")
def rows(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """The shards as `datasets` reads them whole."""
    return read_whole(shards, tmp_path_factory.mktemp("datasets"))


@pytest.fixture(scope="session")
def tokens(rows: Rows) -> Rows:
    """The same as transformers' `Trainer` wants them: with `input_ids`, beside their columns."""
    return tokenized(rows)
