"""The columns that other programs read: names, types, order."""

import pyarrow as pa
import pytest

from tma_prep_schemas import (
    CURVES,
    INSTANCES,
    LEAKAGE,
    NEIGHBORS,
    ORDER,
    PREFIX,
    RANKING,
    SHARD_FIELDS,
    embeddings_schema,
)

Columns = list[tuple[str, pa.DataType]]

TABLES: dict[str, tuple[pa.Schema, Columns]] = {
    "embeddings": (
        embeddings_schema(384),
        [
            ("tma_row", pa.int64()),
            ("tma_id", pa.string()),
            (
                "embedding",
                pa.list_(pa.field("item", pa.float32(), nullable=False), 384),
            ),
        ],
    ),
    "neighbors": (
        NEIGHBORS,
        [
            ("test_row", pa.int64()),
            ("rank", pa.int32()),
            ("tma_row", pa.int64()),
            ("similarity", pa.float32()),
        ],
    ),
    "order": (
        ORDER,
        [
            ("tma_position", pa.int64()),
            ("tma_row", pa.int64()),
            ("tma_id", pa.string()),
            ("tma_round", pa.int32()),
            ("tma_similarity", pa.float32()),
            ("tma_target", pa.string()),
        ],
    ),
    "shards": (
        pa.schema(SHARD_FIELDS),
        [
            ("tma_position", pa.int64()),
            ("tma_round", pa.int32()),
            ("tma_similarity", pa.float32()),
            ("tma_target", pa.string()),
            ("tma_row", pa.int64()),
            ("tma_id", pa.string()),
        ],
    ),
    "ranking": (
        RANKING,
        [
            ("tma_row", pa.int64()),
            ("round", pa.int32()),
            ("distance", pa.float64()),
            ("similarity", pa.float64()),
            ("test_row", pa.int64()),
            ("unit", pa.int32()),
        ],
    ),
    "instances": (
        INSTANCES,
        [
            ("tma_row", pa.int64()),
            ("id", pa.string()),
            ("task", pa.string()),
            ("tokens", pa.int64()),
            ("tokens_read", pa.int64()),
            ("response_cut", pa.bool_()),
        ],
    ),
    "leakage": (
        LEAKAGE,
        [
            ("test_row", pa.int64()),
            ("tma_row", pa.int64()),
            ("kind", pa.string()),
            ("score", pa.float64()),
            ("test_text", pa.string()),
            ("train_text", pa.string()),
        ],
    ),
    "curves": (
        CURVES,
        [
            ("control", pa.string()),
            ("order", pa.string()),
            ("seed", pa.int64()),
            ("step", pa.int32()),
            ("rows_seen", pa.int64()),
            ("response_tokens_seen", pa.int64()),
            ("test_row", pa.int64()),
            ("task", pa.string()),
            ("loss", pa.float64()),
            ("response_tokens", pa.int32()),
            ("seen_max", pa.float32()),
            ("seen_mean", pa.float32()),
            ("seen_centroid", pa.float32()),
        ],
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_columns(name: str) -> None:
    """Exactly these, in this order."""
    schema, columns = TABLES[name]
    assert [(field.name, field.type) for field in schema] == columns


@pytest.mark.parametrize("name", TABLES)
def test_only_what_may_be_missing_is_nullable(name: str) -> None:
    """Rounds of a ranking, tasks of rows, leaks by words; and at first nothing is seen."""
    nullable = {field.name for field in TABLES[name][0] if field.nullable}
    seen = {"seen_max", "seen_mean", "seen_centroid"}
    assert nullable <= {"tma_round", "round", "distance", "unit", "task", "id"} | seen


def test_what_stands_beside_the_users_columns_has_the_prefix() -> None:
    """So that it never meets one of theirs."""
    assert all(field.name.startswith(PREFIX) for field in SHARD_FIELDS)
