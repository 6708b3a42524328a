"""`tma-prep init`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tma_prep_cli.console import print_json, print_next, show_path

HELP = """
Write tma.toml: one file that says what embed, arrange and train-check are to do.

Every option of the three commands stands in it, with its help and its default, commented out. Name
your files in it, and run it with tma-prep run. With --from it is read off the manifests of a
workspace instead: the options that made its orders and checks, every default spelled out, with the
SHA-256 of every input.

[bold]Examples[/]

  tma-prep init && tma-prep run

  tma-prep init again.toml --from work
"""


@dataclass(frozen=True)
class InitResult:
    """Where the file is, and the workspace that it was read off."""

    file: str
    workspace: str | None


def init(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("tma.toml"),
    work: Annotated[
        Path | None, typer.Option("--from", help="The workspace whose results it is to repeat.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a file that is there.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Parse, call, print."""
    from tma_prep.artifact import write_text
    from tma_prep.errors import OptionError

    if not overwrite and (file.exists() or file.is_symlink()):
        raise OptionError(f"{file}: is there already; give --overwrite, or another name")
    if work is None:
        from tma_prep_cli.starter import starter_text

        text = starter_text()
    else:
        from tma_prep.recorded import recorded_recipe

        text = recorded_recipe(work, file)
    write_text(file, text)
    if json:
        print_json(InitResult(str(file), None if work is None else str(work)))
        return
    what = "Name your files in it, then" if work is None else "It makes the same again"
    print_next(f"{show_path(file)} is written. {what}:", f"tma-prep run {show_path(file)}")
