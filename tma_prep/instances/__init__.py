"""Instances: JSONL, JSON, Parquet and Arrow files to validated prompt/response rows."""

from tma_prep.instances.formats import FORMATS, BadRow, InstanceFormat, recognise_format
from tma_prep.instances.pool import Batch, Instance, InstancePool, SkippedRow, stored_schema
from tma_prep.instances.render import TextPart, render, text_id
from tma_prep.instances.sources import find_files
from tma_prep.instances.vectors import VectorColumn

__all__ = [
    "FORMATS",
    "BadRow",
    "Batch",
    "Instance",
    "InstanceFormat",
    "InstancePool",
    "SkippedRow",
    "TextPart",
    "VectorColumn",
    "find_files",
    "recognise_format",
    "render",
    "stored_schema",
    "text_id",
]
