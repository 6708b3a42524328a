"""The page of inspect as text: its policy, its words, its numbers."""

import base64
import hashlib
import re

import pytest

from tests.report.inspect_made_up import made_up
from tests.report.parsed import Page
from tma_prep.report.inspect_report import render_inspect_report

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e'\"&"


def test_one_script_alone_may_run() -> None:
    """The one whose hash the policy names; nothing is fetched and nothing named elsewhere."""
    html = render_inspect_report(*made_up())
    page = Page(html)
    scripts = re.findall("<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == page.tags.count("script") == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert ("content", policy) in page.attributes
    assert not {"link", "img", "iframe", "object", "a", "form"} & set(page.tags)
    names = {name for name, _ in page.attributes}
    assert not {"src", "srcset", "action"} & names
    assert all(str(value).startswith("#") for name, value in page.attributes if name == "href")
    assert not any(name.startswith("on") for name in names)
    assert "://" not in html
    assert set(re.findall(r"url\((.)", html)) <= {"#"}


def test_every_name_and_text_is_shown_as_text() -> None:
    """Wherever it stands."""
    overview, data = made_up(
        tasks=(HOSTILE, "b"), orders=("nft", HOSTILE), prompt=HOSTILE.replace("{", "") + "{}"
    )
    html = render_inspect_report(overview, data)
    page = Page(html)
    assert page.tags.count("script") == 1
    assert "\x1b" not in html and "\u202e" not in html
    assert page.words.count("<script>alert(1)</script>") > 250


def test_what_there_is_not_is_said() -> None:
    """No rounds, no tasks, no leakage looked for, no text."""
    words = Page(render_inspect_report(*made_up(tasks=(), rounds=False, leaks=False))).words
    for said in (
        "has no rounds",
        "The rows name no tasks",
        "It was not looked for",
        "not shown: the input is gone",
        "Not drawn: another",
    ):
        assert said in words
    overview, data = made_up()
    with pytest.raises(ValueError, match="no page"):
        render_inspect_report(type(overview)(**(vars(overview) | {"order": None})), data)


@pytest.mark.parametrize("rows", [1, 2, 11])
def test_small_orders(rows: int) -> None:
    """Down to a single row."""
    words = Page(render_inspect_report(*made_up(rows=rows, leaks=False))).words
    assert f"nft: {rows} row" in words


def test_many_tasks() -> None:
    """Those whose share changes most are drawn; all stand in the table."""
    tasks = tuple(f"task {number}" for number in range(30))
    html = render_inspect_report(*made_up(rows=3000, tasks=tasks))
    assert "18 others, which are not drawn, have the rest" in Page(html).words
    section = html[html.index("Tasks over the order") :]
    table = section[: section.index("</table>")]
    assert all(f">{task}<" in table for task in tasks)
