"""How an option is declared, validated, named and recorded."""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)
from pydantic.fields import FieldInfo

from tma_prep.device import default_budget

if TYPE_CHECKING:
    from tma_prep_schemas.manifests import Option

Artifact = Literal["ranking", "order", "shards"]


def option(
    default: Any,  # noqa: ANN401
    panel: str | None = None,
    *,
    text: str | None = None,
    flag: str | None = None,
    metavar: str | None = None,
    argument: bool = False,
    pair: bool = False,
    of: Artifact | None = None,
    **limits: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """An option, as a field of the options of a command; the docstring below it is its help.

    Args:
        default: Its default, `...` where it must be given.
        panel: Heading that it stands under in the help.
        text: Its help, where several have the same.
        flag: What is typed after the dashes, where that is not the name of the field.
        metavar: What stands for a value in the help.
        argument: Typed by its place, without a name.
        pair: It takes two values at once.
        of: The artifact of `arrange` whose bytes hang on it, and whose manifest records it.
        limits: What `pydantic.Field` takes: `ge`, `le`, `min_length` and so on.
    """
    extra: dict[str, Any] = {"panel": panel, "flag": flag, "metavar": metavar, "of": of}
    extra |= {"argument": argument, "pair": pair}
    return Field(default, description=text, json_schema_extra=extra, **limits)


def extra_of(field: FieldInfo) -> dict[str, Any]:
    """What `option` was told beside default, help and limits."""
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def alternatives(annotation: object) -> list[object]:
    """The types that an annotation allows, one by one: `str` and `None` of `Name | None`."""
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (None, list, Literal):
        return [annotation]
    return [kind for each in get_args(annotation) for kind in alternatives(each)]


class Options(BaseModel):
    """The options of a command, validated; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        """Let every help be one line, for any width of a terminal."""
        for field in cls.model_fields.values():
            field.description = " ".join((field.description or "").split())

    def recorded(self, *left_out: str) -> "dict[str, Option]":
        """The options as a manifest records them.

        Args:
            left_out: Options that do not bear on the bytes of the artifact.
        """
        recorded: dict[str, Option] = self.model_dump(mode="json", exclude=set(left_out))
        return recorded

    def recorded_of(self, artifact: Artifact) -> "dict[str, Option]":
        """The options that an artifact of `arrange` hangs on, as its manifest records them."""
        return self.model_dump(mode="json", include=set(self.names_of(artifact)))

    @classmethod
    def names_of(cls, artifact: Artifact) -> list[str]:
        """The fields that were declared to be of an artifact."""
        fields = cls.model_fields.items()
        return [name for name, field in fields if extra_of(field).get("of") == artifact]

    @classmethod
    def typed_as(cls, name: str) -> str:
        """What a person types for a field: `--within-round`, `WORK`."""
        field = cls.model_fields.get(name)
        if field is not None and extra_of(field).get("argument"):
            return name.upper()
        return f"--{cls.key_of(name)}"

    @classmethod
    def key_of(cls, name: str) -> str:
        """What names a field in `tma.toml`: what is typed, without dashes in front."""
        field = cls.model_fields.get(name)
        return str((field and extra_of(field).get("flag")) or name.replace("_", "-"))


class OptionsWithMemory(Options):
    """Options of a command that keeps to a budget of memory."""

    memory_budget: "Size | None" = option(None, "Hardware", metavar="SIZE")
    """Memory to use, such as 8GB; a quarter of the machine's by default."""

    @property
    def memory_bytes(self) -> int:
        """The memory budget in bytes."""
        return default_budget() if self.memory_budget is None else size_in_bytes(self.memory_budget)


def first_problem(error: ValidationError) -> tuple[str, str]:
    """The field that is wrong (`options` for them all), and its value and why, for a person."""
    first = error.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else "options"
    if first["type"] == "missing":
        return field, "is missing"
    message = first["msg"].removeprefix("Value error, ").replace("Input should", "it must")
    given = repr(first["input"])
    return field, f"{given if len(given) <= 60 else f'{given[:57]}…'}: {message}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a person may have meant."""
    return next(iter(difflib.get_close_matches(name, list(known), 1)), None)


def wrong_record(
    model: type[BaseModel], config: "Mapping[str, Option]", names: Iterable[str]
) -> str | None:
    """What is wrong with options that a manifest records, or None.

    Args:
        model: The options of the command.
        config: What is recorded.
        names: What is looked at: fields of the options, or else text.
    """
    for name in names:
        if name not in config:
            return f"config has no {name}"
        field = model.model_fields.get(name)
        kind = str if field is None else field.rebuild_annotation()
        try:
            TypeAdapter(kind).validate_python(config[name], strict=True)
        except ValidationError:
            return f"config.{name} cannot be {config[name]!r}"[:100]
    return None


def size_in_bytes(text: str) -> int:
    """`4GB`, `500MB`, `1.5GiB` or a plain number, in bytes.

    Raises:
        ValueError: It is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kMGT]?)(i?)B?", text)
    if not found or not float(found[1]):
        raise ValueError("must be a size such as 4GB, 500MB or 1.5GiB")
    number, prefix, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** " kMGT".index(prefix or " "))


def _matching(pattern: str, otherwise: str) -> AfterValidator:
    """Text of one form."""

    def checked(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(otherwise)
        return text

    return AfterValidator(checked)


def _devices(names: str) -> str:
    if len(set(names.split(","))) < len(names.split(",")):
        raise ValueError("names a device twice; name each once")
    return names


def _size(text: str) -> str:
    size_in_bytes(text)
    return text


def _local_folder(path: Path) -> Path:
    # A URL that became a path has lost one of its slashes.
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):
        raise ValueError(
            "must be a folder of this machine; shards alone go elsewhere, by arrange --shards-to"
        )
    return path


def _per_task(text: object) -> object:
    # A plain number is how a file writes the rows alone.
    found = re.fullmatch(r"([1-9]\d*)(?::([a-z]+))?", str(text))
    if found is None or isinstance(text, bool):
        raise ValueError("must be the rows to keep of each task, as in 100 or 100:polar")
    return f"{found[1]}:{found[2] or 'nearest'}"


def _controls(named: object) -> object:
    if not isinstance(named, list) or "off" not in named:
        return named
    if len(named) > 1:
        raise ValueError("off goes with no other; leave it out, or the others")
    return []


Folder = Annotated[Path, AfterValidator(_local_folder)]
Size = Annotated[str, AfterValidator(_size)]
Name = Annotated[
    str,
    _matching(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
        "becomes a file name: letters, digits, '.', '_' and '-', a letter or digit first, "
        "100 at most",
    ),
]
Granularity = Annotated[
    str,
    _matching(
        r"instance|task|kmeans:[1-9]\d*", "must be instance, task, or kmeans:K with a number K"
    ),
]
PerTask = Annotated[str, BeforeValidator(_per_task)]
"""`100:polar`: rows to keep of every task, and the rule."""
Device = Annotated[
    str,
    _matching(r"auto|cpu|mps|cuda(:\d+)?", "must be auto, cpu, mps, cuda, or cuda:1 and the like"),
]
Devices = Annotated[
    str,
    _matching(
        r"auto|cpu(:[1-9]\d*)?|mps|cuda(:\d+)?|all|\d+(,\d+)*",
        "must be auto, cpu, mps, cuda, cuda:1, all, numbers of CUDA devices as in 0,1,3, or "
        "cpu:2 for two processes",
    ),
    AfterValidator(_devices),
]
SearchDevice = Annotated[
    str,
    _matching(
        r"auto|cpu|cuda(:\d+)?", "must be auto, cpu, cuda for every GPU, or cuda:1 and the like"
    ),
]
Control = Literal["null", "no-leak"]
Controls = Annotated[list[Control] | None, BeforeValidator(_controls)]
"""`off`, alone, is none of them."""

OptionsWithMemory.model_rebuild()
