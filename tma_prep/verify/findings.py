"""What was proven of a folder of shards, and what was found wrong with it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

Check = Literal["files", "columns", "positions", "order", "ranking", "rows"]
"""
- `files`: every file has the manifest's SHA-256, none is missing and none is too many.
- `columns`: the user's and tma-prep's, with exact types, in every file.
- `positions`: 0, 1, 2, … without a gap over all files, and no training row twice.
- `order`: tma-prep's columns are equal to the order of the workspace.
- `ranking`: that order is what its options make of the ranking.
- `rows`: every value is that of the training row, bit for bit.
"""

CHECKS: tuple[Check, ...] = get_args(Check)

MOST_FINDINGS = 20


@dataclass(frozen=True)
class Proof:
    """What verification found of one folder of shards.

    Attributes:
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
    """Collects what is wrong (`lines`), by what it keeps from being proven.

    Attributes:
        skipped: What was not checked, and why.
        all_rows: Whether every row could be looked at.
    """

    lines: list[str] = field(default_factory=list)
    failed: set[Check] = field(default_factory=set)
    skipped: dict[Check, str] = field(default_factory=dict)
    all_rows: bool = True

    def add(self, line: str, *checks: Check) -> None:
        """Something is wrong, and these are not proven for it."""
        self.failed.update(checks)
        self.lines.append(line)

    def skip(self, reason: str, *checks: Check) -> None:
        """These cannot be checked."""
        self.skipped.update(dict.fromkeys(checks, reason))

    def proof(
        self, name: str, folder: Path, rows: int = 0, shards: int = 0, size: int = 0
    ) -> Proof:
        """What they leave proven of a folder of this name, with `size` bytes in all files."""
        return Proof(
            name,
            str(folder),
            rows,
            shards,
            size,
            {check: self._state(check) for check in CHECKS},
            self.lines[:MOST_FINDINGS],
            max(0, len(self.lines) - MOST_FINDINGS),
        )

    def _state(self, check: Check) -> str:
        if check in self.failed:
            return "not proven"
        whole = self.all_rows or check in ("files", "ranking")
        return self.skipped.get(check, "proven" if whole else "not proven")
