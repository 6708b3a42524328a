"""The report in headless Chromium: quiet, every plot drawn, light and dark, narrow and wide.

Needs Debian's chromium and chromium-driver (`apt-get install chromium chromium-driver`).
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from tests.report.check_made_up import EVERYTHING, ORDERS, made_up_check
from tests.training.curves_made_up import MadeUp

_CHROMIUM, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        _CHROMIUM is None or _DRIVER is None,
        reason="no chromium and chromedriver here: apt-get install chromium chromium-driver",
    ),
]

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",
)

# Of every plot: its class, how much of the page it takes, and how many marks in it take none.
_PLOTS = """
document.querySelectorAll('details').forEach(each => each.open = true);
return [...document.querySelectorAll('svg.chart')].map(chart => {
  const box = chart.getBoundingClientRect();
  const drawn = [...chart.querySelectorAll('.line, .whisker, .point, .dot, .band')];
  const empty = drawn.filter(mark => {
    const inner = mark.getBoundingClientRect();
    return inner.width + inner.height === 0;
  });
  const outside = [...chart.querySelectorAll('text')].filter(text => {
    const inner = text.getBoundingClientRect();
    return inner.left < box.left - 1 || inner.right > box.right + 1
      || inner.top < box.top - 1 || inner.bottom > box.bottom + 1;
  });
  return {width: box.width, height: box.height, marks: drawn.length, empty: empty.length,
    outside: outside.map(text => text.textContent), left: box.left, right: box.right};
});
"""

_COLOURS = """
const of = (selector, name) => getComputedStyle(document.querySelector(selector))[name];
return [of('body', 'backgroundColor'), of('body', 'color'), of('.line', 'stroke')];
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One browser with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(_CHROMIUM)
    profile = tmp_path_factory.mktemp("profile")
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(str(_DRIVER)))
    yield driver
    driver.quit()


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


def _open(browser: webdriver.Chrome, page: Path, width: int, scheme: str) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(page.as_uri())


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["full", "quick", "hostile"])
def test_the_page_is_quiet_and_everything_is_drawn(
    browser: webdriver.Chrome, pages: dict[str, Path], name: str, scheme: str, width: int
) -> None:
    """No console message, no empty plot or mark, no text cut off, nothing beyond the page."""
    _open(browser, pages[name], width, scheme)
    plots = browser.execute_script(_PLOTS)
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    assert len(plots) >= 8
    for plot in plots:
        assert plot["width"] > 100 and plot["height"] > 50, plot
        assert plot["marks"] and not plot["empty"], plot
        assert plot["outside"] == [], plot
        assert plot["left"] >= 0 and plot["right"] <= width, plot
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width


def test_light_and_dark_differ_and_can_be_read(
    browser: webdriver.Chrome, pages: dict[str, Path]
) -> None:
    """Text 7:1 or more against its ground, lines 3:1."""
    found = {}
    for scheme in ("light", "dark"):
        _open(browser, pages["full"], 1280, scheme)
        ground, ink, line = map(_luminance, browser.execute_script(_COLOURS))
        assert _contrast(ground, ink) >= 7
        assert _contrast(ground, line) >= 3
        found[scheme] = ground
    assert found["light"] > 0.9
    assert found["dark"] < 0.1


def test_names_run_no_script(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    """A task that spells one stands there as text."""
    _open(browser, pages["hostile"], 1280, "light")
    assert browser.execute_script("return document.scripts.length") == 0
    text = browser.execute_script("return document.body.textContent")
    assert "<script>alert(1)</script>" in text
    assert "\u202e" not in text


def _luminance(colour: str) -> float:
    """Relative luminance, as WCAG defines it, of `rgb(r, g, b)`."""
    channels = [int(part) / 255 for part in colour.strip("rgb()").split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
