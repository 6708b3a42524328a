"""Writing shards against polars reading and writing the same Parquet once.

Ours reads the pool, puts its rows into the order, adds columns, hashes and syncs every shard, and
checks that the input is the one that was embedded; polars reads all into memory and writes it as it
is. Both write zstd at level 1, which is what pyarrow means by zstd.
"""

import shutil
import statistics
import time
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.measure import Figure, main, say, tma_prep

FULL, SMALL = 300_000, 20_000
"""Rows."""

TRAIN = "train.parquet"
"""They lie under this name beside the workspace."""

_TESTS = 20
_REPEATS = 3
_DIMENSION = 8
_WORDS, _WORDS_A_ROW, _WORDS_OF_PROMPT = 20_000, 138, 100
_ZSTD_LEVEL = 1
_ROWS_AT_ONCE = 10_000


def write_rows(path: Path, rows: int, seed: int) -> None:
    """Rows of 1 kB of text, words as frequent as in a language, and a short vector each."""
    rng = np.random.default_rng(seed)
    letters = rng.integers(ord("a"), ord("z") + 1, size=(_WORDS, 10), dtype=np.uint8)
    lengths = rng.integers(2, 11, size=_WORDS)
    words = [bytes(word[:length]).decode() for word, length in zip(letters, lengths, strict=True)]
    weights = 1 / np.arange(10, _WORDS + 10)
    blocks = []
    for start in range(0, rows, _ROWS_AT_ONCE):
        count = min(_ROWS_AT_ONCE, rows - start)
        drawn = rng.choice(_WORDS, size=(count, _WORDS_A_ROW), p=weights / weights.sum())
        texts = [[words[word] for word in row] for row in drawn.tolist()]
        vectors = rng.standard_normal((count, _DIMENSION), dtype=np.float32)
        blocks.append(
            pl.DataFrame(
                {
                    "prompt": [" ".join(text[:_WORDS_OF_PROMPT]) for text in texts],
                    "response": [" ".join(text[_WORDS_OF_PROMPT:]) for text in texts],
                    "vector": vectors.tolist(),
                },
                schema_overrides={"vector": pl.List(pl.Float32)},
            )
        )
    pl.concat(blocks).write_parquet(path, compression="zstd", compression_level=_ZSTD_LEVEL)


def copy_by_polars(source: Path, target: Path) -> float:
    """Seconds of polars reading and writing the file once."""
    start = time.perf_counter()
    pl.read_parquet(source).write_parquet(target, compression="zstd", compression_level=_ZSTD_LEVEL)
    return time.perf_counter() - start


def workspace(folder: Path, full: bool) -> Path:
    """A workspace of rows of 1 kB, ranked; made where it is not there yet."""
    rows = FULL if full else SMALL
    here = folder / f"text-{rows}"
    train, test, work = here / TRAIN, here / "test.parquet", here / "work"
    if not (work / "rankings").is_dir():
        say(f"making and embedding {rows:,} rows of 1 kB")
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir(parents=True)
        write_rows(train, rows, seed=1)
        write_rows(test, _TESTS, seed=2)
        given = ("--train", train, "--test", test, "--vectors-column", "vector")
        tma_prep("embed", *given, "--out", work)
        tma_prep("arrange", work, "--no-shards")
    return work


def run(folder: Path, full: bool) -> list[Figure]:
    """The figures of this file."""
    rows = FULL if full else SMALL
    work = workspace(folder, full)
    train = work.with_name(TRAIN)
    ours, theirs = [], []
    for repeat in range(_REPEATS):
        say(f"writing {rows:,} rows of 1 kB: {repeat + 1} of {_REPEATS}")
        told = tma_prep("arrange", work, "--name", "measured")
        ours.append(float(told["seconds"]["shards"]))
        theirs.append(copy_by_polars(train, train.with_name("copy.parquet")))
        shutil.rmtree(work / "shards")
    spent, copied = statistics.median(ours), statistics.median(theirs)
    return [
        Figure(
            f"writing shards / polars reading and writing once, {rows:,} rows of 1 kB, nft",
            "2",
            "1.3",
            f"{spent / copied:.2f}: {spent:.2f} s / {copied:.2f} s, "
            f"{train.stat().st_size / 1e6:.0f} MB as Parquet",
        )
    ]


if __name__ == "__main__":
    main("Writing shards against polars.", run)
