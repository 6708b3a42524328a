"""The commands, put together."""

import sys

import typer

from tma_prep_cli import (
    arrange,
    compare,
    embed,
    explain,
    export,
    init,
    inspect,
    run,
    train_check,
    verify,
)

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
app.command("embed", help=embed.HELP)(embed.embed)
app.command("arrange", help=arrange.HELP)(arrange.arrange)
app.command("export", help=export.HELP)(export.export)
app.command("verify", help=verify.HELP)(verify.verify)
app.command("explain", help=explain.HELP)(explain.explain)
app.command("inspect", help=inspect.HELP)(inspect.inspect)
app.command("train-check", help=train_check.HELP)(train_check.train_check)
app.command("compare", help=compare.HELP)(compare.compare)
app.command("init", help=init.HELP)(init.init)
app.command("run", help=run.HELP)(run.run)


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
