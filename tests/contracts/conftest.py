"""What the tests of the contracts share: the sources, parsed."""

import ast
import functools
from collections.abc import Callable
from pathlib import Path

import pytest

Trees = dict[str, ast.Module]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def trees(repository: Path) -> Callable[[str], Trees]:
    """The syntax trees of a package, by module name."""

    @functools.cache
    def parse(package: str) -> Trees:
        folder = repository / package
        found = {}
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            name = ".".join(part for part in parts if part != "__init__")
            found[name] = ast.parse(path.read_text(encoding="utf-8"))
        assert found, f"{package} holds no source"
        return found

    return parse
