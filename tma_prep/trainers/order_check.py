"""A proof, made while a model is trained, that its rows come in the order of the shards.

With transformers' `Trainer`, TRL's `SFTTrainer` and what else is built on them:

    from tma_prep.order_check import attach

    attach(trainer, "work/shards/nft", log="consumed")
    trainer.train()

With a DataLoader and a loop of one's own:

    from tma_prep.order_check import checked

    for batch in checked(loader, "work/shards/nft", log="consumed"):
        ...

The rows keep their columns `tma_position` and `tma_row`, and are looked at where they are trained:
after samplers, worker processes, packing and the sharing out to several processes. What is proven
is the position and the number of every row, not its text; without `tma_row`, its position alone.
The first row out of its place ends the training with an `OrderError` that names the likely cause.
`tma-prep verify --consumed` compares the log with the shards, all processes together.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tma_prep.errors import OrderError
from tma_prep.trainers.watch import OnError, OrderCheck, OrderWarning
from tma_prep_schemas import POSITION, PREFIX, ROW

if TYPE_CHECKING:
    from transformers import Trainer

    from tma_prep.shards import OrderedShards

__all__ = ["OrderCheck", "OrderWarning", "PositionCollator", "attach", "checked"]

Batch = TypeVar("Batch")


class PositionCollator:
    """Keeps `tma_position`, or more of such columns, in a batch whatever collator makes it.

    The collator inside gets the features without any column of tma-prep's, as if they had never
    been there. Where a feature is a pack of rows, its positions are a list.
    """

    def __init__(
        self, inner: Callable[[list[Any]], Any], keep: Sequence[str] = (POSITION,)
    ) -> None:
        """Wrap a collator; `keep` names the columns of numbers that come through."""
        self.inner = inner
        self.keep = tuple(keep)

    def __call__(self, features: list[Any]) -> Any:  # noqa: ANN401
        """The batch of the collator inside, and what is kept, int64 [rows], if features have it.

        Args:
            features: Rows, as mappings; others are handed on as they are.
        """
        import torch

        if not all(isinstance(feature, Mapping) for feature in features):
            return self.inner(features)
        own = [
            {name: value for name, value in feature.items() if not name.startswith(PREFIX)}
            for feature in features
        ]
        batch = self.inner(own)
        for name in self.keep:
            found = [feature[name] for feature in features if name in feature]
            if found:
                flat = [torch.as_tensor(value, dtype=torch.int64).reshape(-1) for value in found]
                batch[name] = torch.cat(flat)
        return batch


def attach(
    trainer: "Trainer",
    shards: str | Path,
    log: str | Path | None = None,
    *,
    on_error: OnError = "stop",
) -> OrderCheck:
    """Let a transformers `Trainer`, or one built on it, check the order while it trains.

    Wraps the trainer's collator, `training_step` and `prediction_step`, adds a callback, and lets
    `tma_position` and `tma_row` through where unused columns are removed. Rows of evaluations are
    not checked. All rows of a `datasets.Dataset` are compared with the shards at once, by `tma_row`
    and `tma_id` where it has them, for which both are held in memory; streamed ones are not, but by
    `tma_row` as they are trained.

    Args:
        trainer: As it was made; call this before `train()`.
        shards: The folder of the shards; of their columns only `tma_row` and `tma_id` are read.
        log: Folder of the consumption log, for `tma-prep verify --consumed`.
        on_error: `stop` ends the training at the first row out of order with an `OrderError`;
            `warn` warns once and goes on.

    Raises:
        OrderError: The training rows have no column `tma_position`, or are not those of the shards.
        ArtifactError: There are no finished shards, or a file of them is missing or damaged.
        OptionError: The trainer is checked already.
    """
    from tma_prep.trainers.order_callback import attach_to

    check = OrderCheck(shards, log, on_error=on_error)
    attach_to(trainer, check)
    return check


@dataclass
class _Checked(Generic[Batch]):
    """A data loader whose batches are looked at as they are taken."""

    loader: Iterable[Batch]
    check: OrderCheck
    positions: Callable[[Batch], Any]
    ordered: "OrderedShards | None"
    rank: int
    world_size: int
    first_batch: int
    begun: bool = False

    def __iter__(self) -> Iterator[Batch]:
        """The same batches; a second pass goes on counting, so that it is told."""
        # Before the loader takes it.
        start = None if self.ordered is None else self.ordered.start
        for batch in self.loader:
            positions = [int(position) for position in self.positions(batch)]
            if not self.begun:
                self._begin(len(positions), start)
                self.begun = True
            rows = _column_of(batch, ROW)
            self.check.take(positions, None if rows is None else [int(row) for row in rows])
            yield batch

    def _begin(self, rows: int, position: int | None) -> None:
        ordered, before = self.ordered, self.first_batch
        if ordered is not None and position is not None and not before:
            before = -(-position // ordered.batch_size)
        varies = ordered is not None or not hasattr(self.loader, "batch_size")
        self.check.begin(
            rank=self.rank,
            world_size=self.world_size,
            rows_per_batch=None if varies else getattr(self.loader, "batch_size", None) or rows,
            first_batch=before,
            rows_per_step=None if ordered is None else ordered.batch_size,
            first_position=None if self.first_batch else position,
        )

    def __len__(self) -> int:
        """Batches of a pass."""
        return len(self.loader)  # type: ignore[arg-type]


def checked(
    loader: Iterable[Batch],
    shards: str | Path,
    log: str | Path | None = None,
    *,
    positions: Callable[[Batch], Any] | None = None,
    first_batch: int = 0,
    rank: int | None = None,
    world_size: int | None = None,
    on_error: OnError = "stop",
) -> _Checked[Batch]:
    """The same batches, looked at as they are taken.

    Args:
        loader: A PyTorch DataLoader, tma-prep's own loader, or what else gives batches. Wrap what
            accelerate prepared, not what it is to prepare.
        shards: The folder of the shards; of their columns only `tma_row` is read, where batches
            hold it as they hold `tma_position`.
        log: Folder of the consumption log, for `tma-prep verify --consumed`.
        positions: From a batch to its rows' `tma_position`; by default `batch["tma_position"]`,
            the `tma_position` of each row of a list, or the attribute.
        first_batch: Batches that this process took before, where a training is resumed. Tma-prep's
            own loader knows, once its state is loaded.
        rank: This process; by default as torch.distributed or torchrun says.
        world_size: How many share the rows; by default as for `rank`.
        on_error: As of `OrderCheck`.

    Raises:
        ArtifactError: There are no finished shards.
        OptionError: There is no such rank.
    """
    from tma_prep.shards import OrderedShards, rank_of

    check = OrderCheck(shards, log, on_error=on_error)
    dataset = getattr(loader, "dataset", loader)
    ordered = dataset if isinstance(dataset, OrderedShards) else None
    if ordered is not None:
        rank, world_size = ordered.rank, ordered.world_size
    own_rank, size = rank_of(rank, world_size)

    read = positions or _positions_of
    return _Checked(loader, check, read, ordered, own_rank, size, first_batch)


def _positions_of(batch: Any) -> Any:  # noqa: ANN401
    """`tma_position` of the rows of a batch, whatever the batch is.

    Raises:
        OrderError: It has none.
    """
    found = _column_of(batch, POSITION)
    if found is not None:
        return found
    raise OrderError(
        f"a batch holds no {POSITION}: let the dataset keep the column and collate_fn put it into "
        "the batch, or say with positions=… where it is"
    )


def _column_of(batch: Any, name: str) -> Any:  # noqa: ANN401
    """A column of the rows of a batch, whatever the batch is; None if it has none."""
    if isinstance(batch, Mapping):
        return batch.get(name)
    if isinstance(batch, list) and all(isinstance(row, Mapping) for row in batch):
        return [row[name] for row in batch] if all(name in row for row in batch) else None
    return getattr(batch, name, None)
