"""What a log is told while something long runs."""

import itertools

import pytest

from tma_prep_cli.console import TerminalProgress


@pytest.mark.parametrize(
    ("steps", "seconds", "line"),
    [
        (1, 13.0, "Training: 1 of 40 steps, 0.077 steps/s, 507 s left"),
        (30, 10.0, "Training: 30 of 40 steps, 3 steps/s, 3 s left"),
    ],
)
def test_a_slow_rate_has_digits(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    steps: int,
    seconds: float,
    line: str,
) -> None:
    """Fewer than one a second is not none."""
    clock = itertools.count(0.0, seconds)
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with TerminalProgress().stage("Training", 40, "steps") as advance:
        advance(steps)
    told = capsys.readouterr().err
    assert told.strip() == line
