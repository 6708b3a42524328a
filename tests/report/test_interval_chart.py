"""Intervals one below the other: where they lie, and what they say."""

import xml.etree.ElementTree as ET

import pytest

from tma_prep.report.interval_chart import INTERVAL_CHART_CSS, Group, Interval, interval_chart


def _interval(label: str, low: float, mean: float, high: float) -> Interval:
    return Interval(label, low, high, [(mean, False)], "lower", f"{label}: {mean}", "▼")


def _chart(groups: list[Group], shade: float | None = None, zero: bool = False) -> ET.Element:
    return ET.fromstring(
        interval_chart(groups, title="t", x_label="x", shade=shade, from_zero=zero)
    )


def test_intervals_lie_where_the_numbers_say() -> None:
    """On one scale across, below each other, nought and the shaded ground with them."""
    chart = _chart([Group("g", [_interval("a", -2, -1, 0), _interval("b", 1, 2, 4)])], shade=0.5)
    first, second = (
        {name: float(line.attrib[name]) for name in ("x1", "x2", "y1")}
        for line in chart.findall(".//line[@class='whisker']")
    )
    zero = float(chart.findall(".//line[@class='zero']")[0].attrib["x1"])
    assert first["x2"] == zero
    unit = (first["x2"] - first["x1"]) / 2
    assert second["x1"] == pytest.approx(zero + unit, abs=0.05)
    assert second["x2"] == pytest.approx(zero + 4 * unit, abs=0.05)
    assert first["y1"] < second["y1"]
    shade = chart.findall(".//rect")[0].attrib
    assert float(shade["x"]) == pytest.approx(zero - unit / 2, abs=0.05)
    assert float(shade["width"]) == pytest.approx(unit, abs=0.05)


def test_a_mark_may_be_hollow_and_its_row_says_what_it_is() -> None:
    """Told apart without colour."""
    row = Interval("a", 1, 3, [(1, True), (3, False)], "none", "a: 1 to 3")
    chart = _chart([Group("g", [row])], zero=True)
    marks = [circle.attrib["class"] for circle in chart.findall(".//circle")]
    assert marks == ["point hollow", "point"]
    assert chart.findall(".//g/title")[0].text == "a: 1 to 3"
    assert chart.findall(".//line[@class='zero']") == []
    assert chart.findall("desc")[0].text == "a: 1 to 3"


def test_an_interval_of_no_width_can_be_drawn() -> None:
    """At nought, too."""
    text = ET.tostring(_chart([Group("g", [_interval("a", 0, 0, 0)])], shade=0.0)).decode()
    assert "nan" not in text.lower()


def test_every_verdict_has_a_colour() -> None:
    """Lower, higher and none."""
    for name in ("lower", "higher", "none"):
        assert f".{name} {{ --line:" in INTERVAL_CHART_CSS
