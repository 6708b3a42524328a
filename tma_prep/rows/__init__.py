"""User files to rows: read once into a store, and what each of them means."""

from tma_prep.rows.formats import (
    FORMATS,
    BadRow,
    Conversation,
    InstanceFormat,
    Message,
    format_named,
)
from tma_prep.rows.reading import SkippedRow
from tma_prep.rows.sample import Sample, SampleReader, TextPart, text_id
from tma_prep.rows.stage import Side, SideRows, open_rows, recorded_inputs, take_in
from tma_prep.rows.store import RowStore
from tma_prep.rows.vectors import VectorColumn

__all__ = [
    "BadRow",
    "Conversation",
    "FORMATS",
    "InstanceFormat",
    "Message",
    "RowStore",
    "Sample",
    "SampleReader",
    "Side",
    "SideRows",
    "SkippedRow",
    "TextPart",
    "VectorColumn",
    "format_named",
    "open_rows",
    "recorded_inputs",
    "take_in",
    "text_id",
]
