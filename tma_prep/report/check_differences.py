"""Verdicts of a check: at a glance, as forest plots, and in full."""

from collections.abc import Sequence

from tma_prep.report.check_curves import CONTROL_NAMES
from tma_prep.report.interval_chart import Group, Interval, interval_chart
from tma_prep.report.text import MINUS, code, folded, number, shown, signed, table
from tma_prep_schemas import CheckSummary, Control, Difference, Measure, Verdict

_MEASURES: dict[Measure, str] = {
    "auc_steps": "Mean loss over steps",
    "auc_tokens": "Mean loss over response tokens",
    "early_loss": "Loss after a tenth of the steps",
    "final_loss": "Loss at the end",
}
_LABELS: dict[Control, str] = {"none": "whole pool", "no-leak": "no leaking rows"}
_SYMBOLS: dict[Verdict, str] = {"lower": "▼", "higher": "▲", "no effect found": "○"}


def _css_class(verdict: Verdict) -> str:
    return "none" if verdict == "no effect found" else verdict


def verdict_chip(verdict: Verdict) -> str:
    """A verdict as it stands in the summary, told apart without colour."""
    return f'<span class="verdict {_css_class(verdict)}">{_SYMBOLS[verdict]} {verdict}</span>'


def _pair(one: Difference) -> str:
    return f"{one.a} {MINUS} {one.b}"


def _ends(one: Difference) -> str:
    return f"{signed(one.mean)} [{signed(one.low)}, {signed(one.high)}]"


def _cell(one: Difference | None) -> str:
    if one is None:
        return '<span class="soft">not compared</span>'
    return f'{verdict_chip(one.verdict)}<span class="amount">{_ends(one)}</span>'


def glance(summary: CheckSummary) -> str:
    """One line a pair: what the area over steps says, what survives first."""
    areas = [one for one in summary.differences if one.measure == "auc_steps"]
    shown_controls: list[Control] = [
        control for control in ("no-leak", "none") if any(one.control == control for one in areas)
    ]
    pairs = list(dict.fromkeys((one.a, one.b) for one in areas if one.control != "null"))
    if not pairs:
        return ""
    rows = []
    for a, b in pairs:
        found = {one.control: one for one in areas if (one.a, one.b) == (a, b)}
        least = max(one.smallest_effect for one in found.values())
        rows.append(
            [
                f"{code(a)} {MINUS} {code(b)}",
                *(_cell(found.get(control)) for control in shown_controls),
                number(least),
            ]
        )
    heads = ["Compared", *(CONTROL_NAMES[control] for control in shown_controls)]
    return (
        f"{table([*heads, 'Smallest effect'], rows, 'Verdicts', words=True)}"
        '<p class="soft">Difference in mean test loss over the steps, nats a response token, with '
        "95 % intervals; “lower” means that the first order’s loss is lower. “Smallest effect” is "
        "what this run could have called.</p>"
    )


def differences_section(summary: CheckSummary) -> str:
    """A forest plot for each measure, and every number in a table."""
    if not summary.differences:
        return ""
    first, *rest = [
        (name, [one for one in summary.differences if one.measure == measure])
        for measure, name in _MEASURES.items()
    ]
    others = "".join(
        f"<figure><figcaption>{name}</figcaption>{_forest(name, found)}</figure>"
        for name, found in rest
    )
    envelope = summary.differences[0].envelope
    ground = (
        " The shaded ground is the envelope: the largest mean difference that random orders showed "
        "among themselves over these seeds; what lies inside it is no finding."
        if envelope is not None
        else " No random orders were trained among themselves, so there is no envelope."
    )
    return (
        "<section><h2>Differences</h2>"
        '<p class="soft">First order less second: left of nought the first is better. Whiskers are '
        "95 % intervals, paired by seed and test row, from a crossed bootstrap over seeds and "
        f"tasks.{ground} ▼ lower, ▲ higher, ○ no effect found.</p>"
        f"<figure><figcaption>{first[0]}</figcaption>{_forest(*first)}</figure>"
        "<h3>By the other measures</h3>"
        f'<div class="figures pairs">{others}</div>{_in_full(summary.differences)}</section>'
    )


def _forest(name: str, found: Sequence[Difference]) -> str:
    pairs = list(dict.fromkeys((one.a, one.b) for one in found if one.control != "null"))
    groups = [
        Group(
            f"{a} {MINUS} {b}",
            [
                _interval(label, one)
                for control, label in _LABELS.items()
                for one in found
                if (one.a, one.b, one.control) == (a, b, control)
            ],
        )
        for a, b in pairs
    ]
    random = [_interval(_random_label(one), one) for one in found if one.control == "null"]
    if random:
        groups.append(Group("Random orders among themselves", random))
    return interval_chart(
        groups,
        title=f"{name}: differences with 95 % intervals",
        x_label="Difference in test loss (nats a response token)",
        shade=found[0].envelope,
    )


def _random_label(one: Difference) -> str:
    return f"{one.a.removeprefix('random-')} {MINUS} {one.b.removeprefix('random-')}"


def _interval(label: str, one: Difference) -> Interval:
    return Interval(
        label=label,
        low=one.low,
        high=one.high,
        points=[(one.mean, one.verdict == "no effect found")],
        css_class=_css_class(one.verdict),
        title=f"{_pair(one)}, {CONTROL_NAMES[one.control].lower()}: {_ends(one)}, {one.verdict}",
        symbol=_SYMBOLS[one.verdict],
    )


def _in_full(differences: Sequence[Difference]) -> str:
    rows = [
        [
            shown(_pair(one)),
            _MEASURES[one.measure],
            CONTROL_NAMES[one.control],
            signed(one.mean),
            f"[{signed(one.low)}, {signed(one.high)}]",
            verdict_chip(one.verdict),
            "–" if one.envelope is None else number(one.envelope),
            number(one.smallest_effect),
        ]
        for one in differences
    ]
    heads = ["Compared", "Measure", "Control", "Mean", "95 % interval", "Verdict"]
    heads += ["Envelope", "Smallest effect"]
    return folded("Every difference", table(heads, rows, "Every difference", words=True))
