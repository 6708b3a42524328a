"""How the library tells what it is doing, without knowing of a terminal."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

Advance = Callable[[int], None]
Show = Callable[[str, str, str], None]
"""Told the row and the column of a table, and what to show there."""


class Progress(Protocol):
    """What a caller may pass in to follow the work."""

    def stage(self, label: str, total: int, unit: str) -> AbstractContextManager[Advance]:
        """A stage of `total` units; the value entered is told how many more are done."""

    def note(self, text: str) -> None:
        """One line worth telling."""


class TableProgress(Progress, Protocol):
    """What a caller may pass in to follow work with many strands."""

    def table(
        self, title: str, rows: Sequence[str], columns: Sequence[str]
    ) -> AbstractContextManager[Show]:
        """A table that fills while the work goes on."""


class Silent:
    """A `Progress` that tells nothing."""

    @contextlib.contextmanager
    def stage(self, label: str, total: int, unit: str) -> Iterator[Advance]:
        """Enter a stage nobody watches."""
        yield lambda _: None

    def note(self, text: str) -> None:
        """Drop the line."""

    @contextlib.contextmanager
    def table(self, title: str, rows: Sequence[str], columns: Sequence[str]) -> Iterator[Show]:
        """Fill a table nobody watches."""
        yield lambda row, column, text: None


class Stopwatch:
    """Seconds by stage, for `--json`."""

    def __init__(self) -> None:
        """Start with no stage."""
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add the time spent inside to the stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + spent, 3)
