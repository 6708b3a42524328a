"""Headless Chromium for the tests of pages, and what they ask it.

Needs Debian's chromium and chromium-driver (`apt-get install chromium chromium-driver`).
"""

import shutil
from pathlib import Path

import pytest
from selenium import webdriver

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

NEEDS_CHROMIUM = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None,
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
  const drawn = [...chart.querySelectorAll(
    '.line > path, .line use, .whisker > path, .point use, .band > path, .part > path')];
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

COLOURS = """
const of = (selector, name) => getComputedStyle(document.querySelector(selector))[name];
return [of('body', 'backgroundColor'), of('body', 'color'), of('.line > path', 'stroke')];
"""


def start(profile: Path) -> webdriver.Chrome:
    """A browser with a profile of its own, which keeps what pages log."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))


def open_page(browser: webdriver.Chrome, page: Path, width: int, scheme: str) -> None:
    """Load a page of that width, in `light` or `dark`."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(page.as_uri())


def plots_of(browser: webdriver.Chrome, page: Path, width: int, scheme: str) -> int:
    """How many plots a page has, all drawn and inside it, with nothing said on the console."""
    open_page(browser, page, width, scheme)
    plots = browser.execute_script(_PLOTS)
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    for plot in plots:
        assert plot["width"] > 100 and plot["height"] > 50, plot
        assert plot["marks"] and not plot["empty"], plot
        assert plot["outside"] == [], plot
        assert plot["left"] >= 0 and plot["right"] <= width, plot
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width
    return len(plots)


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG defines it, of `rgb(r, g, b)`."""
    channels = [int(part) / 255 for part in colour.strip("rgb()").split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: float, other: float) -> float:
    """Of two luminances, as WCAG defines it."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
