"""Line charts as inline SVG, with the style sheet they need."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from tma_prep.report.axes import Frame, nice_ticks, widened, x_axis, y_axis
from tma_prep.report.text import shortened, shown

# Colours after Okabe and Ito, darkened on white and lightened on black so that each keeps a
# contrast of 3:1 or more; dashes tell the lines apart without colour.
_LIGHT = ("#0072b2", "#d55e00", "#00805c", "#b5508f", "#8a6d00", "#3d444d")
_DARK = ("#56b4e9", "#ff8a3d", "#2fc79b", "#e58fc0", "#e6c800", "#b8c0ca")
_DASHES = ("none", "9 4", "2 4", "11 4 2 4", "5 3", "14 4")


def _variables(colours: Sequence[str]) -> str:
    return " ".join(f"--line-{place}: {colour};" for place, colour in enumerate(colours))


LINE_CHART_CSS = (
    f":root {{ {_variables(_LIGHT)} }}\n"
    f"@media (prefers-color-scheme: dark) {{ :root {{ {_variables(_DARK)} }} }}\n"
    + "".join(
        f".line-{place} {{ --line: var(--line-{place}); }}\n.dash-{place} {{ --dash: {dash}; }}\n"
        for place, dash in enumerate(_DASHES)
    )
    + """
.chart { display: block; width: 100%; height: auto; }
.chart text { font-size: 12px; fill: var(--soft-ink); }
.chart .name { font-size: 13px; font-weight: 600; fill: var(--line); }
.chart .grid { stroke: var(--rule); stroke-width: 1; }
.chart .line { fill: none; stroke: var(--line); stroke-width: 2.25; stroke-dasharray: var(--dash);
  stroke-linejoin: round; stroke-linecap: butt; }
.chart .band { fill: var(--line); opacity: .14; }
.chart .dot { fill: var(--line); }
.small.chart text { font-size: 11px; }
.small.chart .line { stroke-width: 1.75; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: .5rem 0;
  list-style: none; }
.legend li { display: flex; align-items: center; gap: .5rem; min-width: 0;
  overflow-wrap: anywhere; }
.legend svg { flex: none; width: 2.25rem; height: .75rem; }
.legend line { stroke: var(--line); stroke-width: 2.5; stroke-dasharray: var(--dash); }
/* A chart shrinks with the page, its text with it: on a narrow page the text is drawn larger. */
@media (max-width: 600px) {
  .chart text { font-size: 21px; }
  .chart .name { font-size: 18px; }
  .small.chart text { font-size: 17px; }
  .few .small.chart text { font-size: 11px; }
  .chart .line { stroke-width: 3; }
  .small.chart .line { stroke-width: 2.5; }
}
"""
)
"""Style of `line_chart` and `legend`; the page defines `--rule` and `--soft-ink`."""


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

    @property
    def css_class(self) -> str:
        """Classes that set colour and dash: 36 of them before one comes twice."""
        count = len(_DASHES)
        return f"line-{self.style % count} dash-{(self.style + self.style // count) % count}"

    @property
    def values(self) -> list[float]:
        """Everything drawn, along the vertical axis."""
        ends = [] if self.band is None else [*self.band[0], *self.band[1]]
        return [*self.ys, *ends]


def y_range(lines: Sequence[Line]) -> tuple[float, float]:
    """What the vertical axis of a chart of these lines spans."""
    return widened([value for line in lines for value in line.values])


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str,
    y_label: str,
    small: bool = False,
    span: tuple[float, float] | None = None,
    from_zero: bool = False,
    end_dots: bool = False,
) -> str:
    """Draw lines over one pair of axes.

    The drawing is as wide as its container. A small one has fewer ticks and no names, marks or
    axis labels.

    Args:
        lines: One or more, each with one or more points of finite numbers.
        title: What a screen reader says of the whole.
        x_label: What the horizontal axis counts.
        y_label: What the vertical axis measures.
        small: For many side by side.
        span: Least and greatest of the vertical axis; None for what the lines need.
        from_zero: Let the horizontal axis begin at nought.
        end_dots: Mark the end of each line, where its direction is not plain.
    """
    x_ticks, y_ticks, frame = _layout(lines, small, span or y_range(lines), [0.0] * from_zero)
    parts = [
        f'<svg class="chart{" small" if small else ""}" '
        f'viewBox="0 0 {frame.width:g} {frame.height:g}" role="img">',
        f"<title>{shown(title)}</title>",
        f"<desc>{shown(y_label)} by {shown(x_label)}: {_told(lines)}</desc>",
        *x_axis(frame, x_ticks),
        *y_axis(frame, y_ticks),
    ]
    for line in lines:
        parts += _band(line, frame)
    for line in lines:
        marks = len(line.xs) if not small else int(end_dots)
        parts += _drawn(line, frame, marks)
    if not small:
        parts += _names(lines, frame)
        middle = (frame.left + frame.end) / 2
        parts.append(f'<text x="0" y="22">{shown(y_label)}</text>')
        parts.append(
            f'<text x="{middle:g}" y="{frame.height - 8:g}" text-anchor="middle">'
            f"{shown(x_label)}</text>"
        )
    return "\n".join([*parts, "</svg>"])


def legend(lines: Sequence[Line]) -> str:
    """The names of lines, each beside a stroke of its colour and dash."""
    items = "".join(
        f'<li class="{line.css_class}"><svg viewBox="0 0 36 12" aria-hidden="true">'
        f'<line x1="0" y1="6" x2="36" y2="6"/></svg>{shown(line.name)}</li>'
        for line in lines
    )
    return f'<ul class="legend">{items}</ul>'


def _told(lines: Sequence[Line]) -> str:
    """The ends of each line in words."""
    return "; ".join(
        f"{shown(line.name)} from {line.ys[0]:.3f} to {line.ys[-1]:.3f}" for line in lines
    )


def _layout(
    lines: Sequence[Line], small: bool, span: tuple[float, float], on_axis: Sequence[float]
) -> tuple[list[float], list[float], Frame]:
    xs = [*on_axis, *(x for line in lines for x in line.xs)]
    width, height, left, top, bottom = (260, 174, 50, 12, 30) if small else (720, 400, 62, 44, 62)
    longest = max(len(shortened(line.name)) for line in lines)
    frame = Frame(
        width=width,
        height=height,
        left=left,
        right=12 if small else 24 + 12 * longest,
        top=top,
        bottom=bottom,
        x_low=min(xs),
        x_high=max(xs) if max(xs) > min(xs) else min(xs) + 1,
        y_low=span[0],
        y_high=span[1],
    )
    x_ticks = nice_ticks(frame.x_low, frame.x_high, 5 if small else 7)
    return x_ticks, nice_ticks(frame.y_low, frame.y_high, 5 if small else 8), frame


def _band(line: Line, frame: Frame) -> list[str]:
    if line.band is None:
        return []
    low, high = line.band
    forth = [f"{frame.x(x)},{frame.y(y)}" for x, y in zip(line.xs, high, strict=True)]
    back = [f"{frame.x(x)},{frame.y(y)}" for x, y in zip(line.xs, low, strict=True)]
    points = " ".join([*forth, *reversed(back)])
    return [f'<g class="{line.css_class}"><polygon class="band" points="{points}"/></g>']


def _drawn(line: Line, frame: Frame, marks: int) -> list[str]:
    """The line, and a mark at as many of its last points."""
    places = [(frame.x(x), frame.y(y)) for x, y in zip(line.xs, line.ys, strict=True)]
    points = " ".join(f"{x},{y}" for x, y in places)
    name = shown(line.name)
    parts = [f'<g class="{line.css_class}">', f'<polyline class="line" points="{points}">']
    parts.append(f"<title>{name}</title></polyline>")
    for place in range(len(places) - marks, len(places)):
        x, y = places[place]
        title = f"{line.name}, {line.word} {line.xs[place]:.6g}: {line.ys[place]:.4f}"
        parts.append(
            f'<circle class="dot" cx="{x}" cy="{y}" r="3"><title>{shown(title)}</title></circle>'
        )
    return [*parts, "</g>"]


def _names(lines: Sequence[Line], frame: Frame) -> list[str]:
    """Each line's name at its end, moved apart where ends lie close together."""
    places = _apart([frame.y(line.ys[-1]) for line in lines], gap=22, high=frame.floor)
    return [
        f'<text class="name {line.css_class}" x="{frame.end + 10:g}" y="{y:g}" dy=".35em">'
        f"{shown(shortened(line.name))}</text>"
        for line, y in zip(lines, places, strict=True)
    ]


def _apart(places: Sequence[float], *, gap: float, high: float) -> list[float]:
    """Move places so that neighbours are `gap` or more apart and none is beyond `high`."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = [places[index] for index in order]
    for above, below in itertools.pairwise(range(len(moved))):
        moved[below] = max(moved[below], moved[above] + gap)
    moved[-1] = min(moved[-1], high)
    for below, above in itertools.pairwise(reversed(range(len(moved)))):
        moved[above] = min(moved[above], moved[below] - gap)
    back = dict(zip(order, moved, strict=True))
    return [round(back[index], 2) for index in range(len(places))]
