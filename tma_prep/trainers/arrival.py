"""A row that came out of its place: what it looks like, and what most likely did it."""

from collections.abc import Sequence
from dataclasses import dataclass

from tma_prep_schemas import ConsumedStart

OTHER_SHARDS = "no row of these shards has it: the training reads other shards"
SECOND_EPOCH = "the data began again: train one epoch (num_train_epochs=1)"
TAIL = (
    "the last batches were filled up with rows from the start (even_batches): set "
    "dataloader_drop_last=True, or a number of rows that the global batch divides"
)
RESTARTED = (
    "the training was resumed and its data was not: set ignore_data_skip=False, and let the data "
    "skip what the checkpoint has seen"
)
ELSEWHERE = (
    "the training was resumed at another place of the data: batch size, accumulation and number "
    "of processes must be those of the checkpoint"
)
SAME_ROWS = (
    "every process reads the same rows: let the trainer or accelerate share them out, or use "
    "tma-prep's own loader"
)
OWN_FILES = (
    "each process reads files of its own (a streamed dataset of several files, with "
    "dispatch_batches=False or split_dataset_by_node): read the dataset whole, or set "
    "split_batches=True"
)
STRIDED = (
    "rows are dealt out one by one to the processes (DistributedSampler, split_dataset_by_node): "
    "give each process whole batches, as accelerate and transformers do"
)
WORKERS = (
    "several files are read in turn: a streamed dataset with several workers, or interleaved "
    "datasets; use one worker at most (dataloader_num_workers=0) or read the dataset whole"
)
REVERSED = "rows come backwards: the order is read from its end"
DROPPED = (
    "rows in between did not come: filtered or skipped on the way (SFTTrainer drops a row whose "
    "max_length leaves nothing of its response)"
)
REPEATED = (
    "a row came twice or rows were inserted: look for what adds rows to the dataset "
    "(concatenation, oversampling, a shard that was copied)"
)
LATE_START = (
    "the dataset does not begin at the first row: a part of it was selected, rows were skipped or "
    "filtered, its files are read in another order, or a loop was resumed without first_batch=… of "
    "checked"
)
PACKED = 'packing sorts rows by length ("bfd"): set packing=False, or pack in order beforehand'
BUFFER = (
    "rows come in random order from a window: a shuffle buffer of a streamed dataset (leave "
    ".shuffle() out), or sorting by length within it"
)
RANDOM = (
    'rows come in random order: a random sampler (set train_sampling_strategy="sequential" in the '
    "arguments of the trainer, shuffle=False in a DataLoader) or a shuffled dataset (.shuffle(), "
    "shuffle_dataset, train_test_split)"
)

SHUFFLED = (
    "rows come in random order though the trainer samples them sequentially: the dataset is "
    "shuffled (.shuffle(), shuffle_dataset, train_test_split)"
)
BY_LENGTH = (
    'train_sampling_strategy="{sampling}" puts rows in an order of its own, by length: set '
    'train_sampling_strategy="sequential"'
)

_WINDOW_ROWS = 2048
"""Sorting by length and shuffle buffers reach over 1,000 rows by default."""

_ROWS_THAT_TELL = 3
"""So many random rows stand in ascending order, or in one small window, by chance rarely."""


@dataclass(frozen=True)
class Arrival:
    """A micro-batch of one process whose row `place` is not the one expected.

    Attributes:
        run: The process, how rows are shared out, and where the run began.
        first_positions: `tma_position` of the first row of each file.
        batch: Number of the micro-batch on this process, from the start of the training.
        positions: `tma_position` of all rows of the micro-batch, as they came.
        place: The row in question, by its index in `positions`.
        expected: `tma_position` that should have stood there; `rows` or more after the last one.
        sampling: The trainer's `train_sampling_strategy`, where known and in use.
    """

    run: ConsumedStart
    first_positions: Sequence[int]
    batch: int
    positions: Sequence[int]
    place: int
    expected: int
    sampling: str | None = None

    @property
    def came(self) -> int:
        """`tma_position` of the row in question."""
        return self.positions[self.place]

    def line(self) -> str:
        """What was expected, what came, where, and the likely cause."""
        if self.expected < self.run.rows:
            wanted = f"tma_position {self.expected} was expected and {self.came} came"
        else:
            wanted = (
                f"all {self.run.rows} rows had come and tma_position {self.came} came after them"
            )
        return (
            f"{wanted} (rank {self.run.rank} of {self.run.world_size}, micro-batch {self.batch}, "
            f"row {self.place} of {len(self.positions)}); likely cause: {likely_cause(self)}"
        )


def likely_cause(arrival: Arrival) -> str:
    """The cause that the pattern speaks for, and the setting that mends it."""
    if not 0 <= arrival.came < arrival.run.rows:
        return OTHER_SHARDS
    return _begun_again(arrival) or _shared_out(arrival) or _out_of_order(arrival)


def _begun_again(arrival: Arrival) -> str | None:
    """Rows that came before, at the end of the order or at a resume."""
    size = arrival.run.rows_per_batch or 1
    at_start = arrival.place == 0 and arrival.came == arrival.run.rank * size
    if arrival.expected >= arrival.run.rows:
        step_start = arrival.batch * arrival.run.world_size * size
        return (
            TAIL if arrival.run.world_size > 1 and step_start < arrival.run.rows else SECOND_EPOCH
        )
    if arrival.batch == arrival.run.first_batch > 0 and arrival.place == 0:
        if at_start:
            return RESTARTED
        if _is_run(arrival.positions):
            return ELSEWHERE
    if at_start and arrival.batch > 0:
        return SECOND_EPOCH
    # Others than the first row of the first process come first only where a step is filled up.
    return TAIL if arrival.came == 0 and arrival.batch > 0 and arrival.run.world_size > 1 else None


def _shared_out(arrival: Arrival) -> str | None:
    """Rows that went to another process or came from another file."""
    if arrival.run.world_size > 1 and arrival.run.rows_per_batch is not None:
        others = arrival.came == arrival.batch * arrival.run.rows_per_batch
        if arrival.place == 0 and others and _is_run(arrival.positions):
            return SAME_ROWS
        if _steps(arrival.positions) == {arrival.run.world_size}:
            return STRIDED
    # The very first row of all is not in turn with anything.
    very_first = arrival.run.rank == arrival.batch == arrival.place == 0
    if arrival.came in arrival.first_positions[1:] and not very_first:
        if arrival.place > 0:
            return WORKERS
        if _is_run(arrival.positions):
            at_first = arrival.batch == arrival.run.first_batch
            return OWN_FILES if at_first and arrival.run.rank > 0 else WORKERS
    return None


def _out_of_order(arrival: Arrival) -> str:
    """Rows that none of the other causes puts where they came."""
    positions = arrival.positions
    tells = len(positions) >= _ROWS_THAT_TELL
    steps = _steps(positions)
    if steps == {-1}:
        return REVERSED
    gap = arrival.came - arrival.expected
    if arrival.batch == arrival.place == 0 < gap and len(positions) > 1 and _is_run(positions):
        return LATE_START if arrival.run.rows_per_batch else f"{PACKED}; or {LATE_START}"
    if _has_more(arrival):
        return REPEATED
    packed = arrival.run.rows_per_batch is None
    close = positions[-1] - positions[0] <= 2 * len(positions)
    near = close if tells and not packed else gap * 100 < arrival.run.rows
    if gap > 0 and near and all(step > 0 for step in steps):
        return DROPPED
    if packed:
        return PACKED
    within = all(abs(position - arrival.expected) <= _WINDOW_ROWS for position in positions)
    if tells and within and arrival.run.rows > 4 * _WINDOW_ROWS:
        return BUFFER
    if arrival.sampling in (None, "random"):
        return RANDOM
    if arrival.sampling == "sequential":
        return SHUFFLED
    return BY_LENGTH.format(sampling=arrival.sampling)


def _has_more(arrival: Arrival) -> bool:
    """Whether rows go on in order after one, or some, that were not to come here."""
    at, rest = arrival.place, arrival.positions[arrival.place :]
    if not _is_run(arrival.positions[:at]):
        return False
    back = arrival.expected - arrival.came
    again = 0 < back <= len(arrival.positions) and _is_run(rest)
    inserted = len(rest) > 1 and rest[1] == arrival.expected and _is_run(rest[1:])
    return again or inserted


def _steps(positions: Sequence[int]) -> set[int]:
    return {after - before for before, after in zip(positions, positions[1:], strict=False)}


def _is_run(positions: Sequence[int]) -> bool:
    return _steps(positions) <= {1}
