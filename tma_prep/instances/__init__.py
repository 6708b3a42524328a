"""Instances: JSONL, JSON, Parquet and Arrow files to validated prompt/response rows."""

from tma_prep.instances.formats import FORMATS, BadRow, InstanceFormat, recognise_format
from tma_prep.instances.instance import Instance
from tma_prep.instances.pool import InstancePool, stored_schema
from tma_prep.instances.render import TextPart, render, text_id
from tma_prep.instances.sources import find_files
from tma_prep.instances.validation import Batch, OnBadRow, SkippedRow
from tma_prep.instances.vectors import VectorColumn

__all__ = [
    "FORMATS",
    "BadRow",
    "Batch",
    "Instance",
    "InstanceFormat",
    "InstancePool",
    "OnBadRow",
    "SkippedRow",
    "TextPart",
    "VectorColumn",
    "find_files",
    "recognise_format",
    "render",
    "stored_schema",
    "text_id",
]
