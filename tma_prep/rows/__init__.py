"""User files to rows: read once into a store, and what each of them means."""

from tma_prep.rows.bad_row import BadRow
from tma_prep.rows.inputs_log import recorded_inputs
from tma_prep.rows.messages import Message
from tma_prep.rows.reader import SampleReader
from tma_prep.rows.sample import Sample, TextView, text_id
from tma_prep.rows.stage import Side, SideRows, open_rows, take_in
from tma_prep.rows.store import RowStore
from tma_prep.rows.vectors import VectorColumn

__all__ = [
    "BadRow",
    "Message",
    "RowStore",
    "Sample",
    "SampleReader",
    "Side",
    "SideRows",
    "TextView",
    "VectorColumn",
    "open_rows",
    "recorded_inputs",
    "take_in",
    "text_id",
]
