"""The report of a train check: what the reference model learned from each order."""

import shlex
from collections.abc import Mapping, Sequence
from html import escape

import polars as pl
import pyarrow as pa

from tma_prep.report.line_chart import Line, legend, line_chart
from tma_prep.report.page import page
from tma_prep_schemas import CheckSummary
from tma_prep_schemas.manifests import OrderSummary

_X_LABEL = "Training steps"
_Y_LABEL = "Test loss (nats a response token)"


def render_check_report(
    summary: CheckSummary, curves: pa.Table, settings: Mapping[str, object]
) -> str:
    """One HTML page that needs no network and no script.

    Args:
        summary: The numbers of the check; at least one order.
        curves: The table they were computed from, schema `CURVES`.
        settings: Every option of `train-check`, resolved, by its name without the dashes.
    """
    lines = [
        Line(order.order, order.steps, order.loss, style)
        for style, order in enumerate(summary.orders)
    ]
    names = ", ".join(line.name for line in lines)
    chart = line_chart(
        lines, title=f"Test loss over steps: {names}", x_label=_X_LABEL, y_label=_Y_LABEL
    )
    body = "\n".join(
        [
            "<header><h1>tma-prep train check</h1>",
            f'<p class="lead">{_finding(summary.orders)}</p>',
            f"<p>{_conditions(summary)}</p>",
            _CAVEAT,
            "</header>",
            f"<section><h2>Test loss over steps</h2>{legend(lines)}{chart}",
            '<p class="soft">Mean over test rows; lower is better. Point at a mark for its number.'
            "</p></section>",
            f"<section><h2>The numbers</h2>{_numbers(summary.orders)}</section>",
            _tasks(curves, lines),
            f"<section><h2>Settings</h2>{_settings(settings)}</section>",
            f"<section><h2>How to repeat it</h2>{_repeat(summary, settings)}</section>",
        ]
    )
    return page(f"Train check: {names}", body)


_CAVEAT = (
    '<p class="note"><strong>An observation, not a finding.</strong> This is one run with one '
    "seed of a tiny model that starts from random weights, and rows that training shares with "
    "the test side were not looked for. Another seed can turn a small difference around, and "
    "text that stands on both sides can make one.</p>"
)


def _finding(orders: Sequence[OrderSummary]) -> str:
    """The first sentence: which order had the lowest area under its curve, and by how much."""
    ranked = sorted(orders, key=lambda order: order.auc_steps)
    best = ranked[0]
    steps = best.steps[-1]
    level = f"{best.auc_steps:.3f} nats a response token on average over {steps:,} steps"
    if len(ranked) == 1:
        return f"{_code(best.order)} was trained alone: {level}, with nothing to compare it to."
    tied = [order for order in ranked if order.auc_steps == best.auc_steps]
    if len(tied) > 1:
        names = " and ".join(_code(order.order) for order in tied)
        return f"{names} tie for the lowest area under the test-loss curve: {level}."
    following = ranked[1]
    lead = following.auc_steps - best.auc_steps
    return (
        f"{_code(best.order)} had the lowest area under the test-loss curve: {level}, "
        f"{_amount(lead)} ({lead / following.auc_steps:.1%}) below {_code(following.order)}, "
        f"the next of {len(ranked)} orders."
    )


def _conditions(summary: CheckSummary) -> str:
    scored = summary.test_rows - len(summary.unscored_test_rows)
    starts = {order.start_loss for order in summary.orders}
    texts = [
        f"A model of {summary.parameters:,} weights read {summary.train_rows:,} rows of each "
        f"order, {summary.batch_size} a step, and was tested on {scored:,} rows."
    ]
    if len(starts) == 1:
        texts.append(f"Every order started from the same weights, at a loss of {starts.pop():.3f}.")
    if summary.unscored_test_rows:
        rows = ", ".join(str(row) for row in summary.unscored_test_rows)
        texts.append(f"Test rows without a response have no loss and are left out: {rows}.")
    return escape(" ".join(texts))


def _numbers(orders: Sequence[OrderSummary]) -> str:
    best = min(order.auc_steps for order in orders)
    heads = (
        "Mean over steps",
        "Above the lowest",
        "At the start",
        "At the end",
        "Lowest",
        "At the end, by tokens",
        "Rows seen",
        "Response tokens seen",
    )
    rows = []
    for order in orders:
        cells = (
            f"{order.auc_steps:.3f}",
            "lowest" if order.auc_steps == best else f"+{_amount(order.auc_steps - best)}",
            f"{order.start_loss:.3f}",
            f"{order.final_loss:.3f}",
            f"{order.best_loss:.3f}",
            f"{order.token_weighted_loss[-1]:.3f}",
            f"{order.rows_seen:,}",
            f"{order.response_tokens_seen:,}",
        )
        mark = ' class="best"' if order.auc_steps == best else ""
        rows.append(
            f'<tr><th scope="row">{escape(order.order)}</th>'
            f"<td{mark}>{cells[0]}</td><td{mark}>{cells[1]}</td>"
            + "".join(f"<td>{cell}</td>" for cell in cells[2:])
            + "</tr>"
        )
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    return (
        '<p class="soft">Test loss in nats a response token: the mean over test rows, save “by '
        "tokens”, where a long response weighs more. “Mean over steps” is the area under the "
        "curve (trapezoids) over the number of steps.</p>"
        '<div class="scroll" role="region" aria-label="The numbers" tabindex="0"><table>'
        f'<thead><tr><th scope="col">Order</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _tasks(curves: pa.Table, lines: Sequence[Line]) -> str:
    """One small chart a task, by name; nothing where no test row names one."""
    means = (
        pl.DataFrame(curves)
        .group_by("task", "order", "step")
        .agg(pl.col("loss").mean(), rows=pl.col("test_row").n_unique())
        .sort("task", "order", "step", nulls_last=True)
    )
    if means["task"].null_count() == means.height:
        return ""
    styles = {line.name: line.style for line in lines}
    figures = []
    for (task,), of_task in means.group_by("task", maintain_order=True):
        title = "(no task)" if task is None else str(task)
        task_lines = []
        for name, style in styles.items():
            curve = of_task.filter(pl.col("order") == name)
            task_lines.append(Line(name, curve["step"].to_list(), curve["loss"].to_list(), style))
        chart = line_chart(task_lines, title=title, x_label=_X_LABEL, y_label=_Y_LABEL, small=True)
        count = int(of_task["rows"][0])
        figures.append(
            f"<figure><figcaption>{escape(title)} "
            f'<span class="soft">{count:,} row{"" if count == 1 else "s"}</span></figcaption>'
            f"{chart}</figure>"
        )
    return (
        "<section><h2>Task by task</h2>"
        '<p class="soft">Mean test loss over steps of the rows of one task. Every chart has a '
        f"scale of its own.</p>{legend(lines)}"
        f'<div class="figures">{"".join(figures)}</div></section>'
    )


def _settings(settings: Mapping[str, object]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(_shown(value))}</td></tr>'
        for name, value in settings.items()
    )
    return f'<table class="plain"><tbody>{rows}</tbody></table>'


def _repeat(summary: CheckSummary, settings: Mapping[str, object]) -> str:
    words = ["tma-prep", "train-check", "WORK"]
    for order in summary.orders:
        words += ["--order", shlex.quote(order.order)]
    for name, value in settings.items():
        option = f"--{name.replace('_', '-')}"
        if name in ("order", "orders") or value is None or value is False:
            continue
        if value is True:
            words.append(option)
            continue
        values = value if isinstance(value, list | tuple) else [value]
        for part in values:
            words += [option, shlex.quote(str(part))]
    return (
        "<p>With <code>WORK</code> the workspace that holds these orders:</p>"
        f"<pre>{escape(' '.join(words))}</pre>"
        "<p>The same shards, settings, library versions, processor and threads give the same "
        "numbers. An accelerator may add in another order and differ in the last digits.</p>"
    )


def _shown(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(part) for part in value)
    return str(value)


def _amount(difference: float) -> str:
    return f"{difference:.3f}" if difference >= 0.001 else "less than 0.001"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"
