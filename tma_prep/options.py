"""The options of every command, validated; unknown ones are refused."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from tma_prep.device import Dtype, default_budget
from tma_prep_schemas import Evaluated, TargetRole
from tma_prep_schemas.manifests import Option

LeakageMode = Literal["warn", "exclude", "fail", "off"]
LeakNgrams = Literal["half", "any"]


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ValueError(
            "becomes a file name: letters, digits, '.', '_' and '-', a letter or digit first, "
            "100 at most"
        )
    return name


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise ValueError("must be auto, cpu, mps, cuda, or cuda:1 and the like")
    return name


def _devices(names: str) -> str:
    if not re.fullmatch(r"auto|cpu(:[1-9]\d*)?|mps|cuda(:\d+)?|all|\d+(,\d+)*", names):
        raise ValueError(
            "must be auto, cpu, mps, cuda, cuda:1, all, numbers of CUDA devices as in 0,1,3, or "
            "cpu:2 for two processes"
        )
    if len(set(names.split(","))) < len(names.split(",")):
        raise ValueError("names a device twice; name each once")
    return names


def _search_device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise ValueError("must be auto, cpu, cuda for every GPU, or cuda:1 and the like")
    return name


def _granularity(text: str) -> str:
    if not re.fullmatch(r"instance|task|kmeans:[1-9]\d*", text):
        raise ValueError("must be instance, task, or kmeans:K with a number K")
    return text


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


Granularity = Annotated[str, AfterValidator(_granularity)]
Folder = Annotated[Path, AfterValidator(_local_folder)]
Size = Annotated[str, AfterValidator(_size)]
Name = Annotated[str, AfterValidator(_file_name)]
PerTask = Annotated[str, BeforeValidator(_per_task)]
"""`100:polar`: rows to keep of every task, and the rule."""
Device = Annotated[str, AfterValidator(_device)]
Devices = Annotated[str, AfterValidator(_devices)]
SearchDevice = Annotated[str, AfterValidator(_search_device)]


_TYPED_AS = {"orders": "order", "controls": "control", "names": "name", "trainer": "for"}


def option_name(field: str) -> str:
    """What a person types for a field of the options, without the dashes in front."""
    return _TYPED_AS.get(field, field.replace("_", "-"))


def first_problem(error: ValidationError) -> tuple[str, str]:
    """The field that is wrong (`options` for them all), and its value and why, for a person."""
    first = error.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else "options"
    if first["type"] == "missing":
        return field, "is missing"
    message = first["msg"].removeprefix("Value error, ").replace("Input should", "it must")
    given = repr(first["input"])
    return field, f"{given if len(given) <= 60 else f'{given[:57]}…'}: {message}"


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def recorded(self, *left_out: str) -> dict[str, Option]:
        """The options as a manifest records them.

        Args:
            left_out: Options that do not bear on the bytes of the artifact.
        """
        recorded: dict[str, Option] = self.model_dump(mode="json", exclude=set(left_out))
        return recorded


def wrong_record(
    model: type[BaseModel], config: Mapping[str, Option], names: Iterable[str]
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


class _WithBudget(_Options):
    memory_budget: Size | None = None

    @property
    def memory_bytes(self) -> int:
        """The memory budget in bytes."""
        return default_budget() if self.memory_budget is None else size_in_bytes(self.memory_budget)


class EmbedOptions(_WithBudget):
    """Options of `tma-prep embed`."""

    train: list[str] = Field(min_length=1)
    test: list[str] = Field(min_length=1)
    out: Folder
    format: str | None = None
    task_column: str | None = None
    text: Literal["both", "prompt", "response"] = "both"
    model: str = "all-MiniLM-L6-v2"
    device: Devices = "auto"
    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    dtype: Dtype = "auto"
    batch_tokens: int | None = Field(default=None, ge=1)
    max_length: int | None = Field(default=None, ge=8)
    prefix: str = ""
    truncate: Literal["text", "prompt"] = "text"
    trust_remote_code: bool = False
    vectors_column: str | None = None
    on_bad_row: Literal["fail", "skip"] = "fail"
    rows_per_part: int = Field(default=2048, ge=1)
    update: bool = False
    overwrite: bool = False


class ArrangeOptions(_WithBudget):
    """Options of `tma-prep arrange`."""

    work: Folder
    ranking: str = "tma"
    granularity: Granularity = "instance"
    select: str = "nearest"
    budget: str | None = None
    rounds: str | None = None
    per_task: PerTask | None = None
    tests_per_task: int | None = Field(default=None, ge=1)
    target_fraction: float | None = Field(default=None, gt=0, lt=1)
    by_task: bool = False
    orders: list[str] = Field(default=["nft"], min_length=1)
    shuffle_after: float | None = Field(default=None, ge=0, le=1)
    seed: int = Field(default=0, ge=0)
    within_round: Literal["similarity", "index", "shuffle"] = "similarity"
    leakage: LeakageMode = "warn"
    leak_ngrams: LeakNgrams = "half"
    leak_similarity: float = Field(default=0.98, ge=-1, le=1)
    target_role: TargetRole = "test"
    stages: int = Field(default=10, ge=1)
    tokenizer: Path | None = None
    rows_per_shard: int = Field(default=50_000, ge=1)
    name: Name | None = None
    shards: bool = True
    shards_to: str | None = None
    device: SearchDevice = "auto"
    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    overwrite: bool = False

    @property
    def kmeans_cells(self) -> int | None:
        """K of `kmeans:K`, None for any other granularity."""
        _, _, cells = self.granularity.partition(":")
        return int(cells) if cells else None


class ExportOptions(_Options):
    """Options of `tma-prep export`."""

    work: Folder
    trainer: str
    name: Name | None = None
    out: Folder | None = None
    global_batch: int | None = Field(default=None, ge=1)
    tail: Literal["cut", "keep"] | None = None
    packing: bool = False
    on_bad_row: Literal["fail", "skip"] = "fail"
    overwrite: bool = False


class VerifyOptions(_Options):
    """Options of `tma-prep verify`."""

    work: str
    names: list[Name] = Field(default_factory=list)
    consumed: Path | None = None
    consumed_rows: int | None = Field(default=None, ge=1)


class CompareOptions(_Options):
    """Options of `tma-prep compare`."""

    work_a: Folder
    work_b: Folder
    names: list[Name] = Field(default_factory=list)


class ExplainOptions(_Options):
    """Options of `tma-prep explain`; one of `position`, `row` and `test` is given."""

    work: Folder
    name: Name | None = None
    position: int | None = Field(default=None, ge=0)
    row: int | None = Field(default=None, ge=0)
    test: int | None = Field(default=None, ge=0)


class InspectOptions(_Options):
    """Options of `tma-prep inspect`."""

    work: Folder
    name: Name | None = None
    html: bool = False
    out: Path | None = None


Control = Literal["null", "no-leak"]
Controls = Annotated[list[Control] | None, BeforeValidator(_controls)]
"""`off`, alone, is none of them."""

_BASE_STEPS = 150
_QUICK_BASE_STEPS = 40


class TrainCheckOptions(_Options):
    """Options of `tma-prep train-check`; what is None depends on the others, see `resolved`."""

    work: Folder
    orders: list[Name] = Field(default_factory=list)
    rounds: list[str] = Field(default_factory=list)
    seeds: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)
    budget: int | None = Field(default=None, ge=1)
    steps: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    max_tokens: int = Field(default=128, ge=16)
    model: str = "tiny"
    trust_remote_code: bool = False
    vocabulary: int = Field(default=4096, ge=300)
    lora: int | None = Field(default=None, ge=1)
    base_steps: int | None = Field(default=None, ge=0)
    base_learning_rate: float = Field(default=2e-3, gt=0)
    controls: Controls = None
    eval: Evaluated = "all"
    random_orders: int = Field(default=3, ge=2)
    leak_ngrams: LeakNgrams = "half"
    quick: bool = False
    require_lower: list[Name] = Field(default_factory=list, max_length=2)
    workers: int | None = Field(default=None, ge=1)
    device: Device = "auto"
    name: Name | None = None
    overwrite: bool = False

    @property
    def resolved(self) -> "TrainCheckOptions":
        """The same with nothing left open but the orders and the budget."""
        base = (_QUICK_BASE_STEPS if self.quick else _BASE_STEPS) if self.model == "tiny" else 0
        full: list[Control] = ["null", "no-leak"]
        return self.model_copy(
            update={
                "seeds": self.seeds or (1 if self.quick else 3),
                "base_steps": base if self.base_steps is None else self.base_steps,
                "controls": ([] if self.quick else full)
                if self.controls is None
                else sorted(set(self.controls), reverse=True),
                "quick": False,
            }
        )
