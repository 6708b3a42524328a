"""Ordered Parquet shards."""

from tma_prep.shards.writer import shard_name, write_shards

__all__ = ["shard_name", "write_shards"]
