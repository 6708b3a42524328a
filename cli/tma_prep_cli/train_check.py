"""`tma-prep train-check`."""

from pathlib import Path
from typing import Annotated

import typer

HELP = "x"


def train_check(work: Annotated[Path, typer.Argument()]) -> None:
    """Parse, call, print."""
