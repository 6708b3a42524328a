"""The options of every command, validated; unknown ones are refused."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tma_prep_schemas.manifests import Option


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


Name = Annotated[str, AfterValidator(_file_name)]
Device = Annotated[str, AfterValidator(_device)]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def recorded(self, *left_out: str) -> dict[str, Option]:
        """The options as a manifest records them.

        Args:
            left_out: Options that do not bear on the bytes of the artifact.
        """
        recorded: dict[str, Option] = self.model_dump(mode="json", exclude=set(left_out))
        return recorded


class EmbedOptions(_Options):
    """Options of `tma-prep embed`."""

    train: list[str] = Field(min_length=1)
    test: list[str] = Field(min_length=1)
    out: Path
    format: str | None = None
    task_column: str | None = None
    text: Literal["both", "prompt", "response"] = "both"
    model: str = "all-MiniLM-L6-v2"
    device: Device = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    batch_size: int | None = Field(None, ge=1)
    max_length: int | None = Field(None, ge=8)
    prefix: str = ""
    truncate: Literal["text", "prompt"] = "text"
    vectors_column: str | None = None
    on_bad_row: Literal["fail", "skip"] = "fail"
    rows_per_part: int = Field(8192, ge=1)
    overwrite: bool = False


class ArrangeOptions(_Options):
    """Options of `tma-prep arrange`."""

    work: Path
    orders: list[str] = Field(["nft"], min_length=1)
    seed: int = Field(0, ge=0)
    within_round: Literal["similarity", "index", "shuffle"] = "similarity"
    rows_per_shard: int = Field(50_000, ge=1)
    name: Name | None = None
    shards: bool = True
    device: Literal["auto", "cpu", "cuda"] = "auto"
    overwrite: bool = False


class TrainCheckOptions(_Options):
    """Options of `tma-prep train-check`."""

    work: Path
    orders: list[Name] = Field(default_factory=list)
    steps: int = Field(60, ge=1)
    batch_size: int = Field(16, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    max_tokens: int = Field(160, ge=16)
    vocabulary: int = Field(4096, ge=300)
    seed: int = Field(0, ge=0)
    device: Device = "auto"
    name: Name | None = None
    overwrite: bool = False
