"""Lines, intervals and columns as inline SVG."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from markupsafe import Markup

from tma_prep.report.canvas import COLOURS, Canvas, style

_DASHES: tuple[tuple[float, ...], ...] = ((), (9, 4), (2, 4), (11, 4, 2, 4), (5, 3), (14, 4))
_PATTERNS = 6
FILLS = 2 * _PATTERNS
"""How many parts of a column can be told apart."""

_ROW, _MOST_LETTERS = 28, 18
_FEW = 60
"""Columns that are wide enough for a gap between them."""


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: What it is called.
        xs: In the sequence they are joined.
        ys: As many.
        style: Which colour and dash; the same number looks the same in every chart.
        band: Lower and upper ends at each point, None for a line alone.
        word: What an x is, for the marks.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    style: int
    band: tuple[Sequence[float], Sequence[float]] | None = None
    word: str = "step"


@dataclass(frozen=True)
class Interval:
    """One row of an interval chart.

    Attributes:
        label: What stands to its left.
        low: Where the whisker begins.
        high: Where it ends.
        points: Marks on it, each with whether it is hollow.
        style: Which colour.
        title: What it says when pointed at.
    """

    label: str
    low: float
    high: float
    points: Sequence[tuple[float, bool]]
    style: int
    title: str


@style()
def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str,
    y_label: str,
    small: bool = False,
    reach: Sequence[tuple[float, float]] = (),
) -> Markup:
    """Draw lines over one pair of axes.

    The drawing is as wide as its container. A small one has fewer ticks, no axis labels, and a mark
    at the end of each line alone, which tells its direction.

    Args:
        lines: One or more, each with one or more points of finite numbers.
        title: What a screen reader says of the whole.
        x_label: What the horizontal axis counts.
        y_label: What the vertical axis measures.
        small: For many side by side.
        reach: Points that the axes reach, beside those of the lines.
    """
    chart = (
        Canvas((260, 174), (50, 12, 12, 30), ticks=(4, 5))
        if small
        else Canvas((720, 400), (62, 24, 44, 62), x_label, y_label, (7, 8))
    )
    chart.axes.grid(axis="y", clip_on=False)
    for line in lines:
        _draw_line(chart, line, small)
    if reach:
        chart.axes.update_datalim(reach)
    ends = "; ".join(f"{line.name} from {line.ys[0]:.3f} to {line.ys[-1]:.3f}" for line in lines)
    kind = "chart small" if small else "chart"
    return chart.svg(kind, title, f"{y_label} by {x_label}: {ends}")


def _draw_line(chart: Canvas, line: Line, small: bool) -> None:
    colour = _colour(line.style)
    if line.band is not None:
        low, high = line.band
        xs, ys = [*line.xs, *reversed(line.xs)], [*high, *reversed(low)]
        band = chart.known("band")
        chart.axes.fill(xs, ys, color=colour, alpha=0.14, linewidth=0, clip_on=False, gid=band)
    marks = [
        f"{line.name}, {line.word} {x:.6g}: {y:.4f}" for x, y in zip(line.xs, line.ys, strict=True)
    ]
    chart.axes.plot(
        line.xs,
        line.ys,
        color=colour,
        linestyle=_dashes(line.style),
        linewidth=1.75 if small else 2.25,
        marker="o",
        markevery=[len(marks) - 1] if small else None,
        clip_on=False,
        gid=chart.known("line", line.name, marks[-1:] if small else marks),
    )


def _colour(style: int) -> str:
    return COLOURS[f"line-{style % len(_DASHES)}"]


def _dashes(style: int) -> tuple[int, tuple[float, ...]] | str:
    """36 pairs of colour and dashes before one comes twice."""
    dashes = _DASHES[(style + style // len(_DASHES)) % len(_DASHES)]
    return (0, dashes) if dashes else "-"


@cache
@style()
def stroke(style: int) -> Markup:
    """A piece of a line of that style, for a legend."""
    chart = Canvas((36, 12))
    chart.axes.set_axis_off()
    chart.axes.plot([0, 1], [0, 0], color=_colour(style), linestyle=_dashes(style), clip_on=False)
    return chart.svg("stroke")


@style()
def interval_chart(
    groups: Mapping[str, Sequence[Interval]],
    *,
    title: str,
    x_label: str,
    shade: float | None = None,
    from_zero: bool = False,
) -> Markup:
    """Draw intervals one below the other on one scale: forest plots, and spans of steps.

    Args:
        groups: Rows under each heading, one or more in all.
        title: What a screen reader says of the whole.
        x_label: What the axis measures.
        shade: How far on either side of nought the ground is shaded; None for not at all.
        from_zero: Let the axis begin at nought; otherwise nought is a line on it.
    """
    rows = [row for found in groups.values() for row in found]
    lines = len(rows) + len(groups)
    left = 24 + 13 * max(len(_shortened(row.label)) for row in rows)
    chart = Canvas((720, 64 + _ROW * lines), (left, 12, 10, 54), x_label, ticks=(6, 0))
    chart.axes.grid(axis="x", clip_on=False)
    chart.axes.set(ylim=(lines - 0.5, -0.5), yticks=[])
    chart.axes.margins(x=0.04)
    if shade is not None:
        gid = chart.known("shade", f"random orders among themselves: up to {shade:.3f}")
        ground = COLOURS["shade"]
        chart.axes.axvspan(-shade, shade, color=ground, linewidth=0, clip_on=False, gid=gid)
    if not from_zero:
        chart.axes.axvline(0, color=COLOURS["ink"], linewidth=1, clip_on=False)
    place = 0
    for heading, found in groups.items():
        _write(chart, -left, place, _shortened(heading, 44), "group", ha="left")
        for row in found:
            place += 1
            _write(chart, -12, place, _shortened(row.label), "label", ha="right")
            _draw_interval(chart, row, place)
        place += 1
    if from_zero:
        chart.axes.set_xlim(left=0)
    return chart.svg("chart", title, "; ".join(row.title for row in rows))


def _shortened(name: str, most: int = _MOST_LETTERS) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _write(chart: Canvas, x: float, place: int, text: str, kind: str, ha: str) -> None:
    """A text in a row, so far from where the plot begins."""
    chart.axes.annotate(
        "x",
        (0, place),
        (x, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha=ha,
        va="center_baseline",
        annotation_clip=False,
        gid=chart.known(kind, text),
    )


def _draw_interval(chart: Canvas, row: Interval, place: int) -> None:
    options: dict[str, Any] = {"color": _colour(row.style), "clip_on": False}
    whisker = chart.known("whisker", row.title)
    chart.axes.plot([row.low, row.high], [place, place], linewidth=2.5, gid=whisker, **options)
    for x, hollow in row.points:
        options["markerfacecolor"] = COLOURS["paper"] if hollow else options["color"]
        point: dict[str, Any] = {
            "marker": "o",
            "markersize": 10,
            "markeredgewidth": 2,
            "linestyle": "",
        }
        chart.axes.plot([x], [place], gid=chart.known("point", row.title), **point, **options)


@style()
def column_chart(
    edges: Sequence[float],
    names: Sequence[str],
    parts: Mapping[str, Sequence[float]],
    *,
    title: str,
    x_label: str,
    y_label: str,
) -> Markup:
    """Draw columns of stacked parts over one pair of axes, from nought up.

    Args:
        edges: Where each column begins, and where the last ends; ascending.
        names: What is said of each column when it is pointed at.
        parts: Height of each column's part by the name of the part, from the lowest up, at most
            `FILLS`; the n-th looks like `swatch(n)`.
        title: What a screen reader says of the whole.
        x_label: What the horizontal axis counts.
        y_label: What the vertical axis measures.
    """
    chart = Canvas((720, 330), (84, 40, 44, 62), x_label, y_label, (6, 6))
    chart.axes.grid(axis="y", clip_on=False)
    few = len(names) <= _FEW
    widths = [high - low for low, high in itertools.pairwise(edges)]
    floors = [0.0] * len(names)
    for fill, (part, heights) in enumerate(parts.items()):
        options = {"align": "edge", "clip_on": False, **_look(fill, few)}
        bars = chart.axes.bar(edges[:-1], heights, widths, floors, **options)
        for bar, name, height in zip(bars, names, heights, strict=True):
            bar.set_visible(height > 0)
            bar.set_gid(chart.known("part", f"{name}, {part}: {height:.6g}"))
        floors = [floor + height for floor, height in zip(floors, heights, strict=True)]
    told = ", ".join(f"{part} {sum(heights):g}" for part, heights in parts.items())
    kind = "chart" if few else "chart dense"
    return chart.svg(kind, title, f"{y_label} by {x_label}; in all: {told}")


def _look(fill: int, edged: bool) -> dict[str, Any]:
    colour, paper = _colour(fill), COLOURS["paper"]
    if fill >= _PATTERNS:
        return {"facecolor": paper, "edgecolor": colour, "hatch": "//", "linewidth": 0}
    return {"facecolor": colour, "edgecolor": paper, "linewidth": 0.5 if edged else 0}


@cache
@style()
def swatch(fill: int) -> Markup:
    """A patch of that fill, for a legend."""
    chart = Canvas((18, 13))
    chart.axes.set_axis_off()
    chart.axes.bar([0], [1], clip_on=False, **_look(fill, False))
    return chart.svg("swatch")
