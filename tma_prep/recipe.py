"""`tma.toml`: one file that says what every command is to do; read, checked and run."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, get_origin

import tomlkit
from pydantic import ValidationError
from tomlkit.exceptions import TOMLKitError

from tma_prep.arrange import ArrangeResult, arrange, wanted_orders
from tma_prep.checks import TrainCheckResult, train_check
from tma_prep.checks.stage import check_options as check_training
from tma_prep.embeddings import EmbedResult, embed
from tma_prep.embeddings.stage import check_options as check_embedding
from tma_prep.errors import OptionError
from tma_prep.option_types import Options, alternatives, first_problem, nearest
from tma_prep.options import ArrangeOptions, EmbedOptions, RunOptions, TrainCheckOptions
from tma_prep.orders import check_options as check_arranging
from tma_prep.progress import Silent, Stopwatch, TableProgress

SECTIONS: dict[str, type[Options]] = {
    "embed": EmbedOptions,
    "arrange": ArrangeOptions,
    "train-check": TrainCheckOptions,
}
TYPED_ALONE = ("trust_remote_code",)
"""Options that let code run that comes with a model: whoever runs a file gives them, not the file.
"""

StepResult = EmbedResult | ArrangeResult | TrainCheckResult
_Some = TypeVar("_Some", bound=Options)


@dataclass(frozen=True)
class Recipe:
    """The options of every command that is to run; paths in them are relative to `folder`."""

    folder: Path
    embed: EmbedOptions | None
    arrange: list[ArrangeOptions]
    train_check: list[TrainCheckOptions]


@dataclass
class RunResult:
    """What every command did, if the file names it; paths are relative to `folder`."""

    folder: str
    embed: EmbedResult | None = None
    arrange: list[ArrangeResult] = field(default_factory=list)
    train_check: list[TrainCheckResult] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def keys_of(section: str) -> dict[str, str]:
    """Field of the options by the key that names it in a section."""
    model = SECTIONS[section]
    return {model.key_of(name): name for name in model.model_fields if name not in TYPED_ALONE}


def read_recipe(options: RunOptions) -> Recipe:
    """Read a file and refuse whatever could fail later for its words alone.

    Raises:
        OptionError: In one line: the file, the section, the key, and what is wrong.
    """
    sections = _sections(options.file)

    def read(
        section: str, model: type[_Some], check: Callable[[_Some], None], work: Path | None
    ) -> list[_Some]:
        return [_read(options, section, model, check, each, work) for each in sections[section]]

    if len(sections["embed"]) > 1:
        raise OptionError(f"{options.file}: there is one [embed] at most; use another file")
    embedded = read("embed", EmbedOptions, check_embedding, None)
    work = embedded[0].out if embedded else None
    arranged = read("arrange", ArrangeOptions, check_arranging, work)
    work = work or (arranged[0].work if arranged else None)
    checked = read("train-check", TrainCheckOptions, check_training, work)
    _check_names(options.file, arranged)
    return Recipe(options.file.parent, embedded[0] if embedded else None, arranged, checked)


def run_recipe(
    recipe: Recipe,
    progress: TableProgress | None = None,
    on_result: Callable[[StepResult], None] = lambda _: None,
) -> RunResult:
    """Run embed, arrange and train-check, as far as the recipe names them; what is there is kept.

    The folder of the file is this process's working directory meanwhile, so that manifests hold
    paths as the file has them, wherever it is run from. `on_result` is told of every command that
    is done.

    Raises:
        TmaPrepError: In one line: what is wrong, and the remedy.
    """
    progress = progress or Silent()
    clock = Stopwatch()
    result = RunResult(str(recipe.folder), seconds=clock.seconds)
    with contextlib.chdir(recipe.folder):
        if recipe.embed is not None:
            with clock("embed"):
                result.embed = embed(recipe.embed, progress)
            on_result(result.embed)
        for arrange_options in recipe.arrange:
            with clock("arrange"):
                result.arrange.append(arrange(arrange_options, progress))
            on_result(result.arrange[-1])
        for check_options in recipe.train_check:
            with clock("train_check"):
                result.train_check.append(train_check(check_options, progress))
            on_result(result.train_check[-1])
    return result


def _read(
    run: RunOptions,
    section: str,
    model: type[_Some],
    check: Callable[[_Some], None],
    values: Mapping[str, object],
    work: Path | None,
) -> _Some:
    """The options of a section; `work` stands in for a workspace that it does not name."""
    fields = keys_of(section)
    typed: dict[str, object] = {"work": work} if work is not None and "work" in fields else {}
    try:
        for key, value in values.items():
            if key not in fields:
                raise OptionError(_unknown(key, section))
            typed[fields[key]] = _as_typed(model.model_fields[fields[key]].annotation, value)
        given = {name: value for name, value in run.recorded("file").items() if value}
        typed |= {name: value for name, value in given.items() if name in model.model_fields}
        options = model.model_validate(typed, strict=True)
        check(options)
    except ValidationError as error:
        name, problem = first_problem(error)
        remedy = "; name the workspace, or add [embed]" if name == "work" else ""
        wrong = f"{model.key_of(name)} {problem}{remedy}"
        raise OptionError(f"{run.file}: [{section}] {wrong}") from error
    except OptionError as error:
        raise OptionError(f"{run.file}: [{section}] {error}") from error
    return options


def _sections(path: Path) -> dict[str, list[dict[str, object]]]:
    """The tables of every section, in the order of the file."""
    try:
        content = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    except FileNotFoundError as error:
        raise OptionError(f"{path}: no such file; write one with tma-prep init") from error
    except (TOMLKitError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise OptionError(f"{path}: is not TOML ({reason}); mend it, or write it anew") from error
    found: dict[str, list[dict[str, object]]] = {name: [] for name in SECTIONS}
    for name, value in content.items():
        tables = value if isinstance(value, list) else [value]
        is_section = bool(tables) and all(isinstance(table, dict) for table in tables)
        if name not in SECTIONS:
            near = nearest(name, SECTIONS) if is_section else None
            raise OptionError(
                f"{path}: {name!r} {'is no section' if is_section else 'stands in no section'}; "
                + (f"did you mean [{near}]?" if near else f"there are {', '.join(SECTIONS)}")
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
    near = nearest(key.removeprefix("--").replace("_", "-"), fields)
    hint = f"did you mean {near}?" if near else f"see tma-prep {section} --help"
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


def _check_names(path: Path, arranged: list[ArrangeOptions]) -> None:
    """Refuse two sections that write under one name: each would replace the other's."""
    seen = set()
    for options in arranged:
        for name in wanted_orders(options):
            if (options.work, name) in seen:
                raise OptionError(
                    f"{path}: two [[arrange]] write the order {name}; give one of them a name"
                )
            seen.add((options.work, name))
