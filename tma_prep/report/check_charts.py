"""The charts of a train check: curves, differences, tasks, similarity, milestones."""

from collections.abc import Mapping, Sequence
from functools import partial

import polars as pl
import pyarrow as pa
from markupsafe import Markup

from tma_prep.report.charts import Interval, Line, interval_chart, line_chart
from tma_prep.report.text import MINUS, signed
from tma_prep_schemas import CheckSummary, Control, Difference, Measure, Milestone, Verdict

_X_LABEL = "Training steps"
_Y_LABEL = "Test loss (nats a response token)"

CONTROL_NAMES: dict[Control, str] = {
    "none": "Whole pool",
    "no-leak": "Without leaking rows",
    "null": "Random orders",
}
"""As the page calls them, in the sequence it shows them."""

MEASURES: dict[Measure, str] = {
    "auc_steps": "Mean loss over steps",
    "auc_tokens": "Mean loss over response tokens",
    "early_loss": "Loss after a tenth of the steps",
    "final_loss": "Loss at the end",
}

SEEN = {
    "seen_max": "Nearest row so far",
    "seen_mean": "Mean over rows so far",
    "seen_centroid": "Centroid of rows so far",
}

_LABELS: dict[Control, str] = {"none": "whole pool", "no-leak": "no leaking rows"}
_VERDICTS: dict[Verdict, int] = {"lower": 0, "higher": 1, "no effect found": 5}
"""The style of each."""
_RANDOM_STYLE = 5

_loss_chart = partial(line_chart, x_label=_X_LABEL, y_label=_Y_LABEL)


def styles_of(summary: CheckSummary) -> dict[str, int]:
    """A style for each order, the same in every chart; random orders look alike."""
    names = dict.fromkeys(order.order for order in summary.orders if order.control != "null")
    return {name: style for style, name in enumerate(names)}


def _lines(summary: CheckSummary, control: Control, styles: Mapping[str, int]) -> list[Line]:
    return [
        Line(
            order.order,
            order.steps,
            order.loss,
            styles.get(order.order, _RANDOM_STYLE),
            (order.loss_low, order.loss_high),
        )
        for order in summary.orders
        if order.control == control
    ]


def curves_chart(summary: CheckSummary, styles: Mapping[str, int]) -> Markup:
    """Loss over steps with bands."""
    title = f"Test loss over steps: {', '.join(styles)}"
    return _loss_chart(_lines(summary, "none", styles), title=title)


def control_charts(summary: CheckSummary, styles: Mapping[str, int]) -> dict[Control, Markup]:
    """The same for each control that there is, on one scale."""
    found = {control: _lines(summary, control, styles) for control in CONTROL_NAMES}
    reach = [
        (order.steps[0], end)
        for order in summary.orders
        for end in order.loss_low + order.loss_high
    ]
    return {
        control: _loss_chart(
            lines, title=f"{CONTROL_NAMES[control]}: test loss over steps", small=True, reach=reach
        )
        for control, lines in found.items()
        if lines
    }


def tasks(curves: pa.Table, styles: Mapping[str, int]) -> dict[str, tuple[int, dict[str, Markup]]]:
    """How many tests each task has, its loss over steps, and the columns of `SEEN`, where known.

    By name; nothing where no test row names a task.
    """
    means = _means(curves, "task", "order", "step")
    if means["task"].null_count() == means.height:
        return {}
    named = means.with_columns(pl.col("task").fill_null("(no task)"))
    return {
        str(task): (int(of_task["rows"][0]), _task_charts(str(task), of_task, styles))
        for (task,), of_task in named.group_by("task", maintain_order=True)
    }


def _means(curves: pa.Table, *by: str) -> pl.DataFrame:
    return (
        pl.DataFrame(curves)
        .filter(pl.col("control") == "none")
        .group_by(*by)
        .agg(pl.col("loss", *SEEN).mean(), rows=pl.col("test_row").n_unique())
        .sort(*by, nulls_last=True)
    )


def _task_charts(task: str, of_task: pl.DataFrame, styles: Mapping[str, int]) -> dict[str, Markup]:
    losses = _curves(of_task, "step", "loss", styles)
    charts = {"loss": _loss_chart(losses, title=f"{task}: test loss", small=True)}
    for column, name in SEEN.items():
        lines = _curves(of_task, "step", column, styles)
        if lines:
            charts[column] = line_chart(
                lines,
                title=f"{task}: similarity, {name.lower()}",
                x_label=_X_LABEL,
                y_label="Cosine similarity",
                small=True,
                reach=[(0, lines[0].ys[0])],  # as the loss above it
            )
    return charts


def _curves(
    means: pl.DataFrame, x: str, y: str, styles: Mapping[str, int], word: str = "step"
) -> list[Line]:
    """One column against another, for each order that has both."""
    lines = []
    for name, style in styles.items():
        curve = means.filter(pl.col("order") == name).drop_nulls([x, y])
        if curve.height:
            xs, ys = curve[x].to_list(), curve[y].to_list()
            lines.append(Line(name, xs, ys, style, word=word))
    return lines


def similarity_charts(curves: pa.Table, styles: Mapping[str, int]) -> dict[str, Markup]:
    """Loss against how near what had been seen came; nothing where rows had no vectors."""
    means = _means(curves, "order", "step").drop_nulls("seen_max")
    found = {column: _curves(means, column, "loss", styles, "similarity") for column in SEEN}
    return {
        column: line_chart(
            lines,
            title=f"Test loss against similarity: {SEEN[column].lower()}",
            x_label="Cosine similarity",
            y_label=_Y_LABEL,
            small=True,
        )
        for column, lines in found.items()
        if lines
    }


def forests(summary: CheckSummary) -> dict[Measure, Markup]:
    """Differences with their intervals, for each measure."""
    return {
        measure: _forest(measure, found)
        for measure in MEASURES
        if (found := [one for one in summary.differences if one.measure == measure])
    }


def _forest(measure: Measure, found: Sequence[Difference]) -> Markup:
    groups: dict[str, list[Interval]] = {}
    for one in sorted(found, key=lambda one: list(CONTROL_NAMES).index(one.control)):
        if one.control == "null":
            heading = "Random orders among themselves"
            a, b = one.a.removeprefix("random-"), one.b.removeprefix("random-")
            label = f"{a} {MINUS} {b}"
        else:
            heading, label = f"{one.a} {MINUS} {one.b}", _LABELS[one.control]
        groups.setdefault(heading, []).append(_interval(label, one))
    return interval_chart(
        groups,
        title=f"{MEASURES[measure]}: differences with 95 % intervals",
        x_label="Difference in test loss (nats a response token)",
        shade=found[0].envelope,
    )


def _interval(label: str, one: Difference) -> Interval:
    return Interval(
        label=label,
        low=one.low,
        high=one.high,
        points=[(one.mean, one.verdict == "no effect found")],
        style=_VERDICTS[one.verdict],
        title=f"{one.a} {MINUS} {one.b}, {CONTROL_NAMES[one.control].lower()}: {signed(one.mean)} "
        f"[{signed(one.low)}, {signed(one.high)}], {one.verdict}",
    )


def milestones_chart(summary: CheckSummary, styles: Mapping[str, int]) -> Markup:
    """The steps by which half and nine tenths of the fall had come; empty where none fell."""
    groups: dict[str, list[Interval]] = {}
    for control, name in CONTROL_NAMES.items():
        for one in summary.milestones:
            if one.task is not None or one.control != control or None in (one.step_50, one.step_90):
                continue
            groups.setdefault(name, []).append(_span(one, styles))
    if not groups:
        return Markup()
    return interval_chart(
        groups,
        title="Steps by which half and nine tenths of the fall had come",
        x_label=_X_LABEL,
        from_zero=True,
    )


def _span(one: Milestone, styles: Mapping[str, int]) -> Interval:
    half, most = one.step_50 or 0.0, one.step_90 or 0.0
    return Interval(
        label=one.order,
        low=half,
        high=most,
        points=[(half, True), (most, False)],
        style=styles.get(one.order, _RANDOM_STYLE),
        title=f"{one.order}, {CONTROL_NAMES[one.control].lower()}: 50 % by step {half:.1f}, "
        f"90 % by step {most:.1f} of a fall of {one.fall_total:.3f}",
    )
