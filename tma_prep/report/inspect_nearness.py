"""How near the rows of an order are to its tests: coverage and hubs."""

import math

from tma_prep.report.column_chart import Column, Part, column_chart
from tma_prep.report.overview import Coverage, OrderDetails
from tma_prep.report.text import counted, folded, number, shown, table

_BINS = 20
"""Of the coverage, between 0 and 1."""


def coverage_section(coverage: Coverage) -> str:
    """How near the nearest rows of the tests are."""
    values = list(coverage.by_test.values())
    low, high = math.floor(min(values) * _BINS) / _BINS, math.ceil(max(values) * _BINS) / _BINS
    high = max(high, low + 1 / _BINS)
    bins = round((high - low) * _BINS)
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, max(0, int((value - low) * _BINS)))] += 1
    columns = [
        Column(low + k / _BINS, low + (k + 1) / _BINS, [count], f"from {low + k / _BINS:.2f}")
        for k, count in enumerate(counts)
    ]
    drawing = column_chart(
        columns,
        [Part("tests", 2)],
        title="Coverage of the tests",
        x_label="mean similarity of the ten nearest rows",
        y_label="tests",
    )
    least = [[f"{row}", number(coverage.by_test[row])] for row in coverage.least]
    parts = [
        f"<section><h2>Coverage of the tests</h2><p>How near the ten nearest training rows of each "
        f"of {counted(len(values), 'test')} are: {number(coverage.mean)} on average. A test that "
        "nothing is near to can gain nothing by the order.</p>",
        f"<figure>{drawing}</figure>",
        folded("Least covered tests", table(["Test row", "Coverage"], least, "Least covered")),
    ]
    if coverage.by_task:
        rows = [
            [shown(name), number(value)]
            for name, value in sorted(coverage.by_task.items(), key=lambda item: item[1])
        ]
        parts.append(folded("Coverage by task", table(["Task", "Coverage"], rows, "By task")))
    return "".join([*parts, "</section>"])


def hubs_section(order: OrderDetails) -> str:
    """The rows that many tests list."""
    heads = ["Row", "Tests", "Task", "Position"]
    rows = [
        [
            f"{hub.tma_row}",
            f"{hub.tests:,}",
            shown(hub.task or ""),
            "left out" if hub.position is None else f"{hub.position:,}",
        ]
        for hub in order.hubs
    ]
    return (
        "<section><h2>Hubs</h2><p>The rows that most tests list among their nearest 256. "
        f"{counted(order.never_listed, 'training row')} stand in no such list.</p>"
        f"{table(heads, rows, 'Hubs')}</section>"
    )
