"""The page of `tma-prep inspect`: what stands where in an order, and why that is so."""

import math
from collections.abc import Sequence

from tma_prep.overview import Coverage, OrderDetails, Overview, PageData, Stretch
from tma_prep.report.column_chart import (
    COLUMN_CHART_CSS,
    FILLS,
    Column,
    Part,
    column_chart,
    patterns,
    swatches,
)
from tma_prep.report.line_chart import Line, legend, line_chart
from tma_prep.report.page import page
from tma_prep.report.search_table import SEARCH_CSS, SEARCH_SCRIPT, search_table
from tma_prep.report.text import code, counted, folded, number, shown, table

_BINS = 20


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
    body = "\n".join(
        [
            patterns(),
            "<header><h1>tma-prep inspect</h1>",
            f'<p class="lead">{shown(_headline(order))}</p>',
            f"<p>{shown(_conditions(overview))}</p></header>",
            _similarity(data),
            _rounds(order, data),
            _tasks(order, data),
            _coverage(order.coverage),
            _leakage(overview, order, data),
            _hubs(order),
            _orders(overview),
            "<section><h2>Rows</h2>",
            f"<p>Here are {shown(data.listed)}, each with its beginning. "
            f"{code(f'tma-prep explain WORK --name {order.facts.name} --row N')} says of any row "
            "why it stands where it stands.</p>",
            search_table(data.rows),
            "</section>",
        ]
    )
    return page(
        f"{order.facts.name}: tma-prep inspect",
        body,
        style=COLUMN_CHART_CSS + SEARCH_CSS,
        script=SEARCH_SCRIPT,
    )


def _headline(order: OrderDetails) -> str:
    first, last = order.stretches[0], order.stretches[-1]
    rounds = ""
    if order.round_count is not None:
        rounds = f" in {counted(order.round_count, 'round')}"
    return (
        f"{order.facts.name}: {counted(order.facts.rows, 'row')}{rounds}. The mean similarity to "
        f"the nearest test is {number(first.mean_similarity)} over the first tenth and "
        f"{number(last.mean_similarity)} over the last."
    )


def _conditions(overview: Overview) -> str:
    train, test = overview.train, overview.test
    by = overview.encoder or "vectors that the rows had"
    texts = [
        f"{counted(train.rows, 'training row')} and {counted(test.rows, 'test row')}, embedded by "
        f"{by} in {overview.dimension} dimensions."
    ]
    for name, side in (("training", train), ("test", test)):
        if side.truncated_rows:
            texts.append(
                f"{counted(side.truncated_rows, f'{name} row')} are longer than the model reads"
                + (
                    f", of which {side.response_cut_rows:,} lost their whole response."
                    if side.response_cut_rows
                    else "."
                )
            )
    return " ".join(texts)


def _similarity(data: PageData) -> str:
    lines = []
    for style, (name, parts) in enumerate(data.lines.items()):
        middles = [(part.first + part.last) / 2 for part in parts]
        band = None
        if style == 0:
            band = [part.low_similarity for part in parts], [part.high_similarity for part in parts]
        lines.append(
            Line(
                name,
                middles,
                [part.mean_similarity for part in parts],
                style,
                band,
                word="position",
            )
        )
    first = next(iter(data.lines))
    left_out = ""
    if data.orders_left_out:
        left_out = f" Not drawn: {', '.join(data.orders_left_out)}."
    drawing = line_chart(
        lines,
        title="Similarity to the nearest test by position",
        x_label="position",
        y_label="similarity",
    )
    return (
        "<section><h2>Similarity against position</h2>"
        f"<p>Mean over hundredths of the order; the band of {shown(first)} holds the middle four "
        f"fifths of its rows.{shown(left_out)}</p>"
        f"<figure>{drawing}{legend(lines)}</figure></section>"
    )


def _rounds(order: OrderDetails, data: PageData) -> str:
    if not data.rounds:
        return (
            "<section><h2>Round sizes</h2><p>This ranking is by a distance and has no rounds.</p>"
            "</section>"
        )
    columns, begin = [], 0
    for part in data.rounds:
        name = _span("round", part.first, part.last)
        columns.append(Column(begin, begin + part.rounds, [part.rows / part.rounds], name))
        begin += part.rounds
    farthest = any(part.last < 0 for part in data.rounds)
    joined = any(part.rounds > 1 for part in data.rounds)
    text = (
        "Rows that the tests named in each round, nearest rounds first"
        + (", then the farthest-pick rounds from the last to the first" if farthest else "")
        + ("; neighbouring rounds are drawn as one column of their mean size." if joined else ".")
    )
    drawing = column_chart(
        columns,
        [Part("rows", 0)],
        title="Rows of each round",
        x_label="rounds before",
        y_label="rows",
    )
    heads = ["Rounds", "Rows", "Mean similarity"]
    rows = [
        [shown(_span("", part.first, part.last)), f"{part.rows:,}", number(part.mean_similarity)]
        for part in order.rounds
    ]
    return (
        f"<section><h2>Round sizes</h2><p>{text}</p><figure>{drawing}</figure>"
        f"{folded('Similarity by round', table(heads, rows, 'Similarity by round'))}</section>"
    )


def _span(word: str, first: int, last: int) -> str:
    ends = f"{_signed(first)}" if first == last else f"{_signed(first)} to {_signed(last)}"
    return f"{word} {ends}".strip()


def _signed(round_number: int) -> str:
    return f"{round_number}" if round_number > 0 else f"farthest {-round_number}"


def _tasks(order: OrderDetails, data: PageData) -> str:
    if not order.task_names:
        return "<section><h2>Tasks</h2><p>The rows name no tasks.</p></section>"
    totals = [
        sum(part.tasks[task] for part in data.stretches) for task in range(len(order.task_names))
    ]
    present = [task for task in range(len(totals)) if totals[task]]
    by_size = sorted(present, key=lambda task: -totals[task])
    own = sorted(present, key=lambda task: -_change(task, data.stretches))[:FILLS]
    parts = [Part(order.task_names[task], fill) for fill, task in enumerate(own)]
    columns = [
        Column(
            part.first,
            part.last + 1,
            [part.tasks[task] / part.rows for task in own],
            _positions(part),
        )
        for part in data.stretches
    ]
    text = f"What share of the rows {counted(len(own), 'task')} have in fiftieths of the order."
    if len(own) < len(present):
        text += (
            f" They are the ones whose share changes most; {len(present) - len(own):,} others, "
            "which are not drawn, have the rest."
        )
    drawing = column_chart(
        columns,
        parts,
        title="Share of each task by position",
        x_label="position",
        y_label="share of the rows",
    )
    heads = ["Task", "Rows", *(f"{10 * k}–{10 * k + 10} %" for k in range(len(order.stretches)))]
    rows = [
        [
            shown(order.task_names[task]),
            f"{totals[task]:,}",
            *(f"{part.tasks[task] / part.rows:.0%}" for part in order.stretches),
        ]
        for task in by_size
    ]
    if len(order.stretches) < 10:
        heads[2:] = [_positions(part) for part in order.stretches]
    return (
        "<section><h2>Tasks over the order</h2>"
        f"<p>{text}</p><figure>{drawing}{swatches(parts)}</figure>"
        f"{folded('Every task, by tenths of the order', table(heads, rows, 'Tasks'))}</section>"
    )


def _change(task: int, parts: Sequence[Stretch]) -> float:
    """How far the share of a task is from its mean, over the whole order."""
    shares = [part.tasks[task] / part.rows for part in parts]
    mean = sum(shares) / len(shares)
    return sum(abs(share - mean) for share in shares)


def _positions(part: Stretch) -> str:
    return f"positions {part.first:,} to {part.last:,}"


def _coverage(coverage: Coverage) -> str:
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


def _leakage(overview: Overview, order: OrderDetails, data: PageData) -> str:
    leakage = overview.leakage
    if leakage is None:
        return "<section><h2>Leakage</h2><p>It was not looked for.</p></section>"
    share = leakage.rows / overview.train.rows
    kinds = ", ".join(f"{kind} {rows:,}" for kind, rows in leakage.kinds.items() if rows)
    told = (
        f"Of {counted(overview.train.rows, 'training row')} {leakage.rows:,} ({share:.1%}) hold "
        f"one of {counted(leakage.tests, 'test row')}{f': {kinds}' if kinds else ''}."
    )
    shown_kinds = [
        kind
        for kind in range(len(order.leak_kinds))
        if any(part.leaks[kind] for part in data.stretches)
    ]
    if not shown_kinds:
        return f"<section><h2>Leakage</h2><p>{told} None stands in this order.</p></section>"
    parts = [Part(order.leak_kinds[kind], place) for place, kind in enumerate(shown_kinds)]
    columns = [
        Column(
            part.first,
            part.last + 1,
            [part.leaks[kind] / part.rows for kind in shown_kinds],
            _positions(part),
        )
        for part in data.stretches
    ]
    drawing = column_chart(
        columns,
        parts,
        title="Share of leaking rows by position",
        x_label="position",
        y_label="share of the rows that leak",
    )
    return (
        f"<section><h2>Leakage</h2><p>{told} A gain on those tests is none on unseen data.</p>"
        f"<figure>{drawing}{swatches(parts)}</figure></section>"
    )


def _hubs(order: OrderDetails) -> str:
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


def _orders(overview: Overview) -> str:
    heads = ["Name", "Order", "Ranking", "Ranked", "Kept", "Rows", "Shards", "Up to date"]
    rows: Sequence[list[str]] = [
        [
            shown(order.name),
            shown(order.order),
            shown(order.ranking),
            shown(order.ranked),
            shown(order.limits or "all"),
            f"{order.rows:,}",
            "yes" if order.shards else "no",
            "yes" if order.current else "no",
        ]
        for order in overview.orders
    ]
    return f"<section><h2>Orders</h2>{table(heads, list(rows), 'Orders')}</section>"
