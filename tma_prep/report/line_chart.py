"""Line charts as inline SVG, with the style sheet they need."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

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
        f".line-{place} {{ --line: var(--line-{place}); --dash: {dash}; }}\n"
        for place, dash in enumerate(_DASHES)
    )
    + """
.chart { display: block; width: 100%; height: auto; }
.chart text { font-size: 12px; fill: var(--soft-ink); }
.chart .name { font-size: 13px; font-weight: 600; fill: var(--line); }
.chart .grid { stroke: var(--rule); stroke-width: 1; }
.chart .line { fill: none; stroke: var(--line); stroke-width: 2.25; stroke-dasharray: var(--dash);
  stroke-linejoin: round; stroke-linecap: butt; }
.chart .dot { fill: var(--line); }
.small.chart text { font-size: 11px; }
.small.chart .line { stroke-width: 1.75; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: .5rem 0;
  list-style: none; }
.legend li { display: flex; align-items: center; gap: .5rem; overflow-wrap: anywhere; }
.legend svg { flex: none; width: 2.25rem; height: .75rem; }
.legend line { stroke: var(--line); stroke-width: 2.5; stroke-dasharray: var(--dash); }
/* A chart shrinks with the page, its text with it: on a narrow page the text is drawn larger. */
@media (max-width: 600px) {
  .chart text, .chart .name { font-size: 21px; }
  .small.chart text { font-size: 17px; }
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
        xs: Ascending.
        ys: As many.
        style: Which colour and dash; the same number looks the same in every chart.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    style: int

    @property
    def css_class(self) -> str:
        """Class that sets colour and dash."""
        return f"line-{self.style % len(_DASHES)}"


@dataclass(frozen=True)
class _Frame:
    """Where the plot lies on the drawing, and which numbers its edges stand for."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        share = (value - self.x_low) / (self.x_high - self.x_low)
        return round(self.left + share * (self.width - self.left - self.right), 2)

    def y(self, value: float) -> float:
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return round(self.height - self.bottom - share * (self.height - self.top - self.bottom), 2)


def nice_ticks(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from `low` to `high`.

    Args:
        low: Least value of the axis.
        high: Greatest value of the axis, above `low`.
        most: No more than this many, at least 2.
    """
    rough = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    # The slack keeps 0.30000000000000004 from counting as more than 0.3.
    slack = 1e-9
    step = next(unit * power for unit in (1, 2, 5, 10) if unit * power >= rough * (1 - slack))
    first, last = math.ceil(low / step - slack), math.floor(high / step + slack)
    digits = max(0, -math.floor(math.log10(step) + slack))
    return [round(place * step, digits) for place in range(first, last + 1)]


def line_chart(
    lines: Sequence[Line], *, title: str, x_label: str, y_label: str, small: bool = False
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
    """
    x_ticks, y_ticks, frame = _layout(lines, small)
    parts = [
        f'<svg class="chart{" small" if small else ""}" '
        f'viewBox="0 0 {frame.width:g} {frame.height:g}" role="img">',
        f"<title>{escape(title)}</title>",
        *_axes(frame, x_ticks, y_ticks),
    ]
    for line in lines:
        parts += _drawn(line, frame, marks=not small)
    if not small:
        parts += _names(lines, frame)
        middle = (frame.left + frame.width - frame.right) / 2
        parts.append(f'<text x="0" y="22">{escape(y_label)}</text>')
        parts.append(
            f'<text x="{middle:g}" y="{frame.height - 8:g}" text-anchor="middle">'
            f"{escape(x_label)}</text>"
        )
    return "\n".join([*parts, "</svg>"])


def legend(lines: Sequence[Line]) -> str:
    """The names of lines, each beside a stroke of its colour and dash."""
    items = "".join(
        f'<li class="{line.css_class}"><svg viewBox="0 0 36 12" aria-hidden="true">'
        f'<line x1="0" y1="6" x2="36" y2="6"/></svg>{escape(line.name)}</li>'
        for line in lines
    )
    return f'<ul class="legend">{items}</ul>'


def _layout(lines: Sequence[Line], small: bool) -> tuple[list[float], list[float], _Frame]:
    xs = [x for line in lines for x in line.xs]
    ys = [y for line in lines for y in line.ys]
    # A margin of 4 % above and below; a flat line lies in the middle.
    margin = 0.04 * (max(ys) - min(ys)) or 0.5
    width, height, left, top, bottom = (260, 170, 42, 12, 26) if small else (720, 400, 62, 44, 62)
    longest = max(len(_shortened(line.name)) for line in lines)
    frame = _Frame(
        width=width,
        height=height,
        left=left,
        right=12 if small else 24 + 12 * longest,
        top=top,
        bottom=bottom,
        x_low=min(xs),
        x_high=max(xs) if max(xs) > min(xs) else min(xs) + 1,
        y_low=min(ys) - margin,
        y_high=max(ys) + margin,
    )
    x_ticks = nice_ticks(frame.x_low, frame.x_high, 4 if small else 7)
    return x_ticks, nice_ticks(frame.y_low, frame.y_high, 5 if small else 8), frame


def _axes(frame: _Frame, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> list[str]:
    end, floor = frame.width - frame.right, frame.height - frame.bottom
    parts = [f'<line class="grid" x1="{frame.left:g}" y1="{floor:g}" x2="{end:g}" y2="{floor:g}"/>']
    for value, text in zip(y_ticks, _tick_texts(y_ticks), strict=True):
        y = frame.y(value)
        parts.append(f'<line class="grid" x1="{frame.left:g}" y1="{y}" x2="{end:g}" y2="{y}"/>')
        parts.append(
            f'<text x="{frame.left - 8:g}" y="{y}" dy=".35em" text-anchor="end">{text}</text>'
        )
    for value, text in zip(x_ticks, _tick_texts(x_ticks), strict=True):
        x = frame.x(value)
        parts.append(f'<line class="grid" x1="{x}" y1="{floor:g}" x2="{x}" y2="{floor + 5:g}"/>')
        parts.append(
            f'<text x="{x}" y="{floor + 8:g}" dy=".8em" text-anchor="middle">{text}</text>'
        )
    return parts


def _tick_texts(ticks: Sequence[float]) -> list[str]:
    """All with as many decimals as the one that needs most."""
    decimals = max((len(f"{tick:.10g}".partition(".")[2]) for tick in ticks), default=0)
    return [f"{tick:.{decimals}f}" for tick in ticks]


def _drawn(line: Line, frame: _Frame, *, marks: bool) -> list[str]:
    places = [(frame.x(x), frame.y(y)) for x, y in zip(line.xs, line.ys, strict=True)]
    points = " ".join(f"{x},{y}" for x, y in places)
    name = escape(line.name)
    parts = [f'<g class="{line.css_class}">', f'<polyline class="line" points="{points}">']
    parts.append(f"<title>{name}</title></polyline>")
    if marks:
        parts += [
            f'<circle class="dot" cx="{x}" cy="{y}" r="3"><title>{name}, step {step:g}: '
            f"{value:.4f}</title></circle>"
            for (x, y), step, value in zip(places, line.xs, line.ys, strict=True)
        ]
    return [*parts, "</g>"]


def _names(lines: Sequence[Line], frame: _Frame) -> list[str]:
    """Each line's name at its end, moved apart where ends lie close together."""
    ends = [frame.y(line.ys[-1]) for line in lines]
    places = _apart(ends, gap=22, high=frame.height - frame.bottom)
    x = frame.width - frame.right + 10
    return [
        f'<text class="name {line.css_class}" x="{x:g}" y="{y:g}" dy=".35em">'
        f"{escape(_shortened(line.name))}</text>"
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


def _shortened(name: str) -> str:
    return name if len(name) <= 14 else f"{name[:13]}…"
