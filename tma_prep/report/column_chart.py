"""Columns side by side, each a stack of parts, as inline SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from tma_prep.report.axes import Frame, nice_ticks, x_axis, y_axis
from tma_prep.report.text import shown

_PATTERNS = 6
_FEW = 60
"""Columns that are wide enough for a gap between them."""
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 330, 84, 40, 44, 62

COLUMN_CHART_CSS = (
    "".join(f".fill-{n} {{ fill: var(--line-{n}); }}\n" for n in range(_PATTERNS))
    + "".join(
        f".fill-{_PATTERNS + n} {{ fill: url(#hatch-{n}); }}\n"
        f"#hatch-{n} rect {{ fill: var(--line-{n}); opacity: .3; }}\n"
        f"#hatch-{n} path {{ stroke: var(--line-{n}); stroke-width: 2.5; }}\n"
        for n in range(_PATTERNS)
    )
    + """
.patterns { position: absolute; width: 0; height: 0; }
.chart .part { stroke: var(--paper); stroke-width: .5; }
.dense .part { stroke: none; shape-rendering: crispEdges; }
.swatches { columns: 17rem; padding: 0; margin: .5rem 0; list-style: none; font-size: .9rem; }
.swatches li { break-inside: avoid; overflow-wrap: anywhere; display: flex; gap: .5rem;
  align-items: baseline; }
.swatches svg { flex: none; width: 1.1rem; height: .8rem; }
"""
)
"""Style of `column_chart` and `swatches`; twelve fills, half of them hatched."""

FILLS = 2 * _PATTERNS
"""How many can be told apart."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        low: Where it begins, across.
        high: Where it ends.
        parts: Height of each part, from the lowest up.
        name: What is said of it when it is pointed at.
    """

    low: float
    high: float
    parts: Sequence[float]
    name: str


@dataclass(frozen=True)
class Part:
    """What the parts at one place of every stack are.

    Attributes:
        name: What it is called.
        fill: From 0 to `FILLS` - 1; the same number looks the same in every chart.
    """

    name: str
    fill: int


def column_chart(
    columns: Sequence[Column], parts: Sequence[Part], *, title: str, x_label: str, y_label: str
) -> str:
    """Draw columns of stacked parts over one pair of axes, from nought up.

    Args:
        columns: One or more, each wider than nothing, with as many parts as are named; one or
            more parts are higher than nothing.
        parts: From the lowest up.
        title: What a screen reader says of the whole.
        x_label: What the horizontal axis counts.
        y_label: What the vertical axis measures.
    """
    frame = Frame(
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        right=_RIGHT,
        top=_TOP,
        bottom=_BOTTOM,
        x_low=min(column.low for column in columns),
        x_high=max(column.high for column in columns),
        y_low=0.0,
        y_high=max(sum(column.parts) for column in columns),
    )
    told = ", ".join(
        f"{part.name} {sum(column.parts[place] for column in columns):g}"
        for place, part in enumerate(parts)
    )
    drawing = [
        f'<svg class="chart columns{" dense" if len(columns) > _FEW else ""}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{shown(title)}</title>",
        f"<desc>{shown(f'{y_label} by {x_label}; in all: {told}')}</desc>",
        *y_axis(frame, nice_ticks(0.0, frame.y_high, 6)),
    ]
    for column in columns:
        drawing += _drawn(column, parts, frame)
    middle = (frame.left + frame.end) / 2
    drawing += [
        *x_axis(frame, nice_ticks(frame.x_low, frame.x_high, 6)),
        f'<text x="0" y="22">{shown(y_label)}</text>',
        f'<text x="{middle:g}" y="{_HEIGHT - 8}" text-anchor="middle">{shown(x_label)}</text>',
        "</svg>",
    ]
    return "\n".join(drawing)


def _drawn(column: Column, parts: Sequence[Part], frame: Frame) -> list[str]:
    left, right = frame.x(column.low), frame.x(column.high)
    drawing, height = [], 0.0
    for part, value in zip(parts, column.parts, strict=True):
        if value > 0:
            top, floor = frame.y(height + value), frame.y(height)
            said = shown(f"{column.name}, {part.name}: {value:.6g}")
            drawing.append(
                f'<rect class="part fill-{part.fill}" x="{left}" y="{top}" '
                f'width="{right - left:.2f}" height="{max(floor - top, 0.1):.2f}">'
                f"<title>{said}</title></rect>"
            )
        height += value
    return drawing


def swatches(parts: Sequence[Part]) -> str:
    """The names of parts, each beside its fill, from the top of the stack down."""
    items = "".join(
        f'<li><svg viewBox="0 0 18 13" aria-hidden="true">'
        f'<rect class="fill-{part.fill}" width="18" height="13"/></svg>{shown(part.name)}</li>'
        for part in reversed(parts)
    )
    return f'<ul class="swatches">{items}</ul>'


def patterns() -> str:
    """The hatches that fills refer to; once a page."""
    hatches = "".join(
        f'<pattern id="hatch-{n}" width="6" height="6" patternUnits="userSpaceOnUse">'
        '<rect width="6" height="6"/><path d="M-1 7 7 -1 M-1 1 1 -1 M5 7 7 5"/></pattern>'
        for n in range(_PATTERNS)
    )
    return f'<svg class="patterns" aria-hidden="true"><defs>{hatches}</defs></svg>'
