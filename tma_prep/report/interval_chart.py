"""Intervals one below the other on one scale, as inline SVG: forest plots, and spans of steps."""

from collections.abc import Sequence
from dataclasses import dataclass

from tma_prep.report.axes import Frame, nice_ticks, widened, x_axis
from tma_prep.report.text import shortened, shown

INTERVAL_CHART_CSS = """
.chart .whisker { stroke: var(--line); stroke-width: 2.5; }
.chart .point { fill: var(--line); stroke: var(--line); stroke-width: 2; }
.chart .hollow { fill: var(--paper); }
.chart .zero { stroke: var(--ink); stroke-width: 1; }
.chart .shade { fill: var(--shade); }
.chart .group { font-weight: 600; fill: var(--ink); }
.chart .symbol { fill: var(--line); font-weight: 600; }
.lower { --line: var(--line-0); }
.higher { --line: var(--line-1); }
.none { --line: var(--line-5); }
@media (max-width: 600px) { .chart .whisker { stroke-width: 4; } }
"""
"""Style of `interval_chart`; the page defines `--ink`, `--paper` and `--shade`."""

_ROW, _TOP, _BOTTOM = 28, 10, 54
_MOST_LETTERS = 18
_RIGHT = 34


@dataclass(frozen=True)
class Interval:
    """One row of the chart.

    Attributes:
        label: What stands to its left.
        low: Where the whisker begins.
        high: Where it ends.
        points: Marks on it, each with whether it is hollow.
        css_class: Sets its colour.
        title: What it says when pointed at.
        symbol: Stands to its right, the same again without colour.
    """

    label: str
    low: float
    high: float
    points: Sequence[tuple[float, bool]]
    css_class: str
    title: str
    symbol: str = ""


@dataclass(frozen=True)
class Group:
    """Rows under a heading."""

    heading: str
    rows: Sequence[Interval]


def interval_chart(
    groups: Sequence[Group],
    *,
    title: str,
    x_label: str,
    shade: float | None = None,
    from_zero: bool = False,
) -> str:
    """Draw intervals, group below group.

    Args:
        groups: One or more, with one or more rows in all.
        title: What a screen reader says of the whole.
        x_label: What the axis measures.
        shade: How far on either side of nought the ground is shaded; None for not at all.
        from_zero: Let the axis begin at nought; otherwise nought is a line on it.
    """
    rows = [row for group in groups for row in group.rows]
    ends = [end for row in rows for end in (row.low, row.high)]
    low, high = widened([*ends, 0.0, *([] if shade is None else [-shade, shade])])
    lines = len(rows) + len(groups)
    frame = Frame(
        width=720,
        height=_TOP + _ROW * lines + _BOTTOM,
        left=24 + 13 * max(len(shortened(row.label, _MOST_LETTERS)) for row in rows),
        right=_RIGHT,
        top=_TOP,
        bottom=_BOTTOM,
        x_low=0.0 if from_zero else low,
        x_high=high,
    )
    told = "; ".join(row.title for row in rows)
    parts = [
        f'<svg class="chart" viewBox="0 0 {frame.width:g} {frame.height:g}" role="img">',
        f"<title>{shown(title)}</title><desc>{shown(told)}</desc>",
        *_ground(frame, shade, from_zero),
    ]
    y = float(_TOP)
    for group in groups:
        parts.append(
            f'<text class="group" x="0" y="{y + _ROW / 2:g}" dy=".35em">'
            f"{shown(shortened(group.heading, 44))}</text>"
        )
        for row in group.rows:
            y += _ROW
            parts += _drawn(row, frame, y + _ROW / 2)
        y += _ROW
    middle = (frame.left + frame.end) / 2
    parts.append(
        f'<text x="{middle:g}" y="{frame.height - 4:g}" text-anchor="middle">'
        f"{shown(x_label)}</text>"
    )
    return "\n".join([*parts, "</svg>"])


def _ground(frame: Frame, shade: float | None, from_zero: bool) -> list[str]:
    parts = []
    if shade is not None:
        left, right = frame.x(-shade), frame.x(shade)
        parts.append(
            f'<rect class="shade" x="{left}" y="{frame.top:g}" width="{right - left:.2f}" '
            f'height="{frame.floor - frame.top:g}"><title>random orders among themselves: up to '
            f"{shade:.3f}</title></rect>"
        )
    parts += x_axis(frame, nice_ticks(frame.x_low, frame.x_high, 6), through=True)
    if not from_zero:
        zero = frame.x(0.0)
        parts.append(
            f'<line class="zero" x1="{zero}" y1="{frame.top:g}" x2="{zero}" y2="{frame.floor:g}"/>'
        )
    return parts


def _drawn(row: Interval, frame: Frame, y: float) -> list[str]:
    parts = [
        f'<g class="row {row.css_class}"><title>{shown(row.title)}</title>',
        f'<text x="{frame.left - 12:g}" y="{y:g}" dy=".35em" text-anchor="end">'
        f"{shown(shortened(row.label, _MOST_LETTERS))}</text>",
        f'<line class="whisker" x1="{frame.x(row.low)}" y1="{y:g}" x2="{frame.x(row.high)}" '
        f'y2="{y:g}"/>',
    ]
    parts += [
        f'<circle class="point{" hollow" if hollow else ""}" cx="{frame.x(x)}" cy="{y:g}" r="5"/>'
        for x, hollow in row.points
    ]
    if row.symbol:
        parts.append(
            f'<text class="symbol" x="{frame.width - 4:g}" y="{y:g}" dy=".35em" '
            f'text-anchor="end">{row.symbol}</text>'
        )
    return [*parts, "</g>"]
