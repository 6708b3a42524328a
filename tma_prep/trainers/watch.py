"""Watches which rows one process of a training takes, and says which is not in its turn."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tma_prep.errors import OptionError, OrderError
from tma_prep.shards import open_shards
from tma_prep.trainers.arrival import Arrival
from tma_prep.trainers.consumed import ConsumedLog
from tma_prep.trainers.row_numbers import RowNumbers
from tma_prep_schemas import ConsumedStart

OnError = Literal["stop", "warn"]


class OrderWarning(UserWarning):
    """What would be an `OrderError`, where the training is to go on."""


class OrderCheck:
    """Watches the positions that one process takes, micro-batch by micro-batch.

    What is right: rank r of W gets as its k-th micro-batch the whole batch k·W + r of the order, so
    that every step is one contiguous block; that is how accelerate and transformers share rows out.

    Attributes:
        shards: The shards that are trained on.
        row_numbers: Their `tma_row`.
        batch: Number of the next micro-batch of this process, from the start of the training.
    """

    def __init__(
        self,
        shards: str | Path,
        log: str | Path | None = None,
        *,
        on_error: OnError = "stop",
    ) -> None:
        """Watch nothing yet.

        Args:
            shards: The folder of the shards; of its rows only `tma_row` is read, where the training
                has it to compare with.
            log: Folder of the consumption log; None writes none. Every training needs its own, and
                a resumed one that of the run before.
            on_error: `stop` raises an `OrderError`; `warn` warns once and goes on.

        Raises:
            ArtifactError: There are no finished shards.
            OptionError: `on_error` is neither of the two.
        """
        if on_error not in ("stop", "warn"):
            raise OptionError(f"on_error is {on_error!r}; use stop or warn")
        self.shards = open_shards(Path(shards))
        self.row_numbers = RowNumbers(self.shards)
        self.batch = 0
        self._folder = None if log is None else Path(log)
        self._on_error = on_error
        self._log: ConsumedLog | None = None
        self._start: ConsumedStart | None = None
        self._share: int | None = None
        self._shares_from = 0
        self._sampling: str | None = None
        self._next = 0
        self._kept = True

    def begin(
        self,
        *,
        rank: int = 0,
        world_size: int = 1,
        rows_per_batch: int | None,
        batches_per_step: int | None = None,
        first_batch: int = 0,
        rows_per_step: int | None = None,
        first_position: int | None = None,
        sampling: str | None = None,
    ) -> None:
        """A training begins, or is resumed.

        Args:
            rank: This process among those that share the rows.
            world_size: How many they are.
            rows_per_batch: Rows of a micro-batch of this process; None where it varies because rows
                are packed. Then each process is held to ascending rows, and what all of them took
                together is told by the log.
            batches_per_step: Micro-batches that a process accumulates, where known.
            first_batch: Micro-batches of this process in the checkpoint that it begins from.
            rows_per_step: For `OrderedShards`: rows of a global batch, of which each process gets
                an equal part, of the last too.
            first_position: Of the global batch that the run begins with, where known.
            sampling: The trainer's `train_sampling_strategy`, for the likely cause.

        Raises:
            ArtifactError: The log is another training's.
        """
        self.end()
        self._start = ConsumedStart(
            rank=rank,
            world_size=world_size,
            rows=self.shards.rows,
            shards=self.shards.sha256,
            first_batch=first_batch,
            rows_per_batch=rows_per_batch,
            batches_per_step=batches_per_step,
        )
        self.batch, self._share, self._kept = first_batch, rows_per_step, True
        self._sampling = sampling
        self._next = first_batch * (rows_per_batch or 0) * world_size
        self._shares_from = first_batch * (rows_per_step or 0)
        if first_position is not None:
            self._next = self._shares_from = first_position
        if self._folder is not None:
            self._log = ConsumedLog(self._folder, self._start)

    def take(self, positions: Sequence[int], rows: Sequence[int] | None = None) -> None:
        """A micro-batch has come and is about to be trained.

        Args:
            positions: `tma_position` of its rows, in their order.
            rows: `tma_row` of its rows, where the training has it.

        Raises:
            OrderError: A row is not the one whose turn it is.
            ArtifactError: A file of the shards is missing or damaged.
        """
        if self._start is None:
            raise OptionError("take() before begin()")
        if self._log is not None:
            self._log.add(self.batch, list(positions))
        if self._kept:
            arrival = self._wrong(self._start, positions)
            line = None if arrival is None else arrival.line()
            # A pack may hold a list of positions and no list of rows.
            if line is None and rows is not None and len(rows) == len(positions):
                line = self.row_numbers.wrong(positions, rows)
            if line is not None:
                self.report(line)
        self.batch += 1
        self._next = positions[-1] + 1 if len(positions) else self._next

    def end(self) -> None:
        """The training is over, or was broken off."""
        if self._log is not None:
            self._log.close()
        self._log = self._start = None

    def report(self, line: str) -> None:
        """Stop, or warn and look no further."""
        self._kept = False
        if self._on_error == "stop":
            self.end()
            raise OrderError(line)
        warnings.warn(line, OrderWarning, stacklevel=3)

    def _wrong(self, start: ConsumedStart, positions: Sequence[int]) -> Arrival | None:
        """The first row that is not the one expected."""
        first = self._first_expected(start, positions)
        for place, came in enumerate(positions):
            expected = first + place
            if came != expected or came >= self.shards.rows:
                return Arrival(
                    run=start,
                    first_positions=self.shards.first_positions,
                    batch=self.batch,
                    positions=positions,
                    place=place,
                    expected=expected,
                    sampling=self._sampling,
                )
        return None

    def _first_expected(self, start: ConsumedStart, positions: Sequence[int]) -> int:
        """The position with which this process's micro-batch must begin."""
        if self._share is not None:
            step_start = self._shares_from + (self.batch - start.first_batch) * self._share
            rows = min(self._share, self.shards.rows - step_start)
            return step_start + rows * start.rank // start.world_size
        if start.rows_per_batch is None:
            # Where packs of other processes or of a run before came between, any later row may.
            others = start.world_size > 1 or self.batch == start.first_batch > 0
            return max(self._next, positions[0]) if others and len(positions) else self._next
        if start.world_size == 1:
            return self._next
        return (self.batch * start.world_size + start.rank) * start.rows_per_batch
