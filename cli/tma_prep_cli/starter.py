"""The `tma.toml` that teaches: written off the commands themselves, so that it cannot lag behind.

Names and help are those of the command line, defaults and types those of the options that a file is
read into.
"""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

if TYPE_CHECKING:
    from tma_prep_schemas.manifests import Option

_WIDTH = 98
_HEAD = """\
# What tma-prep is to do. Run it: tma-prep run tma.toml
#
# A section is a command: one that is not here does not run. A key is an option of that command. A
# line that begins with # and no space is a default: take the # away to change it. <...> is a place
# to fill in, and not set by default. An option that is repeatable takes a list. Paths are relative
# to this file. Run it as often as you like: what is there and has not changed is kept. [[arrange]]
# and [[train-check]], with two brackets, may stand here several times, with a name each.
"""
_OUT = "work"
_STARTED: "dict[str, dict[str, Option]]" = {
    "embed": {"train": ["train.jsonl"], "test": ["test.jsonl"], "out": _OUT},
    "arrange": {"order": ["nft", "rt"]},
    "train-check": {"order": ["nft", "rt"]},
}
"""What a first file says in place of defaults."""
_WORDS = {int: "a whole number", float: "a number", str: "text", Path: "a path"}


def starter_text() -> str:
    """The whole file."""
    from tma_prep.recipe import SECTIONS

    return "\n".join([_HEAD, *("\n".join(_section(name)) + "\n" for name in SECTIONS)])


def _section(section: str) -> Iterator[str]:
    from tma_prep.recipe import keys_of

    command, fields = _command(section), keys_of(section)
    yield f"# {command.help.strip().splitlines()[0]}"
    yield f"[{section}]"
    for parameter in command.params:
        key = parameter.opts[0].removeprefix("--")
        if key in fields:
            yield ""
            # No break inside the name of an option.
            told = textwrap.wrap(parameter.help, _WIDTH, break_on_hyphens=False)
            yield from (f"# {line}" for line in told)
            yield _line(section, key, fields[key])


def _line(section: str, key: str, field: str) -> str:
    """A key with what the file starts with, or commented out with its default."""
    from tma_prep.recipe import SECTIONS, alternatives
    from tma_prep.recipe_text import toml_value

    if key in _STARTED[section]:
        return f"{key} = {toml_value(_STARTED[section][key])}"
    if key == "work":
        return f"#{key} = {toml_value(_OUT)}  # that of [embed] or [arrange], where one stands here"
    found = SECTIONS[section].model_fields[field]
    kinds = alternatives(found.annotation)
    default = found.get_default(call_default_factory=True)
    if default is None:
        return f"#{key} = <{' or '.join(filter(None, map(_words, kinds)))}>"
    others = [choice for kind in kinds for choice in _choices(kind) if choice != default]
    told = f"  # or {', '.join(map(toml_value, others))}" if others else ""
    return f"#{key} = {toml_value(default)}{told}"


def _words(kind: object) -> str:
    """A type in words, nothing for that of None."""
    from tma_prep.recipe import alternatives
    from tma_prep.recipe_text import toml_value

    if get_origin(kind) is list:
        return f"a list of {' or '.join(map(_words, alternatives(get_args(kind)[0])))}"
    words = " or ".join(map(toml_value, _choices(kind)))
    return words or next((word for type_, word in _WORDS.items() if kind is type_), "")


def _choices(kind: object) -> "tuple[Option, ...]":
    return get_args(kind) if get_origin(kind) is Literal else ()


def _command(name: str) -> Any:  # noqa: ANN401
    from typer.main import get_command

    from tma_prep_cli.app import app

    group: Any = get_command(app)
    return group.commands[name]
