"""What `tma-prep embed` says it will do, and what it did."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tma_prep_schemas.manifests import Option

if TYPE_CHECKING:
    from tma_prep.embeddings.encoder import Encoder
    from tma_prep.embeddings.runners import Runner

_TIMED_TEXTS = 64
_BYTES_A_ROW = 8 + 32 + 4 + 60
"""`tma_row`, `tma_id` with its offset, and what `instances.parquet` holds, beside the vector."""


@dataclass(frozen=True, kw_only=True)
class SideResult:
    """What became of one side.

    Attributes:
        kept: Whether a finished store was found and left as it was.
        unique_texts: Texts that differ, None where vectors were given.
        embedded_texts: Texts that the model worked on in this run.
        resumed_rows: Rows that an interrupted run had finished.
        stayed_texts: Texts whose vectors were taken over by `--update`.
        gone_texts: Texts of the store before the update that are no more.
        tokens: Of all rows; words where vectors were given.
        tokens_lost: Of those, the ones beyond the model's length.
        truncated_rows: Rows with tokens lost.
        response_cut_rows: Of those, the ones whose whole response was lost.
    """

    rows: int
    files: int
    format: str
    dimension: int
    skipped_rows: int
    kept: bool
    unique_texts: int | None
    embedded_texts: int = 0
    resumed_rows: int = 0
    stayed_texts: int = 0
    gone_texts: int = 0
    tokens: int
    tokens_lost: int
    truncated_rows: int
    response_cut_rows: int


@dataclass(frozen=True)
class EmbedResult:
    """What `embed` did; `encoder` is None where vectors were given."""

    workspace: str
    train: SideResult
    test: SideResult
    encoder: dict[str, Option] | None
    seconds: dict[str, float]


@dataclass(frozen=True)
class SidePlan:
    """What one side will take.

    Attributes:
        new_texts: Texts that the model will work on.
        resumed_rows: Rows that an interrupted run has finished.
        tokens: Tokens that the model will read, judged by a sample.
        seconds: Of the model's work, judged by a sample; None where there was none to judge by.
        disk_bytes: About what the store takes.
    """

    rows: int
    unique_texts: int
    new_texts: int
    resumed_rows: int
    tokens: int
    seconds: float | None
    disk_bytes: int

    def told(self, side: str, encoder: dict[str, Option]) -> str:
        """The plan in one line."""
        resumed = (
            f"; {self.resumed_rows:,} rows ({self.resumed_rows / self.rows:.0%}) are there already"
            if self.resumed_rows
            else ""
        )
        lasting = "" if self.seconds is None else f", about {_duration(self.seconds)}"
        return (
            f"{side}: {self.rows:,} rows, {self.unique_texts:,} different texts{resumed}; "
            f"{self.new_texts:,} to embed, about {self.tokens:,} tokens, in {encoder['dtype']} on "
            f"{encoder['device']}{lasting}, {self.disk_bytes / 1e6:,.0f} MB on disk"
        )


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


@dataclass(frozen=True)
class EmbedPlan:
    """What `embed` will take; a side that is finished is None."""

    train: SidePlan | None
    test: SidePlan | None
    encoder: dict[str, Option]


def plan_of(
    encoder: "Encoder",
    runner: "Runner",
    sample: list[tuple[str, str]],
    *,
    timed: bool,
    rows: int,
    unique_texts: int,
    new_texts: int,
    resumed_rows: int,
) -> SidePlan:
    """The plan of one side, judged by a sample of its texts; to be timed, some are embedded."""
    tokens = float(encoder.tokenised(sample).ids.lengths.mean())
    some = encoder.tokenised(sample[:_TIMED_TEXTS])
    seconds = None
    if timed and len(some.tokens):
        list(runner.run([some.ids], lambda _: None))  # whoever is new at it is slow at first
        start = time.perf_counter()
        list(runner.run([some.ids], lambda _: None))
        spent = time.perf_counter() - start
        share = tokens / float(some.ids.lengths.mean())
        seconds = round(new_texts * spent / len(some.tokens) * share / runner.workers, 1)
    return SidePlan(
        rows=rows,
        unique_texts=unique_texts,
        new_texts=new_texts,
        resumed_rows=resumed_rows,
        tokens=round(new_texts * tokens),
        seconds=seconds,
        disk_bytes=rows * (4 * encoder.dimension + _BYTES_A_ROW),
    )
