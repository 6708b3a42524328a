"""One browser for all pages of a module."""

from collections.abc import Iterator

import pytest
from selenium import webdriver

from tests.report.chromium import start


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A browser with a profile of its own."""
    driver = start(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()
