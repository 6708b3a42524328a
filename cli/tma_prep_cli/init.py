"""`tma-prep init`."""

from dataclasses import dataclass

from tma_prep.options import InitOptions
from tma_prep_cli.console import print_next, show_path


@dataclass(frozen=True)
class InitResult:
    """Where the file is, and the workspace that it was read off."""

    file: str
    workspace: str | None


def init(options: InitOptions) -> object:
    """Write tma.toml: one file that says what embed, arrange and train-check are to do.

    Every option of the three commands stands in it, with its help and its default, commented out.
    Name your files in it, and run it with tma-prep run. With --from it is read off the manifests
    of a workspace instead: the options that made its orders and checks, every default spelled out,
    with the SHA-256 of every input.

    [bold]Examples[/]

      tma-prep init && tma-prep run

      tma-prep init again.toml --from work
    """
    from tma_prep.recipe_writer import write_recipe

    write_recipe(options)
    file, work = show_path(options.file), options.work
    what = "Name your files in it, then" if work is None else "It makes the same again"
    print_next(f"{file} is written. {what}:", f"tma-prep run {file}")
    return InitResult(str(options.file), None if work is None else str(work))
