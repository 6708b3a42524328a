"""How much is tried: a little in `make test`, much in `make torture`; and what came of it."""

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase

TORTURE = float(os.environ.get("TORTURE") or 0)
"""1 in `make torture`; 0.1 for a tenth of it. The tests are the same, only more is tried."""

LONG_CASES: dict[str, Any] = {
    "deadline": None,
    # What is rare is for a torture run to find, not for whoever changed something else.
    "derandomize": not TORTURE,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    "phases": [Phase.explicit, Phase.reuse, Phase.generate],
}
"""Settings of hypothesis for cases that each run a command: small as they are drawn."""

_PROPERTY = "tried"


def amount(short: int, long: int) -> int:
    """How many cases to try: in `make test`, and in `make torture`."""
    return max(short, round(long * TORTURE))


class Tally:
    """Counts what a test tries, by what it is and what came of it; shown at the end of a run."""

    def __init__(self, node: pytest.Item, what: str) -> None:
        """Begin with nothing.

        Args:
            node: The test.
            what: What it tries, in words.
        """
        # Reports carry properties from the processes of xdist to the one that shows them, if they
        # are plain.
        self._counts: dict[str, int] = {}
        node.user_properties.append((_PROPERTY, (what, self._counts)))

    def add(self, outcome: str) -> None:
        """One more case."""
        self._counts[outcome] = self._counts.get(outcome, 0) + 1


def lines_of(reports: list[pytest.TestReport]) -> list[str]:
    """A Markdown table of everything that was tried."""
    total: dict[str, Counter[str]] = {}
    for report in reports:
        for name, value in report.user_properties:
            if name == _PROPERTY:
                assert isinstance(value, tuple | list)
                total.setdefault(str(value[0]), Counter()).update(dict(value[1]))
    head = ["| what was tried | cases | what came of it |", "| --- | ---: | --- |"]
    rows = [
        f"| {what} | {counts.total():,} | "
        + ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))
        + " |"
        for what, counts in sorted(total.items())
    ]
    return [*head, *rows] if rows else []
