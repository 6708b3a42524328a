"""Runs of `embed` in the tests: made-up inputs, interruptions, and what a workspace holds."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tma_prep.embeddings.stage import embed
from tma_prep.options import EmbedOptions
from tma_prep.progress import Advance

PART = 50
ROWS, TEST_ROWS = 260, 30
MAX_LENGTH = 32
"""What is cut off costs no time, and nothing here depends on it."""


class Stopped(Exception):
    """Somebody interrupts."""


class Watch:
    """A `Progress` that keeps what it is told, and stops after so many texts of `train`."""

    def __init__(self, stop_after: int | None = None) -> None:
        """Never stop, unless told when."""
        self.notes: list[str] = []
        self._left = stop_after

    @contextlib.contextmanager
    def stage(self, label: str, total: int, unit: str) -> Iterator[Advance]:
        """Count the texts that are embedded."""

        def advance(more: int) -> None:
            if label.startswith("Embedding train") and self._left is not None:
                self._left -= more
                if self._left < 0:
                    raise Stopped

        yield advance

    def note(self, text: str) -> None:
        """Keep the line."""
        self.notes.append(text)


Row = dict[str, str]


def write_rows(path: Path, rows: list[Row]) -> None:
    """As JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def text_of(row: Row) -> str:
    """What of a row is embedded."""
    return f"{row['prompt']} {row['response']}"


def options(inputs: Path, work: Path, **more: object) -> EmbedOptions:
    """Of `embed`."""
    given: dict[str, Any] = {
        "train": [str(inputs / "pool")],
        "test": [str(inputs / "test.jsonl")],
        "out": work,
        "device": "cpu",
        "dtype": "float32",
        "max_length": MAX_LENGTH,
        "rows_per_part": PART,
    }
    return EmbedOptions(**(given | more))


def interrupted(inputs: Path, work: Path, stop_after: int = 150, **more: object) -> None:
    """Embed, but not to the end."""
    with pytest.raises(Stopped):
        embed(options(inputs, work, **more), Watch(stop_after))
    assert finished_parts(work)


def contents(work: Path) -> dict[str, bytes]:
    """Every file by its name, but for those that say where it was made."""
    return {
        str(path.relative_to(work)): path.read_bytes()
        for path in sorted(work.rglob("*"))
        if path.is_file() and path.name not in (".lock", "log.json")
    }


def finished_parts(work: Path) -> dict[str, tuple[int, int]]:
    """Which parts of `train` are finished, each by what changes if it is written again."""
    folder = work / "embeddings" / ".train.partial"
    names = [path.stem for path in (work / "embeddings" / ".train.progress").glob("part-*.parquet")]
    states = {name: (folder / f"{name}.arrow").stat() for name in sorted(names)}
    return {name: (state.st_ino, state.st_mtime_ns) for name, state in states.items()}


def stored(work: Path) -> pa.Table:
    """The store of `train`, read with pyarrow alone."""
    parts = sorted((work / "embeddings" / "train").glob("part-*.arrow"))
    return pa.concat_tables([pa.ipc.open_file(str(part)).read_all() for part in parts])


def bytes_by_id(work: Path) -> dict[str, set[bytes]]:
    """The different vectors of each text, which should be one."""
    table = stored(work)
    flat = table["embedding"].combine_chunks().flatten().to_numpy().reshape(-1, 384)
    found: dict[str, set[bytes]] = {}
    for name, vector in zip(table["tma_id"].to_pylist(), flat, strict=True):
        found.setdefault(name, set()).add(vector.tobytes())
    return found
