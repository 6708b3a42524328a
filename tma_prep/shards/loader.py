"""Shards as a torch dataset for a training loop of one's own: the order, exactly.

Global batch b is the positions b·B … b·B + B − 1, B being `batch_size`, for any number of ranks
and of worker processes. Rank r of R takes a contiguous share of it, rows r·n // R to
(r + 1)·n // R of its n rows.

    shards = OrderedShards("work/shards/nft", batch_size=16, transform=collate)
    loader = shards.loader(num_workers=2)
    for batch in loader: ...
    loader.state_dict()  # what was consumed, whatever the workers have read ahead

A second `for` over a loader begins again at position 0.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch.distributed
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from tma_prep.errors import OptionError, TmaPrepError
from tma_prep.shards.reader import Row, ShardReader, open_shards

State = dict[str, int | str]
"""Where an iteration stands: `next_position`, and the SHA-256 of the manifest of the `shards`."""


class OrderedShards(IterableDataset[Any]):
    """This rank's share of every global batch, in order, each batch a list of rows.

    Every iteration is one pass from position 0, or from where `load_state_dict` set it. All ranks
    have the same number of batches, so that none waits for another. At most one file is open and
    one row group in memory, in each worker.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        batch_size: int,
        rank: int | None = None,
        world_size: int | None = None,
        columns: Sequence[str] | None = None,
        transform: Callable[[list[Row]], Any] | None = None,
        drop_last: bool = False,
        empty_batches: bool = False,
    ) -> None:
        """Find the shards.

        Args:
            path: A folder of shards, `WORK/shards/NAME`.
            batch_size: Rows of a global batch, over all ranks.
            rank: This process among those that share each batch. By default as torch.distributed
                says if it is set up, else the environment variable RANK, which torchrun sets,
                else 0.
            world_size: How many they are; by default as for `rank`.
            columns: Columns to read, all of them if None. `tma_position` is always among them.
            transform: Makes the batch of its rows, in the worker: tokenises and pads, say.
            drop_last: Leave out the last global batch if it is short. By default it is kept, and
                spread over the ranks: no row is lost, none is fed twice.
            empty_batches: Allow a last batch with fewer rows than ranks: those without a row get an
                empty one (`transform` sees an empty list), and must still take part in the step.

        Raises:
            OptionError: A batch has fewer rows than there are ranks; no such rank, or column.
            ArtifactError: There are no finished shards, or the first one is missing or damaged.
        """
        self.folder = open_shards(Path(path))
        self.batch_size = batch_size
        self.rank, self.world_size = rank_of(rank, world_size)
        self._columns = None if columns is None else list(columns)
        self._transform = transform
        self._drop_last = drop_last
        self._empty_batches = empty_batches
        self._shards = self.folder.sha256
        if batch_size < self.world_size:
            raise OptionError(
                f"a batch size of {batch_size} leaves some of {self.world_size} ranks without a "
                "row; it counts the rows of all ranks: ask for more"
            )
        ShardReader(self.folder, self._columns).close()
        self.start_at(0)

    def __len__(self) -> int:
        """Batches of a pass over everything, the same on every rank."""
        return self._batches_from(0)

    def start_at(self, position: int) -> None:
        """Let the next iteration begin at this position, and its batches be counted from there.

        Raises:
            OptionError: There is no such position; or the last batch has no row for every rank.
        """
        if not 0 <= position <= self.folder.rows:
            raise OptionError(f"no position {position} among {self.folder.rows} rows")
        last = (self.folder.rows - position) % self.batch_size
        if 0 < last < self.world_size and not self._drop_last and not self._empty_batches:
            raise OptionError(
                f"the last batch has {last} row(s) for {self.world_size} ranks, and a rank without "
                "any would let the others wait; drop_last=True leaves those rows out, "
                "empty_batches=True gives such a rank an empty batch"
            )
        self._start = self._next = position

    @property
    def start(self) -> int:
        """Position at which the next iteration begins."""
        return self._start

    def state_dict(self) -> State:
        """Where this iteration stands: after the batch that it gave last."""
        return {"shards": self._shards, "next_position": self._next}

    def load_state_dict(self, state: State) -> None:
        """Let the next iteration go on from there, with any number of ranks and workers.

        Raises:
            OptionError: The state is of other shards, or of no batch of this size.
        """
        position = self.position_of(state)
        if position % self.batch_size and position != self.folder.rows:
            raise OptionError(
                f"the state stands at position {position}, where no batch of {self.batch_size} "
                "rows begins; resume with the batch size that it was saved with"
            )
        self.start_at(position)

    def position_of(self, state: State) -> int:
        """The position at which a state goes on.

        Raises:
            OptionError: The state is of other shards, or none at all.
        """
        given: object = state
        if not isinstance(given, dict) or not isinstance(given.get("next_position"), int):
            raise OptionError(
                f"{self.folder.path}: the state to go on from is not what state_dict() returned"
            )
        if given.get("shards") != self._shards:
            raise OptionError(
                f"{self.folder.path}: the state is of other shards; resume with those it was of"
            )
        return int(given["next_position"])

    def loader(
        self,
        num_workers: int = 0,
        *,
        pin_memory: bool = False,
        prefetch_factor: int | None = None,
        multiprocessing_context: str | None = None,
    ) -> "OrderedLoader":
        """The DataLoader that keeps the order, and knows how far it was consumed.

        Args:
            num_workers: Processes that read and transform ahead; of N, each makes every N-th
                batch. 0 does it in this process.
            pin_memory: As of DataLoader.
            prefetch_factor: As of DataLoader.
            multiprocessing_context: As of DataLoader.
        """
        return OrderedLoader(
            self,
            batch_size=None,
            collate_fn=_as_it_is,
            num_workers=num_workers,
            pin_memory=pin_memory,
            prefetch_factor=prefetch_factor,
            multiprocessing_context=multiprocessing_context,
        )

    def __iter__(self) -> Iterator[Any]:
        """Batches of this rank; in a worker process of a DataLoader, those of the worker.

        Raises:
            OptionError: A DataLoader asks that would make batches of these batches.
        """
        # `iter` is called by the constructor of the DataLoader's fetcher.
        if sys._getframe(1).f_locals.get("auto_collation"):
            raise OptionError(
                "a DataLoader with a batch_size of its own would batch these batches again; "
                "use shards.loader(num_workers=…), or give it batch_size=None"
            )
        worker = get_worker_info()
        start = self._start
        self._start, self._next = 0, start
        return self._batches(start, *((worker.id, worker.num_workers) if worker else (0, 1)))

    def _batches(self, start: int, worker: int, workers: int) -> Iterator[Any]:
        """Batches `worker`, `worker + workers`, … of those from `start` on.

        DataLoader takes its workers in turn, so together they give all batches in order.
        """
        with ShardReader(self.folder, self._columns) as reader:
            for number in range(worker, self._batches_from(start), workers):
                first = start + number * self.batch_size
                count = min(self.batch_size, self.folder.rows - first)
                rows = reader.rows(
                    first + count * self.rank // self.world_size,
                    first + count * (self.rank + 1) // self.world_size,
                )
                batch = rows if self._transform is None else self._transform(rows)
                # Where `worker` must start so that its own next batch comes next: torchdata's
                # StatefulDataLoader keeps a state for each worker.
                self._consumed(start, number + workers - worker)
                yield batch

    def _batches_from(self, start: int) -> int:
        rows = self.folder.rows - start
        return rows // self.batch_size if self._drop_last else -(-rows // self.batch_size)

    def _consumed(self, start: int, batches: int) -> None:
        self._next = min(start + batches * self.batch_size, self.folder.rows)


class OrderedLoader(DataLoader[Any]):
    """What `OrderedShards.loader` makes: batches in order, and the state of what was consumed.

    Not for `accelerator.prepare`, which would deal out once more what each rank has already.
    """

    dataset: OrderedShards

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Batches of this rank, in order.

        Raises:
            TmaPrepError: As the dataset raises it, in one line, also from a worker process.
        """
        start = self.dataset._start
        batches = super().__iter__()
        # Worker processes have copies of the dataset, which take the start there.
        self.dataset._start, self.dataset._next = 0, start
        return self._tracked(batches, start)

    def _tracked(self, batches: Iterator[Any], start: int) -> Iterator[Any]:
        try:
            for number, batch in enumerate(batches):
                self.dataset._consumed(start, number + 1)
                yield batch
        except TmaPrepError as error:
            # A worker's error comes with the whole traceback as its text.
            line = str(error).splitlines()[-1].removeprefix(f"{type(error).__module__}.")
            line = line.removeprefix(f"{type(error).__name__}: ")
            # Workers end at once, and not when the garbage of this error is collected.
            del batches
            raise type(error)(line) from error.with_traceback(None)

    def state_dict(self) -> State:
        """Where this loader stands: after the batch taken last, not after what was read ahead."""
        return self.dataset.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Let the next iteration go on from there, with any number of ranks and workers.

        Raises:
            OptionError: The state is of other shards, or of no batch of this size.
        """
        self.dataset.load_state_dict(state)


def _as_it_is(batch: Any) -> Any:  # noqa: ANN401
    return batch


def rank_of(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """This process and how many there are, as given or else as torch.distributed says.

    Raises:
        OptionError: One of the two was given alone, or there is no such rank.
    """
    if (rank is None) != (world_size is None):
        raise OptionError("give rank and world_size both, or neither")
    if rank is None or world_size is None:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            rank, world_size = torch.distributed.get_rank(), torch.distributed.get_world_size()
        else:
            rank, world_size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if not 0 <= rank < world_size:
        raise OptionError(f"no rank {rank} among {world_size}; ranks count from 0")
    return rank, world_size
