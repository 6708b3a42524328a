"""What a person sees: progress and messages on stderr, results on stdout."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_SECONDS_A_LINE = 10
"""Without a terminal, so that nothing long is silent."""


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


def print_table(title: str, rows: Iterable[Sequence[object]], *columns: str) -> None:
    """A small table on stdout; the first column is text, the others are numbers.

    Without headings, two columns: what it is, and its value.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    # Not as the table's own title, which would be broken at the table's width.
    console.print(f"[bold]{_plain(title)}[/]", soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, show_header=bool(columns))
    for place, column in enumerate(columns or ("", "")):
        table.add_column(column, justify="right" if place else "left", overflow="fold")
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
        if self._console.is_terminal and self._table is None:
            yield from self._bar(label, total, unit)
            return
        import time

        start = last = time.monotonic()
        done = 0

        def advance(more: int) -> None:
            nonlocal last, done
            done += more
            now = time.monotonic()
            rate = done / max(now - start, 1e-3)
            left = f", {(total - done) / rate:,.0f} s left" if total and rate else ""
            of_total = f" of {_count(total)}" if total else ""
            text = f"{label}: {_count(done)}{of_total} {unit}, {_rate(rate)} {unit}/s{left}"
            if self._table is not None:
                self._table.caption = text
            elif now - last >= _SECONDS_A_LINE:
                last = now
                self.note(text)

        yield advance

    def _bar(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        from rich import progress as bars

        progress = bars.Progress(
            bars.SpinnerColumn(),
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.TextColumn("{task.fields[done]}"),
            bars.TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        with progress:
            task = progress.add_task(label, total=total or None, done="")

            def advance(more: int) -> None:
                progress.advance(task, more)
                state = progress.tasks[0]
                rate = f" · {_rate(state.speed)} {unit}/s" if state.speed and unit else ""
                of_total = f"/{_count(total)}" if total else ""
                progress.update(task, done=f"{_count(state.completed)}{of_total} {unit}{rate}")

            yield advance

    def note(self, text: str) -> None:
        """One line on stderr."""
        self._console.print(_plain(text))

    @contextlib.contextmanager
    def table(
        self, title: str, rows: Sequence[str], columns: Sequence[str]
    ) -> Iterator[Callable[[str, str, str], None]]:
        """A table that fills; without a terminal, a line for each row that is full.

        A stage may run inside: how far it is stands below the table.
        """
        table = _FillingTable(title, rows, columns)
        if not self._console.is_terminal:
            yield table.show
            for line in table.lines():
                self.note(line)
            return
        from rich.live import Live

        with Live(console=self._console, get_renderable=table.drawn, transient=True):
            self._table = table
            try:
                yield table.show
            finally:
                self._table = None


class _FillingTable:
    """The cells of a table that fills, and below it how far the stage inside is."""

    def __init__(self, title: str, rows: Sequence[str], columns: Sequence[str]) -> None:
        self._title, self._rows, self._columns = title, rows, columns
        self._cells: dict[tuple[str, str], str] = {}
        self.caption = ""

    def show(self, row: str, column: str, text: str) -> None:
        """Fill a cell."""
        self._cells[row, column] = text

    def lines(self) -> Iterator[str]:
        """A line a row, for logs."""
        for row in self._rows:
            cells = (f"{column} {self._cells.get((row, column), '–')}" for column in self._columns)
            yield f"{self._title}: {row}: {', '.join(cells)}"

    def drawn(self) -> "Table":
        """As it is now."""
        from rich import box
        from rich.table import Table

        table = Table(title=_plain(self._title), caption=_plain(self.caption), box=box.SIMPLE_HEAD)
        for column in ("", *self._columns):
            table.add_column(_plain(column), justify="right" if column else "left")
        for row in self._rows:
            shown = (self._cells.get((row, column), "…") for column in self._columns)
            table.add_row(*map(_plain, (row, *shown)))
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
