"""tma-prep's own columns of shards, held for all rows: positions, rows and the schedule."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from tma_prep.shards import ShardFolder
from tma_prep.verify.findings import Findings
from tma_prep.verify.shard_file import ShardFile
from tma_prep_schemas import POSITION, ROUND, ROW, SIMILARITY, Schedule, ScheduleStage

_SHOWN = 3
_ROUNDED = 1e-6  # shards hold similarities as float32
_NO_ROUND = np.iinfo(np.int32).min


@dataclass(frozen=True)
class AddedColumns:
    """What could be read of them, one entry a position.

    Attributes:
        shards: Where from.
        files: Those that can be read, by the position of their first row.
        read: Whether the row could be read; what follows means nothing where it could not.
        positions: `tma_position` as it stands there.
        rows: `tma_row`.
        similarity: `tma_similarity`.
        rounds: `tma_round`, `_NO_ROUND` for null.
    """

    shards: ShardFolder
    files: Mapping[int, ShardFile]
    read: NDArray[np.bool_]
    positions: NDArray[np.int64]
    rows: NDArray[np.int64]
    similarity: NDArray[np.float32]
    rounds: NDArray[np.int32]

    def check_positions(self, findings: Findings) -> None:
        """They are 0, 1, 2, … over all files."""
        wrong = self.read & (self.positions != np.arange(len(self.positions)))
        for path, found in self._by_file(np.flatnonzero(wrong)):
            held = listed([int(self.positions[place]) for place in found[:_SHOWN]], len(found))
            findings.add(
                "positions",
                f"{path}: {at_positions(found[:_SHOWN], len(found))}: {POSITION} is {held}",
            )

    def check_rows(
        self,
        pool: NDArray[np.int64] | None,
        whole: bool,
        budget: int | None,
        findings: Findings,
    ) -> None:
        """Every row comes once, and they are the whole pool, or as many as the budget says."""
        if budget is not None and budget != len(self.rows):
            findings.add(
                "selection",
                f"{self.shards.path}: holds {len(self.rows):,} rows, and its budget is {budget:,}",
            )
        first = np.zeros(len(self.rows), dtype=bool)
        first[self.first_of_each()] = True
        for path, found in self._by_file(np.flatnonzero(self.read & ~first)):
            rows = listed([int(self.rows[place]) for place in found[:_SHOWN]], len(found))
            findings.add(
                "rows",
                f"{path}: {at_positions(found[:_SHOWN], len(found))}: {ROW} {rows} came before",
            )
        if pool is None:
            return
        strange = self.read & ~np.isin(self.rows, pool)
        for path, found in self._by_file(np.flatnonzero(strange)):
            rows = listed([int(self.rows[place]) for place in found[:_SHOWN]], len(found))
            at = at_positions(found[:_SHOWN], len(found))
            findings.add("selection", f"{path}: {at}: {ROW} {rows} is no row of the pool")
        if whole and self.read.all():
            gone = np.setdiff1d(pool, self.rows)
            if len(gone):
                rows = listed(gone[:_SHOWN].tolist(), len(gone))
                findings.add(
                    "selection", f"{self.shards.path}: {ROW} {rows} of the pool never comes"
                )

    def first_of_each(self) -> NDArray[np.int64]:
        """Positions that hold a row which no position before them holds, ascending."""
        there = np.flatnonzero(self.read)
        _, first = np.unique(self.rows[there], return_index=True)
        return np.sort(there[first])

    def check_schedule(self, findings: Findings) -> None:
        """The stages of `schedule.json` follow one another and are those of these rows."""
        path = self.shards.path / self.shards.manifest.schedule.file
        try:
            schedule = Schedule.model_validate_json(path.read_bytes())
        except ValidationError as error:
            found = error.errors()[0]
            where = ".".join(str(part) for part in found["loc"]) or "the file"
            findings.add("schedule", f"{path}: is damaged ({where}: {found['msg']})")
            return
        if schedule.order != self.shards.manifest.order:
            findings.add("schedule", f"{path}: is of the order {schedule.order!r}")
        first = 0
        for stage in schedule.stages:
            wrong = self._stage_differs(stage, first)
            if wrong:
                span = f"positions {stage.first_position} to {stage.last_position}"
                findings.add("schedule", f"{self.shards.path}: {path.name} says of {span} {wrong}")
            first = stage.last_position + 1
        if first != len(self.rows):
            findings.add("schedule", f"{path}: ends before position {first} of {len(self.rows)}")

    def _stage_differs(self, stage: ScheduleStage, first: int) -> str | None:
        """What it says that is not so."""
        start, end = stage.first_position, stage.last_position + 1
        if start != first or not start < end <= len(self.rows) or stage.rows != end - start:
            return f"that they are {stage.rows:,} rows and follow position {first - 1}"
        if not self.read[start:end].all():
            return None
        mean = float(self.similarity[start:end].mean(dtype=np.float64))
        if abs(mean - stage.mean_similarity) > _ROUNDED:
            return f"that their mean similarity is {stage.mean_similarity:.6f}; it is {mean:.6f}"
        for name, place, expected in (
            ("first", start, stage.first_round),
            ("last", end - 1, stage.last_round),
        ):
            if expected is not None and self.rounds[place] != expected:
                return f"that their {name} round is {expected}; it is {self.rounds[place]}"
        return None

    def _by_file(self, places: NDArray[np.int64]) -> Iterator[tuple[Path, list[int]]]:
        """Positions by the file that holds them."""
        firsts = [*self.shards.first_positions, len(self.rows)]
        for path, start, end in zip(self.shards.files, firsts, firsts[1:], strict=False):
            low, high = np.searchsorted(places, [start, end])
            if low < high:
                yield path, places[low:high].tolist()


def read_added(
    shards: ShardFolder, files: Mapping[int, ShardFile], findings: Findings
) -> AddedColumns:
    """Read them from all files that are open."""
    count = shards.rows
    found = AddedColumns(
        shards=shards,
        files=files,
        read=np.zeros(count, dtype=bool),
        positions=np.zeros(count, dtype=np.int64),
        rows=np.zeros(count, dtype=np.int64),
        similarity=np.zeros(count, dtype=np.float32),
        rounds=np.zeros(count, dtype=np.int32),
    )
    for start, file in files.items():
        for row, table in file.tables(
            [POSITION, ROUND, SIMILARITY, ROW], told_broken(file, start, findings)
        ):
            span = slice(start + row, start + row + table.num_rows)
            found.read[span] = True
            found.positions[span] = table.column(POSITION).to_numpy()
            found.rows[span] = table.column(ROW).to_numpy()
            found.similarity[span] = table.column(SIMILARITY).to_numpy()
            found.rounds[span] = table.column(ROUND).fill_null(_NO_ROUND).to_numpy()
    return found


def told_broken(file: ShardFile, start: int, findings: Findings) -> Callable[[int, int, str], None]:
    """Makes a finding of rows that cannot be read."""

    def on_broken(first: int, end: int, reason: str) -> None:
        findings.add(
            "files",
            f"{file.path}: positions {start + first} to {start + end - 1} cannot be read "
            f"({reason})",
        )
        findings.all_rows = False

    return on_broken


def listed(numbers: Sequence[int], count: int) -> str:
    """Some of so many numbers."""
    shown = ", ".join(map(str, numbers))
    return shown if count <= len(numbers) else f"{shown} and {count - len(numbers):,} more"


def at_positions(positions: Sequence[int], count: int | None = None) -> str:
    """Some of so many positions, or all of them."""
    count = len(positions) if count is None else count
    return f"position{'' if count == 1 else 's'} {listed(positions, count)}"
