"""The page of `tma-prep inspect`: what stands where in an order, and why that is so."""

from collections.abc import Sequence

from tma_prep.report.column_chart import COLUMN_CHART_CSS, Column, Part, column_chart, patterns
from tma_prep.report.inspect_nearness import coverage_section, hubs_section
from tma_prep.report.inspect_shares import leakage_section, tasks_section
from tma_prep.report.line_chart import Line, legend, line_chart
from tma_prep.report.overview import OrderDetails, Overview, PageData
from tma_prep.report.page import page
from tma_prep.report.search_table import SEARCH_CSS, SEARCH_SCRIPT, search_table
from tma_prep.report.text import code, counted, folded, number, shown, table


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
            tasks_section(order, data),
            coverage_section(order.coverage),
            leakage_section(overview, order, data),
            hubs_section(order),
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
