"""JSON Lines: the user's rows as they are, in the order, for whatever reads them top to bottom."""

from tma_prep.trainers.trainer import Trainer

_TRAPS = (
    "Whatever reads the lines must not shuffle them, nor share the file out among several workers.",
)

JSONL = Trainer(
    name="jsonl",
    title="a reader of JSON Lines",
    read_at="",
    prompt="",
    response="",
    templates={},
    tail=(
        "What becomes of rows that fill no whole global batch is up to the reader: a "
        "DistributedSampler repeats the first rows."
    ),
    traps=_TRAPS,
    packing="the lines are rows; pack them with tma_prep.shards.packing, which keeps the order",
    whole_rows=True,
)
