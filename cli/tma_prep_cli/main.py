"""The entry point, and the one place where an error becomes a line and an exit code."""

import errno
import os
import signal
import sys
import traceback

from tma_prep.errors import OptionError, TmaPrepError, VerdictError
from tma_prep_cli.console import print_error

DONE, FAILED, USAGE, VERDICT, INTERRUPTED = 0, 1, 2, 3, 130


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
        code = _called(arguments)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone; leave nothing for Python to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # noqa: BLE001 - the boundary: whatever is left becomes a line
        print_error(_one_line(error))
        if isinstance(error, VerdictError):
            return VERDICT
        return USAGE if isinstance(error, OptionError) else FAILED
    if code == INTERRUPTED:
        print_error(
            "interrupted; what was finished is kept and what was under way starts again: "
            "run the same command to go on"
        )
    return code


def _called(arguments: list[str]) -> int:
    """The exit code of a command that raised no error of ours; wrong usage is told here."""
    # Loaded here, so that an interruption while loading ends like any other.
    from typer.exceptions import TyperException

    from tma_prep_cli.app import app

    try:
        return int(app(arguments, standalone_mode=False) or DONE)
    except TyperException as error:
        # Without a command the help is shown, and there is nothing to add.
        message = error.format_message().replace("Value error, ", "").rstrip(".")
        if message:
            command = f"{arguments[0]} " if arguments and arguments[0][:1].isalpha() else ""
            glob = "; quote a glob: 'pool/*.jsonl'" if "extra argument" in message else ""
            print_error(f"{message}{glob}; see tma-prep {command}--help")
        return USAGE


def _one_line(error: Exception) -> str:
    if isinstance(error, TmaPrepError):
        return str(error)
    if os.environ.get("TMA_PREP_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, MemoryError):
        return "out of memory; use a machine with more, or smaller batches"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        # Arrow tells a full disk in words alone.
        if error.errno == errno.ENOSPC or "No space left on device" in str(error):
            return f"{where}the disk is full; make room and run the same command again"
        return f"{where}{error.strerror or error}; check the path, its rights and the disk space"
    return (
        f"defect in tma-prep ({type(error).__name__}: {error}); please report it with what "
        "TMA_PREP_DEBUG=1 prints"
    )
