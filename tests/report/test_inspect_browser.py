"""The page of inspect in headless Chromium: quiet, drawn, and searched by the keyboard alone."""

from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from tests.report.chromium import NEEDS_CHROMIUM, contrast, luminance, open_page, plots_of
from tests.report.inspect_made_up import made_up
from tma_prep.report.inspect_report import render_inspect_report

pytestmark = NEEDS_CHROMIUM

_COLOURS = """
const of = (selector, name) => getComputedStyle(document.querySelector(selector))[name];
return [of('body', 'backgroundColor'), of('body', 'color'), of('.line > path', 'stroke'),
  of('.part > path', 'fill'), of('.swatches path', 'fill'), of('#search', 'color'),
  of('#search', 'backgroundColor'), of('.more', 'color'), of('.more', 'backgroundColor')];
"""

_VISIBLE = (
    "return [...document.querySelectorAll('.listed tbody tr')].filter(r => r.offsetHeight).length"
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A full one, one of many tasks and large numbers, and a hostile one."""
    long = "<script>alert(1)</script> " + "a_name_that_does_not_end_" * 6
    made = {
        "full": made_up(),
        "many": made_up(90_000, tuple(f"task number {n}" for n in range(60))),
        "hostile": made_up(
            tasks=(long, "\x1b[31mred\u202e", "שלום"),
            orders=(long, "\x00\u202e", "x" * 200),
            prompt="<script>document.title = 'run'</script><b onclick=alert(1)>\u202e{}",
        ),
    }
    folder = tmp_path_factory.mktemp("pages")
    for name, parts in made.items():
        (folder / f"{name}.html").write_text(render_inspect_report(*parts), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["full", "many", "hostile"])
def test_the_page_is_quiet_and_everything_is_drawn(
    browser: webdriver.Chrome, pages: dict[str, Path], name: str, scheme: str, width: int
) -> None:
    """No console message, no empty plot or mark, no text cut off, nothing beyond the page."""
    assert plots_of(browser, pages[name], width, scheme) == 5


def test_light_and_dark_differ_and_can_be_read(
    browser: webdriver.Chrome, pages: dict[str, Path]
) -> None:
    """Text 7:1 or more against its ground, lines and fills 3:1."""
    grounds = []
    for scheme in ("light", "dark"):
        open_page(browser, pages["full"], 1280, scheme)
        found = [luminance(colour) for colour in browser.execute_script(_COLOURS)]
        ground, ink, *drawn = found[:5]
        assert contrast(ground, ink) >= 7
        assert all(contrast(ground, mark) >= 3 for mark in drawn)
        assert contrast(found[5], found[6]) >= 7
        assert contrast(found[7], found[8]) >= 7
        grounds.append(ground)
    assert grounds[0] > 0.9 and grounds[1] < 0.1


def test_texts_run_no_script(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    """They stand there as text; a script that a text brought along would be refused as well."""
    open_page(browser, pages["hostile"], 1280, "light")
    assert browser.execute_script("return document.scripts.length") == 1
    assert browser.title.endswith("tma-prep inspect")
    text = browser.execute_script("return document.querySelector('.listed').textContent")
    assert "<script>document.title = 'run'</script>" in text
    assert "\u202e" not in text and "\x1b" not in text
    assert browser.execute_script("return document.querySelectorAll('[onclick]').length") == 0
    added = """
      const script = document.createElement('script');
      script.textContent = "document.title = 'run'";
      document.body.append(script);
      return document.title;
    """
    assert browser.execute_script(added) != "run"
    refused = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert len(refused) == 1 and "Content Security Policy" in refused[0]["message"]


def test_the_table_is_searched_by_the_keyboard(
    browser: webdriver.Chrome, pages: dict[str, Path]
) -> None:
    """`/`, words, Tab to a text, Enter opens it, Escape empties the box, more rows on demand."""
    open_page(browser, pages["full"], 1280, "light")
    active = browser.switch_to
    assert browser.execute_script(_VISIBLE) == 100
    active.active_element.send_keys("/")
    assert active.active_element.get_attribute("id") == "search"
    rows = [row for row in made_up()[1].rows if row.position % 100 == 17]
    active.active_element.send_keys(f"IS 17? {rows[0].task}")
    found = browser.execute_script("return document.getElementById('found').textContent")
    expected = sum(row.task == rows[0].task for row in rows)
    assert 0 < expected < len(rows) == 3
    assert found == f"{expected} shown of {expected} found among 250 rows"
    active.active_element.send_keys(Keys.ESCAPE)
    assert browser.execute_script(_VISIBLE) == 100
    active.active_element.send_keys("is 17?")
    assert browser.execute_script(_VISIBLE) == 3
    active.active_element.send_keys(Keys.TAB)
    assert active.active_element.get_attribute("class") == "scroll"
    active.active_element.send_keys(Keys.TAB)
    assert active.active_element.tag_name == "summary"
    active.active_element.send_keys(Keys.ENTER)
    opened = "return document.activeElement.parentElement.open"
    assert browser.execute_script(opened) is True
    active.active_element.send_keys("/", Keys.ESCAPE)
    browser.execute_script("document.getElementById('more').focus()")
    active.active_element.send_keys(Keys.ENTER)
    assert browser.execute_script(_VISIBLE) == 200
    assert active.active_element.tag_name == "summary"
    browser.execute_script("document.getElementById('more').focus()")
    active.active_element.send_keys(Keys.SPACE)
    assert browser.execute_script(_VISIBLE) == 250
    assert browser.execute_script("return document.getElementById('more').hidden") is True
    browser.execute_script("document.getElementById('search').value = 'no such words'")
    browser.execute_script("document.getElementById('search').dispatchEvent(new Event('input'))")
    assert browser.execute_script(_VISIBLE) == 0
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_without_its_script_the_whole_table_stands_there(
    browser: webdriver.Chrome, pages: dict[str, Path], tmp_path: Path
) -> None:
    """The box is not shown then."""
    html = pages["full"].read_text(encoding="utf-8")
    page = tmp_path / "page.html"
    page.write_text(html.replace("const step = 100", "return; const step = 100"), encoding="utf-8")
    open_page(browser, page, 1280, "light")
    assert browser.execute_script(_VISIBLE) == 250
    assert browser.execute_script("return document.querySelector('.search').hidden") is True
    refused = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert len(refused) == 1 and "Content Security Policy" in refused[0]["message"]
