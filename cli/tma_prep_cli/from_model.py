"""Commands from the options that they take: signatures for Typer, validated values for functions.

A command is a function of its options, then of what only a terminal has:

    def arrange(options: ArrangeOptions, plan: Plan = False) -> object:

Its docstring is its help. It prints its result for a person, and returns it for a program: with
`--json` what is returned is printed instead. Every value arrives as text and becomes what the model
says, so that a wrong one is told in the same words as in `tma.toml`.
"""

import contextlib
import inspect
import io
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tma_prep.errors import OptionError
from tma_prep.option_types import Options, alternatives, extra_of, first_problem
from tma_prep_cli.console import print_json

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Plan = Annotated[
    bool,
    typer.Option(
        "--plan", help="Print what the work would take, and stop; embed reads its rows first."
    ),
]

Command = Callable[..., object]

_WIDEST_CHOICES = 15
"""What names values in the help stands beside the option, and takes its room."""


def model_of(function: Command) -> type[Options]:
    """The options that a command takes."""
    model: type[Options] = next(iter(_parameters(function))).annotation
    return model


def fields_of(model: type[Options]) -> dict[str, FieldInfo]:
    """Every option by its field, inherited ones last."""
    fields = model.model_fields
    return dict(sorted(fields.items(), key=lambda item: item[0] not in model.__annotations__))


def metavar_of(field: FieldInfo) -> str:
    """What stands for a value in the help; nothing for a flag."""
    if (given := extra_of(field).get("metavar")) is not None:
        return str(given)
    kinds = alternatives(field.annotation)
    for kind in kinds:
        choices = "|".join(map(str, get_args(kind))) if get_origin(kind) is Literal else ""
        if 0 < len(choices) <= _WIDEST_CHOICES:
            return choices
    names = {bool: "", int: "N", float: "X", Path: "PATH"}
    return next((name for kind, name in names.items() if kind in kinds), "TEXT")


def help_of(function: Command) -> str:
    """The docstring of a command, each paragraph in one line, for any width of a terminal."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(
        text if text.startswith(" ") else text.replace("\n", " ") for text in paragraphs
    )


def command(function: Command) -> Command:
    """A command as Typer reads it: a parameter for every option of the model."""
    model, (_, *others) = model_of(function), _parameters(function)

    def typed(*, json: bool, **given: Any) -> int:  # noqa: ANN401
        of_terminal = {other.name: given.pop(other.name) for other in others}
        with contextlib.redirect_stdout(io.StringIO() if json else sys.stdout):
            result = function(validated(model, given), **of_terminal)
        if json:
            print_json(result)
        # What is not proven is a failure.
        return int(not getattr(result, "proven", True))

    by_name = inspect.Parameter.KEYWORD_ONLY
    own = [other.replace(kind=by_name) for other in others]
    own.append(inspect.Parameter("json", by_name, default=False, annotation=_Json))
    typed.__signature__ = inspect.Signature([*_typed(model), *own])  # type: ignore[attr-defined]
    typed.__doc__ = function.__doc__
    return typed


def validated(model: type[Options], given: dict[str, Any]) -> Options:
    """The options as a typed object; those that were not given keep their defaults.

    Raises:
        OptionError: One is wrong; the text names it as it was typed.
    """
    try:
        return model.model_validate({k: v for k, v in given.items() if v is not None and v != []})
    except ValidationError as error:
        name, problem = first_problem(error)
        raise OptionError(f"{model.typed_as(name)} {problem}") from error


def _parameters(function: Command) -> list[inspect.Parameter]:
    return list(inspect.signature(function, eval_str=True).parameters.values())


def _typed(model: type[Options]) -> Iterator[inspect.Parameter]:
    for name, field in fields_of(model).items():
        extra, told = extra_of(field), str(field.description)
        about: Any
        if extra.get("argument"):
            about = typer.Argument(help=told, metavar=model.typed_as(name))
        else:
            flag = model.typed_as(name)
            about = typer.Option(
                f"--no-{flag[2:]}" if field.default is True else flag,
                help=_escaped(told),
                rich_help_panel=extra.get("panel"),
                metavar=metavar_of(field) or None,
                show_default=not isinstance(field.default, bool),
            )
        yield inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_default(field),
            annotation=Annotated[_kind(field), about],
        )


def _kind(field: FieldInfo) -> Any:  # noqa: ANN401
    """The type that Typer reads a value as."""
    kinds = {get_origin(kind) or kind for kind in alternatives(field.annotation)}
    if bool in kinds:
        return bool
    if extra_of(field).get("pair"):
        return tuple[str, str] | None
    if list in kinds:
        return list[str] if field.is_required() or field.default else list[str] | None
    return str if field.is_required() or field.default is not None else str | None


def _default(field: FieldInfo) -> Any:  # noqa: ANN401
    default = field.default
    if default is PydanticUndefined:
        return inspect.Parameter.empty
    if isinstance(default, bool | list):
        return None if default == [] else default
    return None if default is None else str(default)


def _escaped(text: str) -> str:
    """Text in which nothing is a mark of rich."""
    return re.sub(r"\[(?=[a-z#/@])", r"\\[", text)
