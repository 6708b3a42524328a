"""The consumption log of a training: written as rows are trained, compared with the shards.

`tma_prep_schemas.consumed` says what stands in it.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from tma_prep.errors import ArtifactError
from tma_prep.shards import ShardFolder
from tma_prep.trainers.arrival import Arrival
from tma_prep_schemas import CONSUMED_LINE, ConsumedBatch, ConsumedStart

_NAME = re.compile(r"rank-(\d{5,})-of-(\d{5,})\.jsonl")
_LINE_BEGINS = b'{"kind":"'
_NEW_FOLDER = "give every training a folder of its own"


def log_name(rank: int, world_size: int) -> str:
    """File of one process."""
    return f"rank-{rank:05d}-of-{world_size:05d}.jsonl"


class ConsumedLog:
    """Writes the file of one process, a line a micro-batch, each at once."""

    def __init__(self, folder: Path, start: ConsumedStart) -> None:
        """Begin a run, or go on after a resume.

        Raises:
            ArtifactError: The folder holds the log of other shards or other processes, or was
                resumed with other batches than before.
        """
        path = folder / log_name(start.rank, start.world_size)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _check_same_training(folder, path, start)
            _drop_torn_line(path)
            self._stream = path.open("a", encoding="utf-8")
        except OSError as error:
            raise ArtifactError(
                f"{path}: cannot be written ({error.strerror}); name another folder for the log"
            ) from error
        self._write(start)

    def add(self, batch: int, positions: list[int]) -> None:
        """A micro-batch is trained."""
        self._write(ConsumedBatch(batch=batch, positions=positions))

    def close(self) -> None:
        """Nothing more comes in this run."""
        self._stream.close()

    def _write(self, line: ConsumedStart | ConsumedBatch) -> None:
        self._stream.write(line.model_dump_json() + "\n")
        self._stream.flush()


def _check_same_training(folder: Path, path: Path, start: ConsumedStart) -> None:
    """Refuse to append to the log of another training."""
    names = {found.name for found in folder.iterdir() if _NAME.fullmatch(found.name)}
    others = names - {log_name(rank, start.world_size) for rank in range(start.world_size)}
    if others:
        raise ArtifactError(
            f"{folder}: holds the log of another number of processes ({min(others)}); "
            f"{_NEW_FOLDER}, and resume with as many processes as before"
        )
    before = read_rank(path).start if path.is_file() else None
    if before is None:
        return
    if before.shards != start.shards:
        raise ArtifactError(f"{path}: is the log of other shards; {_NEW_FOLDER}")
    if start.first_batch == 0:
        return
    for name in ("rows_per_batch", "batches_per_step"):
        was, now = getattr(before, name), getattr(start, name)
        if was != now:
            raise ArtifactError(
                f"{path}: was begun with {name} {was} and is resumed with {now}, so that the "
                "trainer skips other rows than it has trained; resume with the same"
            )


def _drop_torn_line(path: Path) -> None:
    """Cut off what was being written when a process died."""
    if not path.is_file():
        return
    with path.open("rb+") as stream:
        whole = stream.read().rfind(b"\n") + 1
        stream.truncate(whole)


@dataclass
class RankLog:
    """What counts of one process's file.

    Attributes:
        path: The file.
        start: The last start line; None where the process died before it wrote one.
        batches: Number of a micro-batch, ascending, to the positions of its rows, as they came.
    """

    path: Path
    start: ConsumedStart | None = None
    batches: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """Number of the last micro-batch, -1 if there is none."""
        return next(reversed(self.batches), -1)

    def take(self, line: ConsumedStart | ConsumedBatch) -> str | None:
        """Add a line; what is wrong with it, or None."""
        if isinstance(line, ConsumedStart):
            if log_name(line.rank, line.world_size) != self.path.name:
                return "is of another process than the file's name says"
            self.start = line
            while self.last >= line.first_batch:
                self.batches.popitem()
            return None
        if self.start is None:
            return "is a batch before any start"
        if line.batch <= self.last:
            return f"is micro-batch {line.batch} after {self.last}"
        self.batches[line.batch] = np.array(line.positions, np.int64)
        return None


def read_rank(path: Path) -> RankLog:
    """The file of one process.

    Raises:
        ArtifactError: A line is damaged.
    """
    log = RankLog(path)
    with path.open("rb") as stream:
        for number, text in enumerate(stream, 1):
            if not text.endswith(b"\n") and (number > 1 or _LINE_BEGINS.startswith(text[:9])):
                break  # it was being written when the process died
            try:
                wrong = log.take(CONSUMED_LINE.validate_json(text))
            except (ValidationError, OverflowError):
                wrong = "is no line of a consumption log"
            if wrong:
                raise ArtifactError(f"{path}: line {number} {wrong}; the log is damaged")
    return log


def read_log(folder: Path) -> list[RankLog]:
    """The files of all processes, by rank.

    Raises:
        ArtifactError: There are none, some are missing, or one is damaged.
    """
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    names = [path.name for path in found if _NAME.fullmatch(path.name)]
    if not names:
        raise ArtifactError(
            f"{folder}: holds no consumption log; name the folder that was given to "
            "tma_prep.order_check"
        )
    sizes = {int(name.removesuffix(".jsonl").rpartition("-")[2]) for name in names}
    if len(sizes) > 1:
        shown = " and ".join(str(size) for size in sorted(sizes))
        raise ArtifactError(f"{folder}: holds logs of {shown} processes; {_NEW_FOLDER}")
    size = sizes.pop()
    wanted = [log_name(rank, size) for rank in range(size)]
    missing = sorted(set(wanted) - set(names))
    if missing:
        raise ArtifactError(
            f"{folder / missing[0]}: is missing; copy the files of all {size} processes together"
        )
    strange = sorted(set(names) - set(wanted))
    if strange:
        raise ArtifactError(
            f"{folder / strange[0]}: is the log of no process among {size}; remove it"
        )
    return [read_rank(folder / name) for name in wanted]


@dataclass(frozen=True)
class ConsumedFacts:
    """What a log says.

    Attributes:
        rows: Rows that came, counted as often as they did.
        rows_in_order: Of those, how many came before the first one out of its place.
        rows_missing: Rows of the shards that never came.
        ranks: Processes.
        batches: Micro-batches of all processes together.
        whole: Every row of the shards came once, in its place, and nothing else did.
    """

    rows: int
    rows_in_order: int
    rows_missing: int
    ranks: int
    batches: int
    whole: bool


@dataclass(frozen=True)
class ConsumedComparison:
    """A log held against shards.

    Attributes:
        findings: What is wrong, a line each; none if the rows came in order, even if not to the
            end.
        facts: In numbers.
    """

    findings: list[str]
    facts: ConsumedFacts


def compare(folder: Path, shards: ShardFolder) -> ConsumedComparison:
    """Whether the rows of a training came in the order of the shards.

    The micro-batches of all processes are put in one sequence, `k·W + r` for the k-th of rank r of
    W; their rows must be positions 0, 1, 2 and so on.

    Args:
        folder: The consumption log.
        shards: What it was trained on.

    Raises:
        ArtifactError: The log is not there, not complete, or damaged.
    """
    logs = read_log(folder)
    findings = _other_shards(logs, shards) or _gaps(logs)
    ordered = _in_sequence(logs)
    if not ordered:
        findings = [*findings, f"{folder}: no micro-batch was trained"]
    parts = [logs[rank].batches[number] for number, rank in ordered]
    positions = np.concatenate([np.empty(0, np.int64), *parts])
    # A log that begins in the middle has a finding already, and is compared from there on.
    from_start = bool(ordered) and ordered[0][0] == 0
    first = 0 if from_start or not len(positions) else int(positions[0])
    expected = first + np.arange(len(positions))
    expected_is_row = expected < shards.rows
    wrong = np.flatnonzero((positions != expected) | ~expected_is_row)
    in_order = int(wrong[0]) if len(wrong) else len(positions)
    if len(wrong):
        findings = [
            *findings,
            f"{folder}: {_first_wrong(logs, ordered, parts, in_order, first, shards)}",
            *_repeated_and_missing(folder, positions, shards.rows),
        ]
    facts = ConsumedFacts(
        rows=len(positions),
        rows_in_order=in_order,
        rows_missing=shards.rows - int(np.count_nonzero(_times(positions, shards.rows))),
        ranks=len(logs),
        batches=len(ordered),
        whole=not findings and len(positions) == shards.rows,
    )
    return ConsumedComparison(findings, facts)


def _other_shards(logs: list[RankLog], shards: ShardFolder) -> list[str]:
    """Whether the log was written for these shards."""
    manifest = shards.sha256
    return [
        f"{log.path}: is the log of other shards than {shards.path} (SHA-256 of the manifest)"
        for log in logs
        if log.start is not None and log.start.shards != manifest
    ]


def _gaps(logs: list[RankLog]) -> list[str]:
    """Micro-batches that must have been trained and are not in the log."""
    findings = []
    longest = max(log.last for log in logs)
    for log in logs:
        numbers = np.array(list(log.batches), np.int64)
        missing = np.flatnonzero(numbers != np.arange(len(numbers)))
        if len(missing):
            at, last = int(missing[0]), int(numbers[missing[0]]) - 1
            which = f"batch {at} is" if at == last else f"batches {at} to {last} are"
            findings.append(
                f"{log.path}: micro-{which} missing; a resumed run must go on in the log of the "
                "one before"
            )
        # Processes meet once a step only; whichever died first may lack what others did since.
        may_lack = log.start.batches_per_step or 1 if log.start is not None else 1
        if longest - log.last > may_lack:
            ends = f"ends at micro-batch {log.last}" if log.batches else "holds none"
            findings.append(f"{log.path}: {ends}, and another process went on to {longest}")
    return findings


def _in_sequence(logs: list[RankLog]) -> list[tuple[int, int]]:
    """Number and rank of every micro-batch, in the order of the training.

    Ends where the first one is missing: what other processes did after it is of a step that was
    never finished.
    """
    ordered = sorted((number, rank) for rank, log in enumerate(logs) for number in log.batches)
    places = [number * len(logs) + rank for number, rank in ordered]
    return [held for at, held in enumerate(ordered) if places[at] == places[0] + at]


def _first_wrong(
    logs: list[RankLog],
    ordered: list[tuple[int, int]],
    parts: list[NDArray[np.int64]],
    at: int,
    first: int,
    shards: ShardFolder,
) -> str:
    """The line about the `at`-th row that came."""
    ends = np.cumsum([len(part) for part in parts])
    which = int(np.searchsorted(ends, at, side="right"))
    number, rank = ordered[which]
    start = logs[rank].start
    assert start is not None  # a batch never stands before a start
    arrival = Arrival(
        run=start,
        first_positions=shards.first_positions,
        batch=number,
        positions=parts[which].tolist(),
        place=at - int(ends[which] - len(parts[which])),
        expected=first + at,
    )
    return arrival.line()


def _repeated_and_missing(folder: Path, positions: NDArray[np.int64], rows: int) -> list[str]:
    """How many rows came more than once, and how many of those passed by never did."""
    times = _times(positions, rows)
    again = np.flatnonzero(times > 1)
    reached = int(np.flatnonzero(times).max(initial=-1)) + 1
    never = np.flatnonzero(times[:reached] == 0)
    findings = []
    if len(again):
        findings.append(
            f"{folder}: {_rows(len(again))} came more than once, the first tma_position {again[0]}"
        )
    if len(never):
        findings.append(
            f"{folder}: {_rows(len(never))} before the last one that came never came, the first "
            f"tma_position {never[0]}"
        )
    return findings


def _times(positions: NDArray[np.int64], rows: int) -> NDArray[np.intp]:
    """How often each row of the shards came."""
    held = positions[(positions >= 0) & (positions < rows)]
    return np.bincount(held, minlength=rows)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
