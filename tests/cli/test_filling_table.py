"""The table that fills while orders train."""

import io

import pytest
from rich.console import Console

from tma_prep_cli.console import TerminalProgress

ROWS, COLUMNS = ["nft", "rt (no-leak)"], ["seed 0", "seed 1"]


def test_logs_get_a_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, when the work is done."""
    with TerminalProgress().table("Loss", ROWS, COLUMNS) as show:
        show("nft", "seed 1", "4.5")
        show("nft", "seed 1", "4.25")
    assert capsys.readouterr().err.splitlines() == [
        "Loss: nft: seed 0 –, seed 1 4.25",
        "Loss: rt (no-leak): seed 0 –, seed 1 –",
    ]


def test_a_terminal_shows_the_latest_and_how_far_it_is() -> None:
    """A stage inside the table counts below it; a name cannot move the cursor."""
    progress = TerminalProgress()
    screen = io.StringIO()
    progress._console = Console(file=screen, force_terminal=True, width=80, soft_wrap=True)
    with (
        progress.table("Loss", ["a\x1b[2J", "b"], COLUMNS) as show,
        progress.stage("Training", 10, "steps") as advance,
    ):
        show("b", "seed 0", "4.5")
        show("b", "seed 0", "4.25")
        advance(4)
        assert progress._table is not None
        table = progress._table.drawn()
    shown = Console(file=io.StringIO(), width=80)
    with shown.capture() as capture:
        shown.print(table)
    text = capture.get()
    assert "4.25" in text and "4.5 " not in text
    assert "Training: 4 of 10 steps" in text
    assert "\x1b[2J" not in text and "a\\x1b[2J" in text
    assert "\x1b[2J" not in screen.getvalue()
