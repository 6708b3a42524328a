"""One file that says what every command is to do: `tma.toml`, read and checked before any work."""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tma_prep import arrange
from tma_prep.checks import stage as train_check
from tma_prep.embeddings import stage as embed
from tma_prep.errors import OptionError
from tma_prep.options import (
    ArrangeOptions,
    EmbedOptions,
    TrainCheckOptions,
    first_problem,
    option_name,
)
from tma_prep.orders import checks as arrange_checks

SECTIONS: dict[str, type[BaseModel]] = {
    "embed": EmbedOptions,
    "arrange": ArrangeOptions,
    "train-check": TrainCheckOptions,
}
TYPED_ALONE = ("trust_remote_code",)
"""Options that let code run that comes with a model: whoever runs a file gives them, not the file.
"""

Options = TypeVar("Options", bound=BaseModel)


@dataclass(frozen=True)
class Recipe:
    """The options of every command that is to run.

    Attributes:
        folder: Of the file; what paths in the options are relative to.
    """

    folder: Path
    embed: EmbedOptions | None
    arrange: list[ArrangeOptions]
    train_check: list[TrainCheckOptions]


def keys_of(section: str) -> dict[str, str]:
    """Field of the options by the key that names it in a section."""
    fields = SECTIONS[section].model_fields
    return {option_name(field): field for field in fields if field not in TYPED_ALONE}


def read_recipe(path: Path, given: Mapping[str, bool] | None = None) -> Recipe:
    """Read a file and refuse whatever could fail later for its words alone.

    Args:
        path: The file.
        given: Options of every command that has them, in place of what the file says.

    Raises:
        OptionError: In one line: the file, the section, the key, and what is wrong.
    """
    sections = _sections(path)
    place = _Place(path, {name: value for name, value in (given or {}).items() if value})
    one = sections["embed"]
    if len(one) > 1:
        raise OptionError(f"{path}: there is one [embed] at most; use another file for another")
    embedded = [place.options("embed", EmbedOptions, section, None) for section in one]
    work = embedded[0].out if embedded else None
    arranged = [
        place.options("arrange", ArrangeOptions, section, work) for section in sections["arrange"]
    ]
    work = work or (arranged[0].work if arranged else None)
    checked = [
        place.options("train-check", TrainCheckOptions, section, work)
        for section in sections["train-check"]
    ]
    for each in embedded:
        place.checked("embed", embed.check_options, each)
    for each_order in arranged:
        place.checked("arrange", arrange_checks.check_options, each_order)
    for each_check in checked:
        place.checked("train-check", train_check.check_options, each_check)
    _check_names(path, arranged)
    return Recipe(path.parent, embedded[0] if embedded else None, arranged, checked)


@dataclass(frozen=True)
class _Place:
    """What every message begins with, and what was given beside the file."""

    path: Path
    given: Mapping[str, bool]

    def options(
        self, section: str, model: type[Options], values: Mapping[str, object], work: Path | None
    ) -> Options:
        """The options of a section; `work` stands in for a workspace that it does not name."""
        where = f"{self.path}: [{section}]"
        fields = keys_of(section)
        typed: dict[str, object] = {}
        if work is not None and "work" in fields:
            typed["work"] = work
        for key, value in values.items():
            if key not in fields:
                raise OptionError(f"{where} {_unknown(key, section)}")
            typed[fields[key]] = _as_typed(model.model_fields[fields[key]].annotation, value)
        typed |= {name: value for name, value in self.given.items() if name in model.model_fields}
        try:
            return model.model_validate(typed, strict=True)
        except ValidationError as error:
            field, problem = first_problem(error)
            remedy = "; name the workspace, or add [embed]" if field == "work" else ""
            raise OptionError(f"{where} {option_name(field)} {problem}{remedy}") from error

    def checked(self, section: str, check: Callable[[Options], None], options: Options) -> None:
        """What the command itself refuses, told with the section."""
        try:
            check(options)
        except OptionError as error:
            raise OptionError(f"{self.path}: [{section}] {error}") from error


def _sections(path: Path) -> dict[str, list[dict[str, object]]]:
    """The tables of every section, in the order of the file."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OptionError(f"{path}: no such file; write one with tma-prep init") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise OptionError(f"{path}: is not TOML ({reason}); mend it, or write it anew") from error
    found: dict[str, list[dict[str, object]]] = {name: [] for name in SECTIONS}
    for name, value in content.items():
        tables = value if isinstance(value, list) else [value]
        is_section = bool(tables) and all(isinstance(table, dict) for table in tables)
        if name not in SECTIONS:
            near = difflib.get_close_matches(name, SECTIONS, 1) if is_section else []
            raise OptionError(
                f"{path}: {name!r} {'is no section' if is_section else 'stands in no section'}; "
                + (f"did you mean [{near[0]}]?" if near else f"there are {', '.join(SECTIONS)}")
            )
        if not is_section:
            raise OptionError(f"{path}: {name} must be a section, as in [{name}]")
        found[name] = tables
    if not any(found.values()):
        raise OptionError(f"{path}: holds no section; there are {', '.join(SECTIONS)}")
    return found


def _unknown(key: str, section: str) -> str:
    fields = keys_of(section)
    if key.replace("-", "_") in TYPED_ALONE:
        return f"{key} is for whoever runs the file: tma-prep run --{key.replace('_', '-')}"
    near = difflib.get_close_matches(key.removeprefix("--").replace("_", "-"), fields, 1)
    hint = f"did you mean {near[0]}?" if near else f"see tma-prep {section} --help"
    return f"{key!r} is no option; {hint}"


def _as_typed(annotation: object, value: object) -> object:
    """A value as the command line would have it: one of a list, a path, a number as text."""
    kinds = {get_origin(kind) or kind for kind in alternatives(annotation)}
    if isinstance(value, str):
        if list in kinds:
            return [value]
        if Path in kinds:
            return Path(value)
    if isinstance(value, int) and not isinstance(value, bool) and str in kinds:
        return str(value)
    return value


def alternatives(annotation: object) -> list[object]:
    """The types that an annotation allows, one by one: `str` and `None` of `Name | None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [kind for each in get_args(annotation) for kind in alternatives(each)]
    return [annotation]


def _check_names(path: Path, arranged: list[ArrangeOptions]) -> None:
    """Refuse two sections that write under one name: each would replace the other's."""
    seen = set()
    for options in arranged:
        for name in arrange.wanted_orders(options):
            if (options.work, name) in seen:
                raise OptionError(
                    f"{path}: two [[arrange]] write the order {name}; give one of them a name"
                )
            seen.add((options.work, name))
