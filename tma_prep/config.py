"""The options of every command, validated; unknown ones are refused."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tma_prep_schemas.manifests import Option

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""A name that becomes a file name: letters, digits, `.`, `_` and `-`, no leading dot."""


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
    device: str = Field("auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
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
    device: str = Field("auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    name: Name | None = None
    overwrite: bool = False
