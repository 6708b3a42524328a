"""User files to rows: sources, readers, formats and the samples that rows mean."""

from tma_prep.rows.formats import (
    FORMATS,
    BadRow,
    Conversation,
    InstanceFormat,
    Message,
    format_named,
)
from tma_prep.rows.inputs import check_inputs, inputs_checked_meanwhile, missing_input
from tma_prep.rows.instance import Instance
from tma_prep.rows.pool import InstancePool, stored_schema
from tma_prep.rows.sources import find_files
from tma_prep.rows.text import TextPart, render, text_id
from tma_prep.rows.validation import Batch, OnBadRow, SkippedRow
from tma_prep.rows.vectors import VectorColumn

__all__ = [
    "BadRow",
    "Batch",
    "Conversation",
    "FORMATS",
    "Instance",
    "InstanceFormat",
    "InstancePool",
    "Message",
    "OnBadRow",
    "SkippedRow",
    "TextPart",
    "VectorColumn",
    "check_inputs",
    "find_files",
    "format_named",
    "inputs_checked_meanwhile",
    "missing_input",
    "render",
    "stored_schema",
    "text_id",
]
