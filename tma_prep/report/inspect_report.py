"""The page of `tma-prep inspect`: what stands where in an order, and why that is so."""

import itertools
import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from tma_prep.report.charts import FILLS, Line, column_chart, line_chart
from tma_prep.report.overview import Coverage, OrderDetails, Overview, PageData, Rounds, Stretch
from tma_prep.report.page import render

_BINS = 20
"""Of the coverage, between 0 and 1."""

Shares = tuple[Markup, list[str]]
"""What share of the rows each part has along an order, and the names of the parts drawn."""


def render_inspect_report(overview: Overview, data: PageData) -> str:
    """One HTML page that needs no network; its only script searches its table.

    Args:
        overview: The workspace; it has an order.
        data: What is drawn of it.

    Raises:
        ValueError: There is no order.
    """
    order = overview.order
    if order is None:
        raise ValueError("a workspace without an order has no page")
    return render(
        "inspect.html.j2",
        overview=overview,
        order=order,
        data=data,
        styles={name: style for style, name in enumerate(data.lines)},
        similarity=_similarity(data),
        rounds=_rounds(data.rounds) if data.rounds else None,
        tasks=_tasks(order, data),
        totals=_totals(order, data),
        coverage=_coverage(order.coverage),
        leaks=_leaks(order, data),
        span=_span,
    )


def _similarity(data: PageData) -> Markup:
    lines = []
    for style, (name, parts) in enumerate(data.lines.items()):
        middles = [(part.first + part.last) / 2 for part in parts]
        ends = [part.low_similarity for part in parts], [part.high_similarity for part in parts]
        means = [part.mean_similarity for part in parts]
        band = ends if style == 0 else None
        lines.append(Line(name, middles, means, style, band, word="position"))
    return line_chart(
        lines,
        title="Similarity to the nearest test by position",
        x_label="position",
        y_label="similarity",
    )


def _rounds(rounds: Sequence[Rounds]) -> Markup:
    return column_chart(
        list(itertools.accumulate((part.rounds for part in rounds), initial=0)),
        [f"round {_span(part)}" for part in rounds],
        {"rows": [part.rows / part.rounds for part in rounds]},
        title="Rows of each round",
        x_label="rounds before",
        y_label="rows",
    )


def _span(part: Rounds) -> str:
    """The first round and the last, in words."""
    ends = dict.fromkeys((part.first, part.last))
    return " to ".join(f"{end}" if end > 0 else f"farthest {-end}" for end in ends)


def _totals(order: OrderDetails, data: PageData) -> dict[int, int]:
    """Rows of each task that has any in the order, by its number, largest first."""
    counts = [
        sum(part.tasks[task] for part in data.stretches) for task in range(len(order.task_names))
    ]
    by_size = sorted(range(len(counts)), key=lambda task: -counts[task])
    return {task: counts[task] for task in by_size if counts[task]}


def _tasks(order: OrderDetails, data: PageData) -> Shares:
    """Of the tasks whose share changes most."""
    shares = {
        order.task_names[task]: [part.tasks[task] / part.rows for part in data.stretches]
        for task in sorted(_totals(order, data))
    }
    drawn = sorted(shares, key=lambda name: -_change(shares[name]))[:FILLS]
    return _shares({name: shares[name] for name in drawn}, data.stretches, "Share of each task")


def _change(shares: Sequence[float]) -> float:
    """How far a share is from its mean, over the whole order."""
    mean = sum(shares) / len(shares)
    return sum(abs(share - mean) for share in shares)


def _leaks(order: OrderDetails, data: PageData) -> Shares:
    """Of each kind of leak that stands in the order."""
    shares = {
        name: [part.leaks[kind] / part.rows for part in data.stretches if part.leaks]
        for kind, name in enumerate(order.leak_kinds)
    }
    present = {name: parts for name, parts in shares.items() if any(parts)}
    return _shares(present, data.stretches, "Share of leaking rows")


def _shares(
    parts: Mapping[str, Sequence[float]], stretches: Sequence[Stretch], title: str
) -> Shares:
    if not parts:
        return Markup(), []
    chart = column_chart(
        [*(part.first for part in stretches), stretches[-1].last + 1],
        [f"positions {part.first:,} to {part.last:,}" for part in stretches],
        parts,
        title=f"{title} by position",
        x_label="position",
        y_label="share of the rows",
    )
    return chart, list(parts)


def _coverage(coverage: Coverage) -> Markup:
    """How many tests are how near to their nearest rows."""
    places = [min(math.floor(value * _BINS), _BINS - 1) for value in coverage.by_test.values()]
    bins = range(min(places), max(places) + 1)
    return column_chart(
        [place / _BINS for place in (*bins, bins.stop)],
        [f"from {place / _BINS:.2f}" for place in bins],
        {"tests": [places.count(place) for place in bins]},
        title="Coverage of the tests",
        x_label="mean similarity of the ten nearest rows",
        y_label="tests",
    )
