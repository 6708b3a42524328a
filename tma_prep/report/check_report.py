"""The report of a train check: what each order taught, and how far that can be trusted."""

import shlex
from collections.abc import Mapping

import pyarrow as pa

from tma_prep.report.check_curves import (
    curves_section,
    similarity_section,
    styles_of,
    tasks_section,
)
from tma_prep.report.check_differences import differences_section, glance
from tma_prep.report.check_dynamics import falls_section, milestones_section
from tma_prep.report.page import page
from tma_prep.report.text import counted, shown, table
from tma_prep_schemas import CheckSummary, Evaluated, TargetRole

_OPTIONS = {"orders": "--order", "controls": "--control"}
"""Options whose names are not those of the settings."""

_NOT_OPTIONS = ("model_sha256", "target_role")
_EVALUATED: dict[Evaluated, str] = {
    "all": "",
    "seen": " that the orders were arranged for",
    "unseen": " that the orders never saw",
}
_FEW_TASKS = 5
_ROLES: dict[TargetRole, str] = {
    "test": "The target rows are test data (target-role test): orders were made and are judged by "
    "looking at them, so a loss on them is no result on data that nobody looked at.",
    "validation": "The target rows are validation data (target-role validation): choose an order "
    "by what is found here, and tell results of test rows that no order was made from.",
}
"""What may be claimed."""


def render_check_report(
    summary: CheckSummary, curves: pa.Table, settings: Mapping[str, object]
) -> str:
    """One HTML page that needs no network and no script.

    Args:
        summary: The numbers of the check; at least one order.
        curves: The table they were computed from, schema `CURVES`.
        settings: Every option of `train-check`, resolved, by its name without the dashes.
    """
    styles = styles_of(summary)
    names = ", ".join(styles)
    body = "\n".join(
        [
            "<header><h1>tma-prep train check</h1>",
            _headline(summary.headline),
            glance(summary),
            _caveats(summary),
            f"<p>{shown(_conditions(summary))}</p>",
            f"<p>{shown(_ROLES[summary.target_role])}</p></header>",
            curves_section(summary, styles),
            differences_section(summary),
            _leakage(summary),
            tasks_section(curves, styles),
            similarity_section(curves, styles),
            milestones_section(summary, styles),
            falls_section(summary),
            f"<section><h2>Settings</h2>{_settings(settings)}</section>",
            f"<section><h2>How to repeat it</h2>{_repeat(settings)}</section>",
        ]
    )
    return page(f"Train check: {names}", body)


def _headline(text: str) -> str:
    """What comes first stands out; the rest of the sentence follows below."""
    first, stop, rest = text.partition("; ")
    if not stop:
        return f'<p class="lead">{shown(text)}</p>'
    rest = f"{rest[:1].upper()}{rest[1:]}"
    return f'<p class="lead">{shown(first)}.</p><p class="rest">{shown(rest)}</p>'


def _caveats(summary: CheckSummary) -> str:
    """What this run cannot show."""
    controls = {order.control for order in summary.orders}
    texts = []
    if len(summary.seeds) == 1:
        texts.append(
            "<strong>One seed: an observation, not a finding.</strong> The intervals hold for "
            "other tasks, not for other starts and draws; another seed can turn a difference round."
        )
    if "null" not in controls:
        texts.append(
            "Random orders were not trained among themselves: how far two orders differ by luck "
            "alone is not known."
        )
    if "no-leak" not in controls:
        texts.append(
            "The orders were not trained again without leaking rows: what is seen here may be "
            "text that stands on both sides."
        )
    if summary.tasks < _FEW_TASKS:
        texts.append(
            f"There are only {summary.tasks} tasks to draw from: intervals from so few are too "
            "narrow."
        )
    if not texts:
        return ""
    return f'<div class="note">{"".join(f"<p>{text}</p>" for text in texts)}</div>'


def _conditions(summary: CheckSummary) -> str:
    scored = summary.test_rows - len(summary.unscored_test_rows)
    texts = [
        f"Model {summary.model}, {summary.parameters:,} weights trained, "
        f"{counted(len(summary.seeds), 'seed')}; {summary.steps:,} steps of "
        f"{counted(summary.batch_size, 'row')} "
        f"({counted(summary.train_rows, 'row')} a run); {counted(scored, 'test')}"
        f"{_EVALUATED[summary.evaluated]} in "
        f"{counted(summary.tasks, 'cluster')} for the bootstrap."
    ]
    if summary.base is not None:
        base = summary.base
        texts.append(
            f"Before that, {base.steps:,} steps on {base.rows:,} random rows that share nothing "
            f"with the tests and are left out of every order: from {base.mean_loss_before:.3f} to "
            f"{base.mean_loss_after:.3f} nats."
        )
    if summary.unscored_test_rows:
        rows = ", ".join(str(row) for row in summary.unscored_test_rows)
        texts.append(f"Test rows without a response have no loss and are left out: {rows}.")
    return " ".join(texts)


def _leakage(summary: CheckSummary) -> str:
    leakage = summary.leakage
    if leakage is None:
        return ""
    rule = (
        f"a single {leakage.ngram}-gram of words of a test"
        if leakage.rule == "any"
        else f"half of a test’s distinct word {leakage.ngram}-grams"
    )
    share = leakage.leaking_rows / leakage.pool_rows
    rows = [[shown(order), f"{of_order:.1%}"] for order, of_order in leakage.share_of_first.items()]
    heads = ["Order", "Leaking rows among those trained on"]
    return (
        "<section><h2>Leakage</h2>"
        f"<p>Of {counted(leakage.pool_rows, 'row')} of the pool {leakage.leaking_rows:,} "
        f"({share:.1%}) leak a test: {leakage.equal_rows:,} equal one but for case, space and "
        f"punctuation, {leakage.ngram_rows:,} hold {rule}.</p>"
        f"{table(heads, rows, 'Leakage') if rows else ''}"
        "</section>"
    )


def _settings(settings: Mapping[str, object]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{shown(name)}</th><td>{shown(_setting(value))}</td></tr>'
        for name, value in settings.items()
    )
    return f'<table class="plain"><tbody>{rows}</tbody></table>'


def _repeat(settings: Mapping[str, object]) -> str:
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
    return (
        "<p>With <code>WORK</code> the workspace that holds these orders:</p>"
        f"<pre>{shown(' '.join(words))}</pre>"
        "<p>The same shards, settings, library versions and processor give the same numbers. An "
        "accelerator may add in another order and differ in the last digits. Every number here "
        "stands in <code>summary.json</code>, or is a mean over <code>curves.parquet</code>, both "
        "beside this file; the summary can be computed again from the curves alone.</p>"
    )


def _setting(value: object) -> str:
    if value is None or value in ([], ()):
        return "not set" if value is None else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(part) for part in value)
    return str(value)
