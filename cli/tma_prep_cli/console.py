"""What a person sees: progress and messages on stderr, results on stdout."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def error_console() -> "Console":
    """The terminal's stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(text: str) -> None:
    """One line on stderr; what comes from a user's data cannot move the cursor."""
    error_console().print(f"[bold red]error:[/] {_plain(text)}")


def print_warning(text: str) -> None:
    """One line on stderr that nobody should miss."""
    error_console().print(f"[bold yellow]warning:[/] {_plain(text)}")


def print_json(result: object) -> None:
    """One JSON object on stdout."""
    from pydantic import TypeAdapter

    values = TypeAdapter(type(result)).dump_python(result, mode="json")
    # ASCII alone: no name from a user's disk can move the cursor, or fail to be encoded.
    sys.stdout.write(json.dumps(values) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A small table on stdout; the first column is text, the others are numbers.

    Without a row of headings where no column has one.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    # Not as the table's own title, which would be broken at the table's width.
    console.print(f"[bold]{_plain(title)}[/]", soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, show_header=any(columns))
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(_plain(_shown(value)) for value in row))
    console.print(table)


def print_line(text: str) -> None:
    """One line on stdout."""
    sys.stdout.write(f"{_printable(text)}\n")


def print_next(text: str, *commands: str) -> None:
    """What to run next, on stdout, a line each."""
    sys.stdout.write("".join([f"{text}\n", *(f"  {_printable(line)}\n" for line in commands)]))


class TerminalProgress:
    """Progress bars with rate and time left; satisfies `tma_prep.progress.Progress`."""

    def __init__(self) -> None:
        """Write to stderr; without a terminal, a line now and then."""
        self._console = error_console()
        self._table: _FillingTable | None = None

    @contextlib.contextmanager
    def stage(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """Show one stage; `total` 0 where it is not known."""
        if not self._console.is_terminal:
            yield from self._lines(label, total, unit)
            return
        if self._table is not None:
            yield self._table.counter(label, total, unit)
            return
        from rich.progress import (
            BarColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[done]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        with progress:
            task = progress.add_task(label, total=total or None, done="")

            def advance(more: int) -> None:
                progress.advance(task, more)
                state = progress.tasks[0]
                rate = f" · {_rate(state.speed)} {unit}/s" if state.speed and unit else ""
                done = f"{_count(state.completed)}" + (f"/{_count(total)}" if total else "")
                progress.update(task, done=f"{done} {unit}{rate}")

            yield advance

    def _lines(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """For logs: one line every ten seconds, so that nothing long is silent."""
        import time

        start = last = time.monotonic()
        done = 0

        def advance(more: int) -> None:
            nonlocal last, done
            done += more
            now = time.monotonic()
            if now - last >= 10:
                last = now
                rate = done / (now - start)
                left = f", {(total - done) / rate:,.0f} s left" if total and rate else ""
                of_total = f" of {_count(total)}" if total else ""
                self.note(f"{label}: {_count(done)}{of_total} {unit}, {_rate(rate)} {unit}/s{left}")

        yield advance

    def note(self, text: str) -> None:
        """One line on stderr."""
        self._console.print(_plain(text))

    @contextlib.contextmanager
    def table(
        self, title: str, rows: Sequence[str], columns: Sequence[str]
    ) -> Iterator[Callable[[str, str, str], None]]:
        """A table that fills; without a terminal, a line for each row that is full.

        A stage may run inside: its bar stands below the table.
        """
        table = _FillingTable(title, rows, columns)
        if not self._console.is_terminal:
            yield table.show
            for line in table.lines():
                self.note(line)
            return
        from rich.live import Live

        live = Live(
            console=self._console,
            get_renderable=table.drawn,
            refresh_per_second=4,
            transient=True,
        )
        with live:
            self._table = table
            try:
                yield table.show
            finally:
                self._table = None


class _FillingTable:
    """The cells of a table that fills, and how far the stage inside it is."""

    def __init__(self, title: str, rows: Sequence[str], columns: Sequence[str]) -> None:
        self._title, self._rows, self._columns = title, rows, columns
        self._cells: dict[tuple[str, str], str] = {}
        self._caption = ""

    def show(self, row: str, column: str, text: str) -> None:
        """Fill a cell."""
        self._cells[row, column] = text

    def counter(self, label: str, total: int, unit: str) -> Callable[[int], None]:
        """Counts a stage in the line below the table."""
        import time

        start, done = time.monotonic(), 0

        def advance(more: int) -> None:
            nonlocal done
            done += more
            rate = done / max(time.monotonic() - start, 1e-3)
            left = f", {(total - done) / rate:,.0f} s left" if total and done else ""
            self._caption = f"{label}: {_count(done)}/{_count(total)} {unit}{left}"

        advance(0)
        return advance

    def lines(self) -> Iterator[str]:
        """A line a row, for logs."""
        for row in self._rows:
            cells = (f"{column} {self._cells.get((row, column), '–')}" for column in self._columns)
            yield f"{self._title}: {row}: {', '.join(cells)}"

    def drawn(self) -> "Table":
        """As it is now."""
        from rich import box
        from rich.table import Table

        table = Table(title=_plain(self._title), caption=_plain(self._caption), box=box.SIMPLE_HEAD)
        for column in ("", *self._columns):
            table.add_column(_plain(column), justify="right" if column else "left")
        for row in self._rows:
            shown = (self._cells.get((row, column), "…") for column in self._columns)
            table.add_row(_plain(row), *(_plain(text) for text in shown))
        return table


def show_path(path: Path | str) -> str:
    """A path as it may be typed: quoted where a shell needs it."""
    import shlex

    return shlex.quote(str(path))


def _shown(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}"
    return str(value)


def _rate(a_second: float) -> str:
    """Two digits of what is slow: a step of a large model takes longer than a second."""
    return _count(a_second) if a_second >= 10 else f"{a_second:.2g}"


def _count(number: float) -> str:
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if suffix == 'k' else size):.1f}{suffix}"
    return f"{number:.0f}"


def _plain(text: str) -> str:
    """Text that rich prints as it is, with control characters shown instead of obeyed."""
    from rich.markup import escape

    return escape(_printable(text))


def _printable(text: str) -> str:
    """Text with control characters shown instead of obeyed."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
