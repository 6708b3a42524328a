"""The entry point, and the one place where an error becomes a line and an exit code."""

import os
import signal
import sys
import traceback

import typer
from typer.exceptions import TyperException

from tma_prep_cli import arrange, embed, train_check
from tma_prep_cli.console import print_error

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

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
app.command("train-check", help=train_check.HELP)(train_check.train_check)


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


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command.

    Returns:
        0 done, 1 an error told in one line, 2 wrong usage, 3 a required verdict not met, 130
        interrupted.
    """
    # A polite kill unwinds like Ctrl-C, so that temporary files go away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = app(arguments, standalone_mode=False) or DONE
        if code == INTERRUPTED:
            print_error("interrupted; nothing half-written counts: run the same command to go on")
        return int(code)
    except TyperException as error:
        # Without a command the help is shown, and there is nothing to add.
        message = error.format_message().replace("Value error, ", "").rstrip(".")
        if message:
            print_error(f"{message}; see tma-prep --help")
        return USAGE
    except BrokenPipeError:
        # The reader of our output has gone; leave nothing for Python to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # noqa: BLE001 - the boundary: whatever is left becomes a line
        print_error(_one_line(error))
        return _code(error)


def _code(error: Exception) -> int:
    from tma_prep.errors import OptionError

    return USAGE if isinstance(error, OptionError) else FAILED


def _one_line(error: Exception) -> str:
    from tma_prep.errors import TmaPrepError

    if isinstance(error, TmaPrepError):
        return str(error)
    if os.environ.get("TMA_PREP_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, MemoryError):
        return "out of memory; use a machine with more, or a smaller --batch-size"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}; check the path, its rights and the disk space"
    return (
        f"defect in tma-prep ({type(error).__name__}: {error}); please report it with what "
        "TMA_PREP_DEBUG=1 prints"
    )
