"""What one process is given to train, and the files that it leaves: whole or absent.

A task is named by a digest of everything that its numbers depend on, and so are its files: what an
interrupted check had finished is found by name, and what two orders share is trained once.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tma_prep.durable import sync
from tma_prep_schemas import ROW, RowLayout

TEXTS = "texts.parquet"
TESTS = "tests.parquet"
TOKENIZER = "tokenizer.json"

TEXTS_SCHEMA = pa.schema([(ROW, pa.int64()), ("turns", pa.list_(pa.string()))])
TESTS_SCHEMA = pa.schema([("test_row", pa.int64()), ("task", pa.string()), TEXTS_SCHEMA.field(1)])

_EVALUATIONS = pa.schema(
    [
        pa.field("step", pa.int32(), nullable=False),
        pa.field("rows_seen", pa.int64(), nullable=False),
        pa.field("response_tokens_seen", pa.int64(), nullable=False),
        pa.field("losses", pa.list_(pa.float64()), nullable=False),
    ]
)
_PARAMETERS = b"tma_parameters"


@dataclass(frozen=True)
class Work:
    """What all tasks of a check share; travels to the processes.

    Attributes:
        folder: Where the texts lie and the results go.
        model: A folder or a GGUF file; None for the tiny Llama.
        trusted: Whether that may bring pickled weights and code.
        lora: Rank of the adapters, None to train every weight.
        batch_size: Rows a step.
        learning_rate: Of the orders.
        max_tokens: Most tokens of a row.
    """

    folder: Path
    model: Path | None
    trusted: bool
    lora: int | None
    batch_size: int
    learning_rate: float
    max_tokens: int


@dataclass(frozen=True)
class ShardFiles:
    """The shards of an order, as an outside trainer gets them."""

    folder: Path
    names: tuple[str, ...]
    layouts: tuple[RowLayout, ...]


@dataclass(frozen=True)
class StartTask:
    """Make the weights that all orders of a seed begin from.

    Attributes:
        key: Digest of what they depend on.
        seed: Random seed.
        steps: Of base training; 0 for the model as it is.
        rows: `tma_row` of the base rows in sequence, each once; they are repeated as need be.
    """

    key: str
    seed: int
    steps: int
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class RunTask:
    """Train on one order from one start.

    Attributes:
        key: Digest of what the numbers depend on.
        start: Its start.
        order: Name of the order, for messages.
        rows: `tma_row` of the training rows in sequence.
        shards: Where they are read, None for a sequence that was drawn: from the texts then.
    """

    key: str
    start: StartTask
    order: str
    rows: NDArray[np.int64]
    shards: ShardFiles | None


@dataclass(frozen=True)
class Evaluations:
    """What a task leaves: one entry an evaluation, in order.

    Attributes:
        losses: float64 [evaluations, tests].
        parameters: Weights that are trained.
    """

    step: NDArray[np.int32]
    rows_seen: NDArray[np.int64]
    response_tokens_seen: NDArray[np.int64]
    losses: NDArray[np.float64]
    parameters: int


def digest(facts: object, *arrays: NDArray[np.int64]) -> str:
    """Names a task: 32 hex digits of SHA-256 over facts that JSON holds, and rows."""
    found = hashlib.sha256(json.dumps(facts, sort_keys=True).encode("utf-8"))
    for array in arrays:
        found.update(len(array).to_bytes(8, "little"))
        found.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
    return found.hexdigest()[:32]


def evaluations_file(folder: Path, key: str) -> Path:
    """Where a task leaves its evaluations; that it is there says that the task is finished."""
    return folder / f"{key}.parquet"


def weights_file(folder: Path, key: str) -> Path:
    """Where a start with base training leaves its weights."""
    return folder / f"{key}.safetensors"


def write_evaluations(path: Path, found: Evaluations) -> None:
    """Write what a task found: under a temporary name, synced, then renamed."""
    schema = _EVALUATIONS.with_metadata({_PARAMETERS: str(found.parameters)})
    columns = [found.step, found.rows_seen, found.response_tokens_seen, list(found.losses)]
    table = pa.table(columns, schema=schema)
    partial = path.with_name(f".{path.name}.partial")
    pq.write_table(table, partial, write_page_checksum=True)
    sync(partial)
    partial.replace(path)
    sync(path.parent)


def read_evaluations(path: Path) -> Evaluations | None:
    """What a task found, None where it is unfinished or its file is damaged."""
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        parameters = int(table.schema.metadata[_PARAMETERS])
        losses = np.array(table["losses"].to_pylist(), dtype=np.float64)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None
    return Evaluations(
        table["step"].to_numpy(),
        table["rows_seen"].to_numpy(),
        table["response_tokens_seen"].to_numpy(),
        losses,
        parameters,
    )


def write_texts(path: Path, schema: pa.Schema, rows: Iterable[tuple[object, ...]]) -> None:
    """Write texts as a stream, some thousand rows at a time."""
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        chunk: list[tuple[object, ...]] = []

        def flush() -> None:
            if chunk:
                columns = [list(column) for column in zip(*chunk, strict=True)]
                writer.write_table(pa.table(columns, schema=schema))
                chunk.clear()

        for row in rows:
            chunk.append(row)
            if len(chunk) == 4096:
                flush()
        flush()
