"""One sentence on what a check found."""

from collections.abc import Sequence

from tma_prep_schemas import Difference, Evaluated

_MOST_NAMED = 3


_ON: dict[Evaluated, str] = {
    "all": "",
    "seen": "on the targets that the orders were arranged for, ",
    "unseen": "on targets that the orders never saw, ",
}


def headline(
    differences: Sequence[Difference],
    orders: Sequence[str],
    *,
    seeds: int,
    evaluated: Evaluated = "all",
) -> str:
    """Say what survives without leaking rows, or what was found where that was not tried.

    It goes by the area under the test-loss curve over steps.

    Args:
        differences: Under every control.
        orders: Of control `none`.
        seeds: How many.
        evaluated: Which test rows the loss is of.
    """
    areas = [difference for difference in differences if difference.measure == "auc_steps"]
    whole = [difference for difference in areas if difference.control == "none"]
    clean = [difference for difference in areas if difference.control == "no-leak"]
    if not whole and not clean:
        if len(orders) == 1:
            return f"{orders[0]} was trained alone: there is nothing to compare it with."
        return f"Of {_listed(orders)} no two can be compared: they have other steps or seeds."
    parts = [_found(clean, whole) if clean else _found(whole, None)]
    lost = [one for one in _findings(whole) if clean and not _survives(one, clean)]
    if lost:
        parts.append(_lost(lost))
    if not clean:
        parts.append("leaking rows were not taken out")
    if seeds == 1:
        parts.append("one seed: an observation, not a finding")
    text = _ON[evaluated] + "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _findings(differences: Sequence[Difference]) -> list[Difference]:
    found = [one for one in differences if one.verdict != "no effect found"]
    return sorted(found, key=lambda one: -abs(one.mean))


def _survives(finding: Difference, clean: Sequence[Difference]) -> bool:
    return any(
        (one.a, one.b, one.verdict) == (finding.a, finding.b, finding.verdict) for one in clean
    )


def _found(differences: Sequence[Difference], whole: Sequence[Difference] | None) -> str:
    """What was found and not, beside what the whole pool showed where leaks were taken out."""
    findings = _findings(differences)
    lead = "" if whole is None else "without leaking rows, "
    before = {(one.a, one.b): one.mean for one in whole or []}
    none = [one for one in differences if one.verdict == "no effect found"]
    if not findings:
        return f"{lead}{_nothing(none)}"
    named = [_finding(one, before.get((one.a, one.b))) for one in findings[:_MOST_NAMED]]
    if len(findings) > _MOST_NAMED:
        named.append(f"so on in {len(findings) - _MOST_NAMED} more pairs")
    text = f"{lead}the test loss (mean over the steps) is lower {_listed(named)}"
    return f"{text}; {_nothing(none)}" if none else text


def _finding(one: Difference, whole: float | None) -> str:
    low, high = (one.a, one.b) if one.mean < 0 else (one.b, one.a)
    ends = sorted((abs(one.low), abs(one.high)))
    text = f"with {low} than with {high} by {abs(one.mean):.3f} nats [{ends[0]:.3f}, {ends[1]:.3f}]"
    if whole is None:
        return text
    return f"{text} ({whole if one.mean > 0 else -whole:.3f} on the whole pool)"


def _nothing(none: Sequence[Difference]) -> str:
    """What was not found, and how small an effect would have been seen."""
    seen = max(one.smallest_effect for one in none)
    if len(none) <= _MOST_NAMED:
        pairs = _listed([f"{one.a} and {one.b}" for one in none], "or")
        text = f"no effect found between {pairs}"
    else:
        text = f"no effect found in {len(none)} pairs"
    return f"{text} (this run could have called {seen:.3f} nats or more)"


def _lost(lost: Sequence[Difference]) -> str:
    """What the whole pool showed and the clean one does not."""
    pairs = _listed([f"{one.a} and {one.b} ({one.mean:+.3f})" for one in lost[:_MOST_NAMED]])
    rest = f" and {len(lost) - _MOST_NAMED} more pairs" if len(lost) > _MOST_NAMED else ""
    return f"what the whole pool showed between {pairs}{rest} does not survive"


def _listed(items: Sequence[str], word: str = "and") -> str:
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"
