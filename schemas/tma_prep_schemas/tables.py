"""Arrow schemas of every table in a workspace. These names are public."""

import pyarrow as pa

PREFIX = "tma_"
"""Every column that tma-prep adds begins with this; an input column that does is refused."""

POSITION = "tma_position"
ROUND = "tma_round"
SIMILARITY = "tma_similarity"
TARGET = "tma_target"
ROW = "tma_row"
ROW_ID = "tma_id"


def embeddings_schema(dimension: int) -> pa.Schema:
    """Schema of `embeddings/*/part-*.arrow`: one row a kept input row, in input order.

    Args:
        dimension: Components of one embedding.
    """
    return pa.schema(
        [
            pa.field(ROW, pa.int64(), nullable=False),
            pa.field(ROW_ID, pa.string(), nullable=False),
            pa.field(
                "embedding",
                pa.list_(pa.field("item", pa.float32(), nullable=False), dimension),
                nullable=False,
            ),
        ]
    )


INSTANCES = pa.schema(
    [
        pa.field(ROW, pa.int64(), nullable=False),
        pa.field("id", pa.string()),
        pa.field("task", pa.string()),
        pa.field("tokens", pa.int64(), nullable=False),
        pa.field("tokens_read", pa.int64(), nullable=False),
        pa.field("response_cut", pa.bool_(), nullable=False),
    ]
)
"""`embeddings/*/instances.parquet`: what later steps need of each stored row beside its vector.

`tokens` counts the whole text with the encoder's tokenizer, special tokens and truncation apart;
words between white space where vectors were given. `tokens_read` is how many of them the encoder
read, `response_cut` whether there was a response and none of it was read.
"""

NEIGHBORS = pa.schema(
    [
        pa.field("test_row", pa.int64(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field(ROW, pa.int64(), nullable=False),
        pa.field("similarity", pa.float32(), nullable=False),
    ]
)
"""`neighbors/`: the test → train graph as edges; rank 0 is the nearest."""

RANKING = pa.schema(
    [
        pa.field(ROW, pa.int64(), nullable=False),
        pa.field("round", pa.int32()),
        pa.field("distance", pa.float64()),
        pa.field("similarity", pa.float64(), nullable=False),
        pa.field("test_row", pa.int64(), nullable=False),
        pa.field("unit", pa.int32()),
    ]
)
"""`rankings/NAME/ranking.parquet`: one row a training row, in input order.

`round` under `tma`, `distance` (smaller is nearer) under the others. `similarity` is the exact
cosine similarity to the nearest test row, `test_row`. `unit` is the number of the task or k-means
cell that was ranked in place of the row.
"""

SHARD_FIELDS = (
    pa.field(POSITION, pa.int64(), nullable=False),
    pa.field(ROUND, pa.int32()),
    pa.field(SIMILARITY, pa.float32(), nullable=False),
    pa.field(TARGET, pa.string(), nullable=False),
    pa.field(ROW, pa.int64(), nullable=False),
    pa.field(ROW_ID, pa.string(), nullable=False),
)
"""What stands after the user's own columns in a row of a shard, in this order."""

ORDER_FIELDS = (POSITION, ROW, ROW_ID, ROUND, SIMILARITY, TARGET)

ORDER = pa.schema([{f.name: f for f in SHARD_FIELDS}[name] for name in ORDER_FIELDS])
"""`orders/NAME/order.parquet`: the order alone."""

LEAKAGE = pa.schema(
    [
        pa.field("test_row", pa.int64(), nullable=False),
        pa.field(ROW, pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("test_text", pa.string(), nullable=False),
        pa.field("train_text", pa.string(), nullable=False),
    ]
)
"""`leakage/leakage.parquet`: training rows that hold a test row, by `tma_row`, the strongest first.

A pair stands once, with the first kind that fits: `equal` (one `tma_id`), `normalised` (equal but
for case, space and punctuation), `ngram`, `similarity`. `score` is 1 for the first two, the share
of the test's n-grams that the training row holds, or the cosine similarity. A training row that
holds many tests is listed with its 16 strongest. The texts are the first 200 characters of prompt
and response, joined by one space.
"""

CURVES = pa.schema(
    [
        pa.field("control", pa.string(), nullable=False),
        pa.field("order", pa.string(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("step", pa.int32(), nullable=False),
        pa.field("rows_seen", pa.int64(), nullable=False),
        pa.field("response_tokens_seen", pa.int64(), nullable=False),
        pa.field("test_row", pa.int64(), nullable=False),
        pa.field("task", pa.string()),
        pa.field("loss", pa.float64(), nullable=False),
        pa.field("response_tokens", pa.int32(), nullable=False),
        pa.field("seen_max", pa.float32()),
        pa.field("seen_mean", pa.float32()),
        pa.field("seen_centroid", pa.float32()),
    ]
)
"""`checks/NAME/curves.parquet`: loss of every test row at every evaluation of every run.

A run is a control (`none`, `null` or `no-leak`), an order and a seed. `loss` is the mean
cross-entropy in nats over the response tokens of that test row. `seen_max` and `seen_mean` are the
largest and the mean cosine similarity of the training rows consumed so far to the test row,
`seen_centroid` that of their centroid; null where nothing was consumed yet.
"""
