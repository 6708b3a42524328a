"""The consumption log: which rows each process of a training really took, in what order.

A folder with one JSON Lines file a process, `rank-00000-of-00002.jsonl`. A start line stands at the
beginning of every run; after it a line a micro-batch, written when the batch is trained. A start
line takes back all batches from its `first_batch` on: they are trained again, or never were in the
checkpoint that the run began from. A last line without an end is one that was being written when
the process died, and counts for nothing.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from tma_prep_schemas.manifests import Sha256
from tma_prep_schemas.strict import Strict


class ConsumedStart(Strict):
    """A run begins, from the start or from a checkpoint."""

    kind: Literal["start"] = "start"
    format_version: Literal[1] = 1
    rank: int = Field(ge=0)
    world_size: int = Field(ge=1, description="processes that share the rows")
    rows: int = Field(ge=1, description="of the shards")
    shards: Sha256 = Field(description="SHA-256 of the shards' manifest")
    first_batch: int = Field(ge=0, description="micro-batches of this process before this run")
    rows_per_batch: int | None = Field(ge=1)
    """rows of a micro-batch of one process; null where they vary"""
    batches_per_step: int | None = Field(ge=1)
    """micro-batches that one process accumulates; null where not known"""

    @model_validator(mode="after")
    def _rank_is_one_of_them(self) -> Self:
        if self.rank >= self.world_size:
            raise ValueError("the rank is not below the world size")
        return self


class ConsumedBatch(Strict):
    """A micro-batch was trained."""

    kind: Literal["batch"] = "batch"
    batch: int = Field(ge=0, description="number on this process, from the start of the training")
    positions: list[int] = Field(description="`tma_position` of its rows, as they came")


CONSUMED_LINE: TypeAdapter[ConsumedStart | ConsumedBatch] = TypeAdapter(
    Annotated[ConsumedStart | ConsumedBatch, Field(discriminator="kind")]
)
"""What one line of the log is."""
