"""What the tests with real trainers share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.order_check.tiny import Rows, make_shards, read_whole, tokenized


@pytest.fixture(scope="session", autouse=True)
def datasets_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where `datasets` keeps what it has read, instead of the home of whoever runs the tests."""
    folder = tmp_path_factory.mktemp("datasets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasets.config.HF_DATASETS_CACHE", folder)
        yield folder


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of ordered shards, in three files."""
    return make_shards(tmp_path_factory.mktemp("trainers"))


@pytest.fixture(scope="session")
def rows(shards: Path, datasets_cache: Path) -> Rows:
    """The shards as `datasets` reads them whole."""
    return read_whole(shards, datasets_cache)


@pytest.fixture(scope="session")
def tokens(rows: Rows) -> Rows:
    """The same as transformers' `Trainer` wants them: with `input_ids`, beside their columns."""
    return tokenized(rows)
