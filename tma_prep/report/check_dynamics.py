"""Where generalisation happened, and what was read before the sharpest falls."""

from collections.abc import Mapping

from tma_prep.report.check_curves import CONTROL_NAMES, X_LABEL
from tma_prep.report.interval_chart import Group, Interval, interval_chart
from tma_prep.report.text import code, folded, number, shown, steps, table
from tma_prep_schemas import CheckSummary, Fall, Milestone

_MOST_OPEN = 24


def milestones_section(summary: CheckSummary, styles: Mapping[str, int]) -> str:
    """The steps by which half and nine tenths of the fall had come."""
    whole = [one for one in summary.milestones if one.task is None]
    groups = []
    for control, name in CONTROL_NAMES.items():
        rows = [_span(one, styles) for one in whole if one.control == control]
        found = [row for row in rows if row is not None]
        if found:
            groups.append(Group(name, found))
    if not groups:
        return ""
    chart = interval_chart(
        groups,
        title="Steps by which half and nine tenths of the fall had come",
        x_label=X_LABEL,
        from_zero=True,
    )
    return (
        "<section><h2>Where generalisation happened</h2>"
        '<p class="soft">The steps by which half (hollow) and nine tenths (full) of the whole fall '
        "of the mean test loss had come, between evaluations by a straight line.</p>"
        f"<figure>{chart}</figure>{_by_task(summary)}</section>"
    )


def _span(one: Milestone, styles: Mapping[str, int]) -> Interval | None:
    if one.step_50 is None or one.step_90 is None:
        return None
    return Interval(
        label=one.order,
        low=one.step_50,
        high=one.step_90,
        points=[(one.step_50, True), (one.step_90, False)],
        css_class=f"line-{styles.get(one.order, 5) % 6}",
        title=f"{one.order}, {CONTROL_NAMES[one.control].lower()}: 50 % by step "
        f"{one.step_50:.1f}, 90 % by step {one.step_90:.1f} of a fall of {one.fall_total:.3f}",
    )


def _by_task(summary: CheckSummary) -> str:
    rows = [
        [
            "All tests" if one.task is None else shown(one.task),
            CONTROL_NAMES[one.control],
            shown(one.order),
            number(one.fall_total),
            steps(one.step_50),
            steps(one.step_90),
        ]
        for one in sorted(summary.milestones, key=_whole_first)
        if one.control != "null"
    ]
    heads = ["Task", "Control", "Order", "Fall (nats)", "50 % by step", "90 % by step"]
    return folded(
        "By task", table(heads, rows, "Steps to half and nine tenths of the fall", words=True)
    )


def _whole_first(one: Milestone) -> tuple[bool, str]:
    return one.task is not None, one.task or ""


def falls_section(summary: CheckSummary) -> str:
    """The sharpest falls of each task with the rows read just before."""
    if not summary.falls:
        return ""
    rows = [
        [
            "(no task)" if fall.task is None else shown(fall.task),
            f'<span class="amount">{code(fall.order)}, seed {fall.seed}</span>',
            f'<span class="amount">{fall.from_step}–{fall.to_step}</span>',
            number(fall.fall),
            _rows(fall),
        ]
        for fall in summary.falls
    ]
    heads = ["Task", "Order", "Steps", "Fall (nats)", "Nearest rows read then"]
    rest = table(heads, rows[_MOST_OPEN:], "Further sharp falls", words=True)
    more = folded("Further tasks", rest) if len(rows) > _MOST_OPEN else ""
    return (
        "<section><h2>Sharpest falls</h2>"
        '<p class="soft">For each task the steepest losses of loss between two evaluations, over '
        "all orders and seeds, and of the rows read in between those most similar to a test of "
        "the task: row of the training input → row of the test input, with their cosine "
        f"similarity.</p>{table(heads, rows[:_MOST_OPEN], 'Sharpest falls', words=True)}"
        f"{more}</section>"
    )


def _rows(fall: Fall) -> str:
    if not fall.rows:
        return '<span class="soft">not known</span>'
    return "".join(
        f'<span class="amount">{row.tma_row} → {row.test_row} '
        f'<span class="soft">{number(row.similarity)}</span></span>'
        for row in fall.rows
    )
