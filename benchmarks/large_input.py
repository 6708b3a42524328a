"""Memory of `tma-prep embed` on a JSONL file of 5 GB, against one of a tenth of it.

Rows are long and their texts few, so that the run is reading, knowing and writing rows: the model
has little to do, and what it needs is the same for both sizes.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.measure import Figure, main, say
from benchmarks.scale import anonymous_bytes

_FULL, _SMALL = 5_000_000_000, 50_000_000
_TEXTS, _TEXT_BYTES = 200, 20_000


def write_pool(path: Path, size: int) -> int:
    """A JSONL file of about so many bytes; how many rows it has."""
    rng = np.random.default_rng(0)
    lines = [
        json.dumps(
            {
                "prompt": " ".join(map(str, rng.integers(0, 10**6, _TEXT_BYTES // 7).tolist())),
                "response": str(text),
            }
        )
        for text in range(_TEXTS)
    ]
    block = "\n".join(lines) + "\n"
    blocks = max(1, size // len(block))
    with path.open("w", encoding="utf-8") as stream:
        for _ in range(blocks):
            stream.write(block)
    return blocks * _TEXTS


def peak_of(train: Path, test: Path, work: Path) -> tuple[int, float]:
    """The most `RssAnon` of one run, in bytes, and its seconds."""
    command = [sys.executable, "-m", "tma_prep_cli", "embed", "--train", str(train)]
    command += ["--test", str(test), "--out", str(work), "--json"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603
        peak = 0
        while process.poll() is None:
            peak = max(peak, anonymous_bytes(process.pid))
            time.sleep(0.02)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak, time.perf_counter() - start


def run(folder: Path, full: bool) -> list[Figure]:
    """The figures of this file."""
    figures = []
    test = folder / "test.jsonl"
    test.write_text('{"prompt": "a", "response": "b"}\n', encoding="utf-8")
    size = _FULL if full else _SMALL
    for bytes_ in (size // 10, size):
        train = folder / f"large-{bytes_}.jsonl"
        rows = write_pool(train, bytes_)
        say(f"embedding a file of {train.stat().st_size / 1e9:.2f} GB, {rows:,} rows")
        peak, seconds = peak_of(train, test, folder / f"large-{bytes_}")
        train.unlink()
        figures.append(
            Figure(
                f"peak anonymous memory of embed on a {bytes_ / 1e9:g} GB JSONL, {rows:,} rows",
                "within the budget",
                "",
                f"{peak / 1e9:.2f} GB, {seconds:.0f} s",
            )
        )
    return figures


if __name__ == "__main__":
    main("Memory of embed on a large file.", run)
