"""The report in headless Chromium: quiet, every plot drawn, light and dark, narrow and wide."""

from pathlib import Path

import pytest
from selenium import webdriver

from tests.checks.curves_made_up import MadeUp
from tests.report.check_made_up import EVERYTHING, ORDERS, made_up_check
from tests.report.chromium import COLOURS, NEEDS_CHROMIUM, contrast, luminance, open_page, plots_of

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The whole setting, a quick one, and one whose names are long and hostile."""
    long = "<script>alert(1)</script> " + "an_order_with_a_name_that_does_not_end_" * 3
    names = (long, "\x00\u202e task", "x" * 200)
    made = {
        "full": MadeUp(EVERYTHING, tasks=8),
        "quick": MadeUp(ORDERS, seeds=1),
        "hostile": MadeUp({("none", "rt"): 0.0, ("none", long): 0.3}, names=names),
    }
    folder = tmp_path_factory.mktemp("pages")
    for name, curves in made.items():
        (folder / f"{name}.html").write_text(made_up_check(curves).html, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["full", "quick", "hostile"])
def test_the_page_is_quiet_and_everything_is_drawn(
    browser: webdriver.Chrome, pages: dict[str, Path], name: str, scheme: str, width: int
) -> None:
    """No console message, no empty plot or mark, no text cut off, nothing beyond the page."""
    assert plots_of(browser, pages[name], width, scheme) >= 8


def test_light_and_dark_differ_and_can_be_read(
    browser: webdriver.Chrome, pages: dict[str, Path]
) -> None:
    """Text 7:1 or more against its ground, lines 3:1."""
    found = {}
    for scheme in ("light", "dark"):
        open_page(browser, pages["full"], 1280, scheme)
        ground, ink, line = map(luminance, browser.execute_script(COLOURS))
        assert contrast(ground, ink) >= 7
        assert contrast(ground, line) >= 3
        found[scheme] = ground
    assert found["light"] > 0.9
    assert found["dark"] < 0.1


def test_names_run_no_script(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    """A task that spells one stands there as text."""
    open_page(browser, pages["hostile"], 1280, "light")
    assert browser.execute_script("return document.scripts.length") == 0
    text = browser.execute_script("return document.body.textContent")
    assert "<script>alert(1)</script>" in text
    assert "\u202e" not in text
