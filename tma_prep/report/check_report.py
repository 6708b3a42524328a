"""The report of a train check: what each order taught, and how far that can be trusted."""

import shlex
from collections.abc import Mapping

import pyarrow as pa

from tma_prep.report import check_charts as charts
from tma_prep.report.page import render
from tma_prep_schemas import CheckSummary

_OPTIONS = {"orders": "--order", "controls": "--control"}
"""Options whose names are not those of the settings."""

_NOT_OPTIONS = ("model_sha256", "target_role")
_FEW_TASKS, _MOST_OPEN = 5, 24


def render_check_report(
    summary: CheckSummary, curves: pa.Table, settings: Mapping[str, object]
) -> str:
    """One HTML page that needs no network and no script.

    Args:
        summary: The numbers of the check; at least one order.
        curves: The table they were computed from, schema `CURVES`.
        settings: Every option of `train-check`, resolved, by its name without the dashes.
    """
    styles = charts.styles_of(summary)
    return render(
        "check.html.j2",
        summary=summary,
        styles=styles,
        controls=charts.CONTROL_NAMES,
        measures=charts.MEASURES,
        seen=charts.SEEN,
        pairs=_pairs(summary),
        curves=charts.curves_chart(summary, styles),
        control_figures=charts.control_charts(summary, styles),
        forests=charts.forests(summary),
        tasks=charts.tasks(curves, styles),
        similarity=charts.similarity_charts(curves, styles),
        milestones=charts.milestones_chart(summary, styles),
        settings=settings,
        command=_command(settings),
        few_tasks=_FEW_TASKS,
        most_open=_MOST_OPEN,
    )


def _pairs(summary: CheckSummary) -> list[dict[str, object]]:
    """What the area over steps says of each two orders, by control."""
    areas = [one for one in summary.differences if one.measure == "auc_steps"]
    pairs: list[dict[str, object]] = []
    for a, b in dict.fromkeys((one.a, one.b) for one in areas if one.control != "null"):
        found = {one.control: one for one in areas if (one.a, one.b) == (a, b)}
        least = max(one.smallest_effect for one in found.values())
        pairs.append({"a": a, "b": b, "found": found, "least": least})
    return pairs


def _command(settings: Mapping[str, object]) -> str:
    """What makes the same check again."""
    words = ["tma-prep", "train-check", "WORK"]
    for name, value in settings.items():
        option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
        if name in _NOT_OPTIONS or value is None or value is False:
            continue
        if value is True:
            words.append(option)
            continue
        values = value if isinstance(value, list | tuple) else [value]
        if name == "controls" and not values:
            values = ["off"]
        for part in values:
            words += [option, shlex.quote(str(part))]
    return " ".join(words)
