"""Columns: where they stand, how high they are."""

import re

import pytest

from tma_prep.report.column_chart import FILLS, Column, Part, column_chart, patterns, swatches

PARTS = [Part("a", 0), Part("<b>", 7)]


def rectangles(svg: str) -> list[tuple[float, ...]]:
    """x, y, width and height of each part."""
    found = re.findall(
        r'<rect class="part[^"]*" x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)"', svg
    )
    return [tuple(map(float, each)) for each in found]


def test_parts_stand_on_each_other() -> None:
    """From nought up, as wide as they say, none for a part that is nothing."""
    columns = [Column(0, 2, [1, 3], "first"), Column(2, 3, [0, 2], "second")]
    svg = column_chart(columns, PARTS, title="t", x_label="x", y_label="y")
    low, high, alone = rectangles(svg)
    assert low[3] * 3 == pytest.approx(high[3], abs=0.05)
    assert high[1] + high[3] == pytest.approx(low[1], abs=0.02)
    assert low[1] + low[3] == pytest.approx(alone[1] + alone[3], abs=0.02)
    assert alone[3] * 3 == pytest.approx(high[3] * 2, abs=0.05)
    assert low[2] == pytest.approx(2 * alone[2], abs=0.05)
    assert low[0] + low[2] == pytest.approx(alone[0], abs=0.02)
    assert "first, a: 1" in svg and "second, &lt;b&gt;: 2" in svg and "<b>" not in svg


def test_every_fill_has_a_style() -> None:
    """And hatches are there once; the legend begins at the top of the stack."""
    from tma_prep.report.column_chart import COLUMN_CHART_CSS

    for fill in range(FILLS):
        assert f".fill-{fill} {{" in COLUMN_CHART_CSS
    for hatch in re.findall(r"url\(#(.*?)\)", COLUMN_CHART_CSS):
        assert patterns().count(f'id="{hatch}"') == 1
    legend = swatches(PARTS)
    assert legend.index("&lt;b&gt;") < legend.index(">a<")
