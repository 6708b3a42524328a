"""Loss curves of a check: all tests, the controls beside them, and task by task."""

from collections.abc import Mapping, Sequence

import polars as pl
import pyarrow as pa

from tma_prep.report.line_chart import Line, legend, line_chart, y_range
from tma_prep.report.text import counted, folded, number, shown, steps, table
from tma_prep_schemas import CheckSummary, Control, OrderSummary

X_LABEL = "Training steps"
Y_LABEL = "Test loss (nats a response token)"

CONTROL_NAMES: dict[Control, str] = {
    "none": "Whole pool",
    "no-leak": "Without leaking rows",
    "null": "Random orders",
}
"""As the page calls them, in the sequence it shows them."""

_RANDOM_STYLE = 5
_MOST_OPEN = 24

_SEEN = {
    "seen_max": "Nearest row so far",
    "seen_mean": "Mean over rows so far",
    "seen_centroid": "Centroid of rows so far",
}


def styles_of(summary: CheckSummary) -> dict[str, int]:
    """A style for each order, the same in every chart; random orders look alike."""
    names = dict.fromkeys(order.order for order in summary.orders if order.control != "null")
    return {name: style for style, name in enumerate(names)}


def _of(summary: CheckSummary, control: Control) -> list[OrderSummary]:
    return [order for order in summary.orders if order.control == control]


def _lines(summary: CheckSummary, control: Control, styles: Mapping[str, int]) -> list[Line]:
    return [
        Line(
            order.order,
            order.steps,
            order.loss,
            styles.get(order.order, _RANDOM_STYLE),
            (order.loss_low, order.loss_high),
        )
        for order in _of(summary, control)
    ]


def curves_section(summary: CheckSummary, styles: Mapping[str, int]) -> str:
    """Loss over steps with bands, then the controls on one scale."""
    lines = _lines(summary, "none", styles)
    names = ", ".join(line.name for line in lines)
    chart = line_chart(
        lines, title=f"Test loss over steps: {names}", x_label=X_LABEL, y_label=Y_LABEL
    )
    return (
        f"<section><h2>Test loss over steps</h2>{legend(lines)}<figure>{chart}</figure>"
        '<p class="soft">Mean over seeds and test rows; lower is better. Bands are 95 % intervals '
        "from a crossed bootstrap over seeds and tasks. They are wide where tasks differ in how "
        "hard they are; the differences below are paired, and narrower.</p>"
        f"{_controls(summary, styles)}{_numbers(summary)}</section>"
    )


def _controls(summary: CheckSummary, styles: Mapping[str, int]) -> str:
    of_control = {control: _lines(summary, control, styles) for control in CONTROL_NAMES}
    drawn = {control: lines for control, lines in of_control.items() if lines}
    if len(drawn) < 2:
        return ""
    span = y_range([line for lines in drawn.values() for line in lines])
    figures = "".join(
        f"<figure><figcaption>{CONTROL_NAMES[control]}</figcaption>"
        + line_chart(
            lines,
            title=f"{CONTROL_NAMES[control]}: test loss over steps",
            x_label=X_LABEL,
            y_label=Y_LABEL,
            small=True,
            span=span,
        )
        + "</figure>"
        for control, lines in drawn.items()
    )
    return (
        "<h3>The controls beside it, on one scale</h3>"
        f'<div class="figures few">{figures}</div>'
        '<p class="soft">What is apart in the first chart and together in the second was leakage; '
        "random orders differ by the luck of the draw alone.</p>"
    )


def _numbers(summary: CheckSummary) -> str:
    heads = (
        *("Order", "Mean over steps", "Mean over tokens", "Start", "After 10 %", "End", "Lowest"),
        *("End, by tokens", "Steps to the random order’s end", "Rows", "Response tokens"),
    )
    tables = ""
    for control, name in CONTROL_NAMES.items():
        rows = [_row(order) for order in _of(summary, control)]
        if rows:
            tables += f"<h3>{name}</h3>{table(list(heads), rows, f'Numbers: {name}')}"
    return folded(
        "The numbers of every order",
        '<p class="soft">Test loss in nats a response token: the mean over seeds and test rows, '
        "save “by tokens”, where a long response weighs more. “Mean over” is the area under the "
        "curve, by trapezoids, over steps, or over response tokens up to where every run of that "
        f"control has come.</p>{tables}",
    )


def _row(order: OrderSummary) -> list[str]:
    losses = (
        *(order.auc_steps, order.auc_tokens, order.start_loss, order.early_loss),
        *(order.final_loss, order.best_loss, order.token_weighted_loss[-1]),
    )
    return [
        shown(order.order),
        *map(number, losses),
        steps(order.steps_to_reach_random),
        f"{order.rows_seen:,}",
        f"{order.response_tokens_seen:,}",
    ]


def tasks_section(curves: pa.Table, styles: Mapping[str, int]) -> str:
    """For each task, by name, its loss beside how near what had been seen came.

    Nothing where no test row names a task.
    """
    means = (
        pl.DataFrame(curves)
        .filter(pl.col("control") == "none")
        .group_by("task", "order", "step")
        .agg(pl.col("loss", *_SEEN).mean(), rows=pl.col("test_row").n_unique())
        .sort("task", "order", "step", nulls_last=True)
    )
    if means["task"].null_count() == means.height:
        return ""
    seen = means["seen_max"].null_count() < means.height
    figures = [
        _task(str(task) if task is not None else "(no task)", of_task, styles, seen=seen)
        for (task,), of_task in means.group_by("task", maintain_order=True)
    ]
    others = ""
    if len(figures) > _MOST_OPEN:
        rest = f'<div class="figures tasks">{"".join(figures[_MOST_OPEN:])}</div>'
        others = folded(f"{len(figures) - _MOST_OPEN} more tasks", rest)
    below = (
        " Below it, how similar the nearest training row seen so far is to the task’s tests, where "
        "1 is equal: a loss that falls when the similarity rises was taught by what came then."
        if seen
        else ""
    )
    return (
        "<section><h2>Task by task</h2>"
        '<p class="soft">Mean test loss over steps of the tests of one task, on a scale of its own.'
        f"{below}</p>{legend([Line(name, [], [], style) for name, style in styles.items()])}"
        f'<div class="figures tasks">{"".join(figures[:_MOST_OPEN])}</div>{others}'
        f"{_other_similarities(means, styles) if seen else ''}</section>"
    )


def _task_lines(of_task: pl.DataFrame, column: str, styles: Mapping[str, int]) -> list[Line]:
    lines = []
    for name, style in styles.items():
        curve = of_task.filter(pl.col("order") == name).drop_nulls(column)
        if curve.height:
            lines.append(Line(name, curve["step"].to_list(), curve[column].to_list(), style))
    return lines


def _task(title: str, of_task: pl.DataFrame, styles: Mapping[str, int], *, seen: bool) -> str:
    loss = line_chart(
        _task_lines(of_task, "loss", styles),
        title=f"{title}: test loss",
        x_label=X_LABEL,
        y_label=Y_LABEL,
        small=True,
    )
    near = _similarity(title, of_task, "seen_max", styles) if seen else ""
    return (
        f'<figure><figcaption>{shown(title)} <span class="soft">'
        f"{counted(int(of_task['rows'][0]), 'row')}</span></figcaption>{loss}{near}</figure>"
    )


def _similarity(title: str, of_task: pl.DataFrame, column: str, styles: Mapping[str, int]) -> str:
    lines = _task_lines(of_task, column, styles)
    if not lines:
        return ""
    return line_chart(
        lines,
        title=f"{title}: similarity, {_SEEN[column].lower()}",
        x_label=X_LABEL,
        y_label="Cosine similarity",
        small=True,
        from_zero=True,
    )


def _other_similarities(means: pl.DataFrame, styles: Mapping[str, int]) -> str:
    """Mean and centroid, folded away: they move little and tell less."""
    grids = ""
    for column in ("seen_mean", "seen_centroid"):
        figures = "".join(
            f"<figure><figcaption>{shown(str(task) if task is not None else '(no task)')}"
            f"</figcaption>{_similarity(str(task), of_task, column, styles)}</figure>"
            for (task,), of_task in means.group_by("task", maintain_order=True)
        )
        grids += f'<h3>{_SEEN[column]}</h3><div class="figures tasks">{figures}</div>'
    return folded("Mean and centroid similarity, task by task", grids)


def similarity_section(curves: pa.Table, styles: Mapping[str, int]) -> str:
    """Loss against how near what had been seen came; nothing where rows had no vectors."""
    means = (
        pl.DataFrame(curves)
        .filter(pl.col("control") == "none")
        .group_by("order", "step")
        .agg(pl.col("loss", *_SEEN).mean())
        .sort("order", "step")
        .drop_nulls("seen_max")
    )
    if means.is_empty():
        return ""
    figures = ""
    for column, name in _SEEN.items():
        lines = _trajectories(means.drop_nulls(column), column, styles)
        if lines:
            chart = line_chart(
                lines,
                title=f"Test loss against similarity: {name.lower()}",
                x_label="Cosine similarity",
                y_label=Y_LABEL,
                small=True,
                end_dots=True,
            )
            figures += f"<figure><figcaption>{name}</figcaption>{chart}</figure>"
    key = legend([Line(name, [], [], style) for name, style in styles.items()])
    return (
        "<section><h2>Similarity against loss</h2>"
        '<p class="soft">Each line follows one order through training, to the dot at its end: '
        "across, the cosine similarity of what it had seen by then to the tests; upwards, the test "
        "loss; both are means over seeds and tests. Orders on one line learn by how near what they "
        f"saw came; one that lies below the others learnt more from rows no nearer.</p>{key}"
        f'<div class="figures few">{figures}</div></section>'
    )


def _trajectories(means: pl.DataFrame, column: str, styles: Mapping[str, int]) -> Sequence[Line]:
    lines = []
    for name, style in styles.items():
        of_order = means.filter(pl.col("order") == name)
        if of_order.height:
            xs, ys = of_order[column].to_list(), of_order["loss"].to_list()
            lines.append(Line(name, xs, ys, style, word="similarity"))
    return lines
