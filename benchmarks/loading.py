"""Rows a second out of shards: ours against `datasets`, streaming, and against plain pyarrow.

All three give batches of 16 rows, each row a dict, of the two columns of text and the position;
nothing is tokenised. Ours checks every position besides. Then, how long the first batch takes after
nine tenths of the rows, as after a resume.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from datasets import load_dataset

from benchmarks.measure import Figure, Timed, interleaved, main, say, timed, tma_prep
from benchmarks.shards import FULL, SMALL, workspace
from tma_prep import OrderedShards
from tma_prep_schemas import POSITION

_BATCH_ROWS = 16
_SHARDS = 6
_REPEATS = 3
_HF, _PYARROW, _TWO = "datasets", "pyarrow", "two workers"
_COLUMNS = ["prompt", "response", POSITION]


def ordered(folder: Path, start: int = 0, workers: int = 0) -> Iterable[Any]:
    """Ours."""
    shards = OrderedShards(folder, batch_size=_BATCH_ROWS, columns=_COLUMNS)
    shards.start_at(start)
    return shards.loader(workers)


def streamed(folder: Path, start: int = 0) -> Iterator[list[dict[str, object]]]:
    """Of `datasets`, without anything downloaded or cached."""
    files = [str(path) for path in sorted(folder.glob("*.parquet"))]
    rows: Any = load_dataset(
        "parquet", data_files=files, split="train", streaming=True, columns=_COLUMNS
    )
    batch = []
    for row in rows.skip(start) if start else rows:
        batch.append(row)
        if len(batch) == _BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def plain(folder: Path) -> Iterator[list[dict[str, object]]]:
    """File after file by pyarrow, nothing else."""
    for path in sorted(folder.glob("*.parquet")):
        with pq.ParquetFile(path) as source:
            for group in source.iter_batches(columns=_COLUMNS):
                rows = group.to_pylist()
                for start in range(0, len(rows), _BATCH_ROWS):
                    yield rows[start : start + _BATCH_ROWS]


def reading(make: Callable[[], Iterable[Any]]) -> Timed:
    """From the first file to the last row."""
    return timed(lambda: deque(make(), maxlen=0))[1]


def first_batch(make: Callable[[], Iterable[Any]]) -> Timed:
    """Until the first batch is there."""
    return timed(lambda: next(iter(make())))[1]


def run(folder: Path, full: bool) -> list[Figure]:
    """The figures of this file."""
    rows = FULL if full else SMALL
    work = workspace(folder, full)
    given = ("--name", "loaded", "--rows-per-shard", rows // _SHARDS, "--overwrite")
    tma_prep("arrange", work, *given)
    shards = work / "shards" / "loaded"
    say(f"reading {rows:,} rows of 1 kB")
    late = rows * 9 // 10 // _BATCH_ROWS * _BATCH_ROWS
    read = interleaved(
        {
            "ours": lambda: reading(lambda: ordered(shards)),
            _TWO: lambda: reading(lambda: ordered(shards, workers=2)),
            _HF: lambda: reading(lambda: streamed(shards)),
            _PYARROW: lambda: reading(lambda: plain(shards)),
        },
        _REPEATS,
    )
    resumed = interleaved(
        {
            "ours": lambda: first_batch(lambda: ordered(shards, late)),
            _HF: lambda: first_batch(lambda: streamed(shards, late)),
        },
        _REPEATS,
    )
    what = f"{rows:,} rows of 1 kB"

    def rate(other: str) -> str:
        ours, theirs = read["ours"], read[other]
        return (
            f"{theirs.seconds / ours.seconds:.1f}: {rows / ours.seconds:,.0f} / "
            f"{rows / theirs.seconds:,.0f} a second"
        )

    ours, theirs = resumed["ours"].seconds, resumed["datasets"].seconds
    return [
        Figure(f"rows a second of OrderedShards / datasets, streaming, {what}", "", "", rate(_HF)),
        Figure("the same / plain pyarrow, at its own batch size", "", "", rate(_PYARROW)),
        Figure("the same / with two workers, which send every row", "", "", rate(_TWO)),
        Figure(
            "first batch after nine tenths of the rows: datasets, skip / OrderedShards",
            "",
            "",
            f"{theirs / ours:.0f}: {theirs:.2f} s / {ours:.3f} s",
        ),
    ]


if __name__ == "__main__":
    main("Rows a second out of shards.", run)
