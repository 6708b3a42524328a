"""`tma-prep run`."""

from pathlib import Path
from typing import TYPE_CHECKING

from tma_prep.options import RunOptions
from tma_prep_cli import arrange, embed, train_check
from tma_prep_cli.console import TerminalProgress, print_line, print_next, show_path

if TYPE_CHECKING:
    from tma_prep.recipe import RunResult, StepResult


def run(options: RunOptions) -> object:
    """Do what one file says: embed, arrange and train-check, with the options that stand in it.

    A section of the file is a command, a key of it an option: [bold]tma-prep init[/] writes one
    that explains itself. Everything in it is checked before the first row is read. Paths are
    relative to the file, wherever it is run from. What is there and has not changed is kept, so
    that the same command goes on after an interruption.

    [bold]Examples[/]

      tma-prep run tma.toml

      tma-prep run experiments/bge.toml --overwrite --json
    """
    from tma_prep.recipe import read_recipe, run_recipe

    recipe = read_recipe(options)
    if recipe.folder.absolute() != Path.cwd():
        print_line(f"Paths are relative to {recipe.folder}")
    result = run_recipe(recipe, TerminalProgress(), _print_step)
    _print_end(result)
    return result


def _print_step(result: "StepResult") -> None:
    """What the command itself would print."""
    from tma_prep.arrange import ArrangeResult
    from tma_prep.embeddings import EmbedResult

    if isinstance(result, EmbedResult):
        embed.print_result(result)
    elif isinstance(result, ArrangeResult):
        arrange.print_result(result)
    else:
        train_check.print_summary(result.summary)


def _print_end(result: "RunResult") -> None:
    """Where the results are, from here."""
    folder = Path(result.folder)
    shards = [order.folder for each in result.arrange for order in each.orders if order.folder]
    if shards:
        here = (each if "://" in each else folder / each for each in shards)
        print_next("The shards:", *map(show_path, here))
    if result.train_check:
        reports = [show_path(folder / each.report) for each in result.train_check]
        print_next("The reports:", *reports)
