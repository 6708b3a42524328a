"""What the tests of faults share: one place a process in which everything has run."""

from collections.abc import Iterator

import pytest

from tests.faults.place import Place, make_place


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Made once, whatever becomes of it in between."""
    return make_place(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def place(made: Place) -> Iterator[Place]:
    """As it was when everything in it was made."""
    made.reset()
    yield made
