"""What was proven of a folder of shards, and what was found wrong with it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

Check = Literal[
    "manifest", "files", "columns", "positions", "rows", "selection", "digest", "text", "order",
    "schedule", "input",
]  # fmt: skip
"""
- `manifest`: it is the text that was written.
- `files`: every file has the manifest's SHA-256, none is missing and none is too many.
- `columns`: the user's and tma-prep's, with exact types, in every file.
- `positions`: 0, 1, 2, … without a gap, over all files.
- `rows`: every row comes once.
- `selection`: they are the whole pool, or as many as the budget says.
- `digest`: whole rows in order are those that were written.
- `text`: `tma_id` is the id of the row's own text.
- `order`: equal to `orders/NAME.parquet`.
- `schedule`: its stages are those of these rows.
- `input`: every row is equal to the input row that it came from.
"""

CHECKS: tuple[Check, ...] = get_args(Check)

MOST_FINDINGS = 20


@dataclass(frozen=True)
class Proof:
    """What verification found of one folder of shards.

    Attributes:
        name: Of the order, or of the folder.
        folder: Where the shards are.
        rows: By their manifest; 0 where that cannot be read.
        bytes: Of all files.
        checks: `proven`, `not proven`, or why it was not checked.
        findings: What is wrong, a line each, `MOST_FINDINGS` of them at most.
        findings_left_out: How many more there are.
    """

    name: str
    folder: str
    rows: int
    shards: int
    bytes: int
    checks: dict[Check, str]
    findings: list[str]
    findings_left_out: int


@dataclass
class Findings:
    """Collects what is wrong, by what it keeps from being proven.

    Attributes:
        lines: What is wrong, `MOST_FINDINGS` lines at most.
        left_out: How many more there are.
        failed: What something was found wrong of.
        skipped: What was not checked, and why.
        all_rows: Whether every row could be looked at.
    """

    lines: list[str] = field(default_factory=list)
    left_out: int = 0
    failed: set[Check] = field(default_factory=set)
    skipped: dict[Check, str] = field(default_factory=dict)
    all_rows: bool = True

    def add(self, check: Check, line: str) -> None:
        """Something is wrong."""
        self.failed.add(check)
        if len(self.lines) < MOST_FINDINGS:
            self.lines.append(line)
        else:
            self.left_out += 1

    def by_check(self) -> dict[Check, str]:
        """What became of each check."""
        return {check: self._state(check) for check in CHECKS}

    def _state(self, check: Check) -> str:
        if check in self.failed:
            return "not proven"
        whole = self.all_rows or check in ("manifest", "files")
        return self.skipped.get(check, "proven" if whole else "not proven")


def unproven(name: str, folder: Path, line: str) -> Proof:
    """Of a folder whose manifest cannot be read, so that nothing is known of it."""
    return Proof(
        name=name,
        folder=str(folder),
        rows=0,
        shards=0,
        bytes=0,
        checks=dict.fromkeys(CHECKS, "not proven"),
        findings=[line],
        findings_left_out=0,
    )
