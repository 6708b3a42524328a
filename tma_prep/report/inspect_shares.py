"""What share of the rows tasks and leaks have along an order."""

from collections.abc import Sequence

from tma_prep.report.column_chart import FILLS, Column, Part, column_chart, swatches
from tma_prep.report.overview import OrderDetails, Overview, PageData, Stretch
from tma_prep.report.text import counted, folded, shown, table


def tasks_section(order: OrderDetails, data: PageData) -> str:
    """Which tasks stand where."""
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


def leakage_section(overview: Overview, order: OrderDetails, data: PageData) -> str:
    """Where the rows stand that hold a test row."""
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
