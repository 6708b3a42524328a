"""The line chart: ticks, lines and names."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tma_prep.report.axes import nice_ticks
from tma_prep.report.line_chart import LINE_CHART_CSS, Line, legend, line_chart


def _chart(lines: list[Line], *, small: bool = False) -> ET.Element:
    return ET.fromstring(line_chart(lines, title="t", x_label="x", y_label="y", small=small))


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (0, 60, 7, [0, 10, 20, 30, 40, 50, 60]),
        (0, 1790, 7, [0, 500, 1000, 1500]),
        (6.4, 8.6, 6, [6.5, 7.0, 7.5, 8.0, 8.5]),
        (0.1, 0.35, 6, [0.1, 0.15, 0.2, 0.25, 0.3, 0.35]),
        (-1, 1, 3, [-1, 0, 1]),
        (0.13, 0.99, 5, [0.2, 0.4, 0.6, 0.8]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, most: int, ticks: list[float]) -> None:
    """Multiples of 1, 2 or 5 times a power of ten."""
    assert nice_ticks(low, high, most) == ticks


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6), most=st.integers(2, 10))
def test_ticks_lie_on_the_axis(low: float, span: float, most: int) -> None:
    """Ascending, none outside by more than rounding, never more than asked for."""
    ticks = nice_ticks(low, low + span, most)
    slack = span * 1e-3
    assert len(ticks) <= most
    assert ticks == sorted(set(ticks))
    assert all(low - slack <= tick <= low + span + slack for tick in ticks)


def test_points_lie_where_the_numbers_say() -> None:
    """The least x is leftmost, the greatest y topmost, and steps keep their distances."""
    chart = _chart([Line("a", [0, 10, 30], [5.0, 1.0, 3.0], 0)])
    points = [
        tuple(map(float, p.split(",")))
        for p in chart.findall(".//polyline")[0].attrib["points"].split()
    ]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert (x2 - x1) == pytest.approx(2 * (x1 - x0), abs=0.05)
    assert (y1 - y0) == pytest.approx(2 * (y2 - y0), abs=0.05)
    assert y0 < y2 < y1


def test_every_line_is_drawn_and_named_apart() -> None:
    """Names at equal ends do not overlap, and none leaves the drawing below."""
    lines = [Line(f"order-{k}", [0, 5], [3.0, 1.0], k) for k in range(8)]
    chart = _chart(lines)
    names = [text for text in chart.findall("text") if "name" in text.get("class", "")]
    heights = sorted(float(text.attrib["y"]) for text in names)
    assert len(chart.findall(".//polyline")) == 8
    assert {text.text for text in names} == {line.name for line in lines}
    assert min(b - a for a, b in zip(heights, heights[1:], strict=False)) >= 21.9
    assert heights[-1] < float(chart.attrib["viewBox"].split()[3])


@pytest.mark.parametrize("small", [False, True])
def test_flat_lines_and_single_points_can_be_drawn(small: bool) -> None:
    """No axis of length zero."""
    chart = _chart([Line("a", [0], [2.0], 0), Line("b", [0], [2.0], 1)], small=small)
    assert "nan" not in ET.tostring(chart, encoding="unicode").lower()


def test_names_are_escaped_and_long_ones_shortened() -> None:
    """The whole name stays in the line's title."""
    name = "<b>a long & winding name</b>"
    chart = _chart([Line(name, [0, 1], [1.0, 2.0], 0)])
    assert [text.text for text in chart.findall("text") if "name" in text.get("class", "")] == [
        "<b>a long & w…"
    ]
    assert chart.findall(".//polyline/title")[0].text == name
    assert ET.fromstring(legend([Line(name, [], [], 0)])).findall("li")[0][0].tail == name


def test_every_style_has_a_colour_for_light_and_dark() -> None:
    """36 styles that differ, each with a colour and a dash the style sheet knows."""
    names = [Line("a", [0], [0], style).css_class for style in range(36)]
    assert len(set(names)) == 36
    for name in names:
        colour, dash = name.split()
        assert f".{colour} {{" in LINE_CHART_CSS
        assert f".{dash} {{" in LINE_CHART_CSS
        assert LINE_CHART_CSS.count(f"--{colour}: #") == 2


def test_a_band_runs_along_its_line() -> None:
    """Forth along the upper ends and back along the lower; the axis has room for it."""
    chart = _chart([Line("a", [0, 10], [2.0, 1.0], 0, ([1.5, 0.5], [2.5, 1.5]))])
    band = [tuple(map(float, p.split(","))) for p in _points(chart, "polygon")]
    line = [tuple(map(float, p.split(","))) for p in _points(chart, "polyline")]
    assert [x for x, _ in band] == [line[0][0], line[1][0], line[1][0], line[0][0]]
    assert band[0][1] < line[0][1] < band[3][1]
    assert band[1][1] < line[1][1] < band[2][1]
    assert min(y for _, y in band) >= 44


def test_charts_can_share_a_scale() -> None:
    """The same value lies at the same height, and the axis begins where asked."""
    first, second = (
        ET.fromstring(
            line_chart(
                [Line("a", [5, 10], ys, 0)],
                title="t",
                x_label="x",
                y_label="y",
                small=True,
                span=(0, 10),
                from_zero=True,
                end_dots=True,
            )
        )
        for ys in ([1.0, 2.0], [2.0, 9.0])
    )
    assert (
        _points(first, "polyline")[1].split(",")[1] == _points(second, "polyline")[0].split(",")[1]
    )
    x5, x10 = (float(point.split(",")[0]) for point in _points(first, "polyline"))
    assert x5 - 50 == pytest.approx(x10 - x5)
    assert len(first.findall(".//circle")) == 1


def _points(chart: ET.Element, tag: str) -> list[str]:
    return chart.findall(f".//{tag}")[0].attrib["points"].split()
