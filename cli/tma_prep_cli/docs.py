"""`docs/cli.md`, made from the commands: `python -m tma_prep_cli.docs > docs/cli.md`."""

import re
import sys
from collections.abc import Iterator

from tma_prep.option_types import Options, extra_of
from tma_prep_cli.app import COMMANDS
from tma_prep_cli.from_model import Command, fields_of, help_of, metavar_of, model_of

_HEAD = """\
# Command line

Every command, every option. This page is made from the options themselves:
`python -m tma_prep_cli.docs > docs/cli.md`. A key of `tma.toml` is an option without the dashes.
Every command takes `--json`: one JSON object on stdout, progress and messages on stderr. Exit
codes: 0 done, 1 an error told in one line, 2 wrong usage, 3 a required verdict not met, 130
interrupted.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(line for each in COMMANDS.items() for line in _command(*each))])


def _command(name: str, function: Command) -> Iterator[str]:
    model = model_of(function)
    arguments = (
        field for field, about in fields_of(model).items() if extra_of(about).get("argument")
    )
    usage = " ".join(["tma-prep", name, *map(model.typed_as, arguments), "[OPTIONS]"])
    yield f"## tma-prep {name}\n"
    yield f"```\n{usage}\n```\n"
    text = re.sub(r"\[bold\](.+?)\[/\]", r"**\1**", help_of(function))
    prose, _, examples = text.partition("**Examples**")
    yield f"{prose.strip()}\n"
    lines = re.sub(r"\n\n +", "\n", examples).strip()
    yield f"```\n{lines}\n```\n"
    yield from _table(model)


def _table(model: type[Options]) -> Iterator[str]:
    fields = fields_of(model)
    panels = {name: extra_of(field).get("panel") for name, field in fields.items()}
    shown_panels = list(dict.fromkeys([None, *panels.values()]))
    panel = None
    yield "| option | default | what it does |\n| --- | --- | --- |"
    # Options without a panel first, then panel by panel as the help shows them.
    for name in sorted(fields, key=lambda name: shown_panels.index(panels[name])):
        field = fields[name]
        if panel != (panel := panels[name]):
            yield f"| **{panel}** | | |"
        typed = model.typed_as(name)
        if field.default is True:
            typed = f"--no-{typed[2:]}"
        value = "" if extra_of(field).get("argument") else metavar_of(field)
        default = field.default
        shown = ", ".join(default) if isinstance(default, list) else default
        given = field.is_required() or shown in (None, "") or isinstance(shown, bool)
        cells = f"`{f'{typed} {value}'.strip()}`", "" if given else f"`{shown}`", field.description
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(page())
