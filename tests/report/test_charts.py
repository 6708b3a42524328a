"""Charts: what they tell, whom they can be read by, and that the same gives the same."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import matplotlib
import pytest

from tma_prep.report.canvas import COLOURS
from tma_prep.report.charts import (
    FILLS,
    Interval,
    Line,
    column_chart,
    interval_chart,
    line_chart,
    stroke,
    swatch,
)

HOSTILE = "<b>$x^2$ & \\frac שלום 漢字</b>"
LABELS: dict[str, Any] = {"title": f"of {HOSTILE}", "x_label": "x", "y_label": "y"}


def lines(name: str = HOSTILE) -> str:
    """Two lines, one with a band."""
    band = [1.5, 0.5], [2.5, 1.5]
    return line_chart([Line(name, [0, 10], [2.0, 1.0], 0, band), Line("b", [5], [1], 7)], **LABELS)


def intervals(name: str = HOSTILE) -> str:
    """Two groups on a shaded ground."""
    rows = [Interval(name, -2, 1, [(-1, True)], 0, f"{name}: −1")]
    flat = [Interval("b", 0, 0, [(0, False)], 5, "b: 0")]
    return interval_chart({name: rows, "g": flat}, title=LABELS["title"], x_label="x", shade=0.5)


def columns(name: str = HOSTILE) -> str:
    """As many parts as can be told apart."""
    parts = {f"{name} {fill}": [fill + 1.0, 0.0] for fill in range(FILLS)}
    return column_chart([0, 2, 3], [f"first {name}", "second"], parts, **LABELS)


CHARTS = pytest.mark.parametrize("draw", [lines, intervals, columns])


@CHARTS
def test_the_same_gives_the_same_bytes_whatever_the_user_has_set(draw: Callable[[], str]) -> None:
    """No time, no random id; other settings of matplotlib have no say."""
    before = draw()
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.fonttype": "path"}):
        assert draw() == before


@CHARTS
def test_colours_are_those_of_the_page(draw: Callable[[], str]) -> None:
    """So that they change with it between light and dark; text has the page's font."""
    svg = draw()
    assert "var(--line-0)" in svg and "var(--rule)" in svg
    assert not set(re.findall("#[0-9a-f]{6}\\b", svg)) & set(COLOURS.values())
    assert not re.search("font|rgb|: black|<style|<metadata|xmlns|http", svg)


@CHARTS
def test_a_screen_reader_is_told_what_there_is(draw: Callable[[], str]) -> None:
    """A title and a description, with the names as they were written and the numbers."""
    chart = ET.fromstring(draw())
    assert chart.attrib["role"] == "img"
    title, told = chart[0], chart[1]
    assert (title.tag, told.tag) == ("title", "desc")
    assert title.text == LABELS["title"]
    assert told.text is not None and HOSTILE in told.text and "1" in told.text
    assert "<b>" not in draw()


def test_marks_say_their_numbers() -> None:
    """When they are pointed at."""
    said = {title.text for title in ET.fromstring(lines("a")).iter("title")}
    assert {"a, step 0: 2.0000", "a, step 10: 1.0000", "b, step 5: 1.0000"} <= said
    said = {title.text for title in ET.fromstring(intervals("a")).iter("title")}
    assert {"a: −1", "b: 0", "random orders among themselves: up to 0.500"} <= said
    said = {title.text for title in ET.fromstring(columns("a")).iter("title")}
    assert {"first a, a 0: 1", "first a, a 11: 12"} <= said
    assert not any(text.startswith("second") for text in said if text)


def test_long_names_are_cut_where_they_stand_and_whole_in_the_description() -> None:
    """A row's label has little room."""
    chart = ET.fromstring(intervals("a name of many letters and more"))
    texts = {text.text for text in chart.iter("text")}
    assert "a name of many le…" in texts
    assert "a name of many letters and more: −1" in str(chart[1].text)


def test_every_style_looks_different() -> None:
    """36 lines by colour and dash, twelve fills by colour and hatch; a legend is decoration."""
    assert len({stroke(style) for style in range(36)}) == 36
    assert len({swatch(fill) for fill in range(FILLS)}) == FILLS
    assert 'aria-hidden="true"' in stroke(0) and "<title>" not in stroke(0)


@pytest.mark.parametrize("small", [False, True])
def test_flat_lines_and_single_points_can_be_drawn(small: bool) -> None:
    """No axis of length zero."""
    svg = line_chart([Line("a", [0], [2.0], 0), Line("b", [0], [2.0], 1)], **LABELS, small=small)
    assert "nan" not in svg.lower()


def test_charts_can_share_a_scale() -> None:
    """The same value lies at the same height in both."""
    reach = [(0.0, 0.0), (0.0, 10.0)]
    heights = [
        float(use.attrib["y"])
        for ys in ([1.0, 9.0], [3.0, 9.0])
        for use in ET.fromstring(
            line_chart([Line("a", [5, 10], ys, 0)], **LABELS, small=True, reach=reach)
        ).iterfind(".//g[@class='line']//use")
    ]
    assert len(heights) == 2 and heights[0] == heights[1]
