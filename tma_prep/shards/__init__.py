"""Ordered Parquet shards: written, and read again by position."""

from typing import TYPE_CHECKING

from tma_prep.shards.reader import Row, ShardFolder, ShardReader, open_shards, shards_of
from tma_prep.shards.stage import keep_shards
from tma_prep.shards.writer import (
    BYTES_PER_GROUP,
    ROWS_PER_GROUP,
    Runs,
    shard_name,
    wanted_rows,
    write_shards,
)

if TYPE_CHECKING:
    from tma_prep.shards.loader import OrderedShards, rank_of
    from tma_prep.shards.packing import PackedShards

__all__ = [
    "BYTES_PER_GROUP",
    "OrderedShards",
    "PackedShards",
    "ROWS_PER_GROUP",
    "Row",
    "Runs",
    "ShardFolder",
    "ShardReader",
    "open_shards",
    "rank_of",
    "shard_name",
    "shards_of",
    "wanted_rows",
    "write_shards",
    "keep_shards",
]


def __getattr__(name: str) -> object:
    """Load what needs torch when it is first asked for."""
    if name in ("OrderedShards", "rank_of"):
        from tma_prep.shards import loader

        return getattr(loader, name)
    if name == "PackedShards":
        from tma_prep.shards.packing import PackedShards

        return PackedShards
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
