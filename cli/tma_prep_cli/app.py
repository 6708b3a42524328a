"""The commands, put together."""

import sys

import typer

from tma_prep_cli.arrange import arrange
from tma_prep_cli.compare import compare
from tma_prep_cli.embed import embed
from tma_prep_cli.explain import explain
from tma_prep_cli.export import export
from tma_prep_cli.from_model import Command, command, help_of
from tma_prep_cli.init import init
from tma_prep_cli.inspect import inspect
from tma_prep_cli.run import run
from tma_prep_cli.train_check import train_check
from tma_prep_cli.verify import verify

_FUNCTIONS = (embed, arrange, export, verify, explain, inspect, train_check, compare, init, run)
COMMANDS: dict[str, Command] = {each.__name__.replace("_", "-"): each for each in _FUNCTIONS}

app = typer.Typer(
    name="tma-prep",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Put instruction-tuning data into the order in which a model should see it.\n\n"
        "Three steps, one workspace folder:\n\n"
        "[bold]tma-prep embed[/] --train pool.jsonl --test target.jsonl --out work\n\n"
        "[bold]tma-prep arrange[/] work --order nft --order rt\n\n"
        "[bold]tma-prep train-check[/] work --order nft --order rt\n\n"
        "The ordered rows are Parquet files in work/shards/nft. "
        "Each command explains itself: tma-prep arrange --help"
    ),
)
for name, function in COMMANDS.items():
    app.command(name, help=help_of(function))(command(function))


def _version(wanted: bool) -> None:
    if wanted:
        import tma_prep

        sys.stdout.write(f"tma-prep {tma_prep.__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Options of the program itself."""
