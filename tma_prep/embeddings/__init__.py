"""Rows to exact unit vectors, by a model or from a column."""

from tma_prep.embeddings.results import EmbedPlan, EmbedResult
from tma_prep.embeddings.row_tokens import (
    counted_by,
    open_tokenizer,
    tokenizer_sha256,
    tokens_of_rows,
)
from tma_prep.embeddings.sides import (
    Sides,
    Tasks,
    open_sides,
    tasks_of,
)
from tma_prep.embeddings.stage import embed, plan_embedding
from tma_prep.embeddings.store import EmbeddingStore
from tma_prep.embeddings.subset import StoreSubset
from tma_prep.embeddings.unit import GRID, on_grid, unit_vectors

__all__ = [
    "EmbedPlan",
    "EmbedResult",
    "EmbeddingStore",
    "GRID",
    "Sides",
    "StoreSubset",
    "Tasks",
    "counted_by",
    "embed",
    "on_grid",
    "open_sides",
    "open_tokenizer",
    "plan_embedding",
    "tasks_of",
    "tokenizer_sha256",
    "tokens_of_rows",
    "unit_vectors",
]
