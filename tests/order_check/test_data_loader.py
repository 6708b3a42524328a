"""`datasets` and PyTorch's own DataLoader: the order that each gives, and what the checker says."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, DistributedSampler

from tests.order_check.tiny import ROWS, ROWS_PER_SHARD, Rows, make_tokenizer
from tma_prep.errors import OrderError
from tma_prep.order_check import checked
from tma_prep.shards.loader import OrderedShards
from tma_prep.shards.packing import PackedShards
from tma_prep.shards.reader import open_shards
from tma_prep.trainers.consumed import compare

pytestmark = pytest.mark.slow

BATCH = 4
IN_ORDER = list(range(ROWS))


def streamed(shards: Path) -> Rows:
    """The shards as a stream of rows."""
    import datasets

    return datasets.load_dataset(
        "parquet", data_files=f"{shards}/*.parquet", split="train", streaming=True
    )


def loader_of(rows: Rows, **settings: Any) -> DataLoader[Any]:  # noqa: ANN401
    """A loader of lists of rows, so that nothing but the order is the loader's."""
    given: dict[str, Any] = {"batch_size": BATCH, "collate_fn": list}
    return DataLoader(rows.select_columns(["tma_position", "tma_row"]), **given | settings)


def positions(batches: Any) -> list[int]:  # noqa: ANN401
    """All that come, one after the other."""
    return [row["tma_position"] for batch in batches for row in batch]


def test_datasets_reads_the_files_in_the_order_of_their_names(rows: Rows, shards: Path) -> None:
    """Whole and streamed."""
    assert rows["tma_position"][:] == IN_ORDER
    assert [row["tma_position"] for row in streamed(shards)] == IN_ORDER


@pytest.mark.parametrize("settings", [{}, {"num_workers": 2}, {"batch_size": 7}, {"batch_size": 1}])
def test_a_sequential_loader_keeps_the_order(
    tmp_path: Path, rows: Rows, shards: Path, settings: dict[str, Any]
) -> None:
    """Any number of workers; the checker hands on the batches as they are, and leaves a proof."""
    loader = checked(loader_of(rows, **settings), shards, tmp_path / "log")
    assert positions(loader) == IN_ORDER
    assert len(loader) == -(-ROWS // settings.get("batch_size", BATCH))
    assert compare(tmp_path / "log", open_shards(shards)).facts.whole
    with pytest.raises(OrderError, match=r"all 48 rows had come .* train one epoch"):
        next(iter(loader))


def test_batches_of_tensors_are_read_too(rows: Rows, shards: Path) -> None:
    """`default_collate` makes a tensor of the column."""
    loader = loader_of(rows, collate_fn=None)
    batches = list(checked(loader, shards))
    assert torch.cat([batch["tma_position"] for batch in batches]).tolist() == IN_ORDER


@pytest.mark.parametrize("batch_size", [1, BATCH])
def test_a_shuffled_loader_is_caught(rows: Rows, shards: Path, batch_size: int) -> None:
    """At its first batch that is out of order."""
    torch.manual_seed(3)
    loader = loader_of(rows, shuffle=True, batch_size=batch_size)
    assert sorted(positions(loader)) == IN_ORDER
    taken = 0
    with pytest.raises(OrderError, match=r"random sampler .* shuffle=False in a DataLoader"):
        for _ in checked(loader, shards):
            taken += 1
    assert taken <= 1


def test_a_stream_keeps_the_order_without_workers(shards: Path) -> None:
    """Or with one."""
    for workers in (0, 1):
        loader = loader_of(streamed(shards), num_workers=workers)
        assert positions(checked(loader, shards)) == IN_ORDER


def test_two_workers_of_a_stream_take_files_of_their_own(shards: Path) -> None:
    """Files 0 and 2, and file 1, a batch of each in turn."""
    size = ROWS_PER_SHARD
    in_turn = [
        position
        for first in range(0, size, BATCH)
        for start in (0, size)
        for position in range(start + first, start + first + BATCH)
    ]
    loader = loader_of(streamed(shards), num_workers=2)
    assert positions(loader) == [*in_turn, *range(2 * size, ROWS)]
    with pytest.raises(OrderError, match=r"4 was expected and 16 came .* several workers"):
        positions(checked(loader, shards))


@pytest.mark.parametrize("rank", [0, 1])
def test_rows_dealt_one_by_one_are_caught(rows: Rows, shards: Path, rank: int) -> None:
    """As torch's DistributedSampler and, for two files, `datasets` do it."""
    sampler: DistributedSampler[Any] = DistributedSampler(rows, 2, rank, shuffle=False)
    loader = loader_of(rows, sampler=sampler)
    assert positions(loader) == IN_ORDER[rank::2]
    with pytest.raises(OrderError, match="dealt out one by one"):
        positions(checked(loader, shards, rank=rank, world_size=2))


def test_a_resumed_loop_goes_on_in_the_log(tmp_path: Path, rows: Rows, shards: Path) -> None:
    """It says how many batches it took before."""
    log = tmp_path / "log"
    for _ in itertools.islice(checked(loader_of(rows), shards, log), 5):
        pass
    rest = loader_of(rows.skip(3 * BATCH))
    assert positions(checked(rest, shards, log, first_batch=3)) == IN_ORDER[3 * BATCH :]
    assert compare(log, open_shards(shards)).facts.whole
    with pytest.raises(OrderError, match="the training was resumed and its data was not"):
        positions(checked(loader_of(rows), shards, first_batch=3))


@pytest.mark.parametrize("batch_size", [8, 7])
def test_our_own_loader_is_proven_on_two_ranks(
    tmp_path: Path, shards: Path, batch_size: int
) -> None:
    """Its batches too are handed on as they are, even where ranks get unequal parts."""
    for rank in range(2):
        ours = OrderedShards(
            shards, batch_size=batch_size, rank=rank, world_size=2, columns=["tma_position"]
        )
        list(checked(ours.loader(num_workers=rank), shards, tmp_path / "log"))
    assert compare(tmp_path / "log", open_shards(shards)).facts.whole


def test_rows_of_other_shards_are_caught(rows: Rows, shards: Path) -> None:
    """By their numbers, where the loader hands them on: lists of rows, and tensors."""
    numbers = rows["tma_row"][:]
    other = rows.remove_columns("tma_row").add_column("tma_row", [*numbers[:5], *numbers[:4:-1]])
    for collate in (list, None):
        batches = checked(loader_of(other, collate_fn=collate), shards)
        with pytest.raises(OrderError, match=f"row {numbers[-1]} came at tma_position 5 where"):
            list(batches)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_our_own_loader_says_where_it_was_resumed(
    tmp_path: Path, shards: Path, num_workers: int
) -> None:
    """From its state, with the log of the run before; and a loop that says nothing is told."""
    first, second = (OrderedShards(shards, batch_size=8) for _ in range(2))
    loader = first.loader()
    for _ in itertools.islice(checked(loader, shards, tmp_path / "log"), 2):
        pass
    resumed = second.loader(num_workers=num_workers)
    resumed.load_state_dict(loader.state_dict())
    rest = checked(resumed, shards, tmp_path / "log")
    assert positions(rest) == IN_ORDER[16:]
    assert compare(tmp_path / "log", open_shards(shards)).facts.whole
    second.load_state_dict(loader.state_dict())
    with pytest.raises(OrderError, match="0 was expected and 16 came .* resumed without first_b"):
        positions(checked(iter(second), shards))


def test_a_batch_without_positions_is_told(rows: Rows, shards: Path) -> None:
    """And where they are can be said."""
    loader = loader_of(rows, collate_fn=lambda found: [row["tma_position"] for row in found])
    with pytest.raises(OrderError, match="holds no tma_position: let the dataset keep the column"):
        next(iter(checked(loader, shards)))
    batches = checked(loader, shards, positions=lambda batch: batch)
    assert list(itertools.chain.from_iterable(batches)) == IN_ORDER


def test_our_own_packs_are_proven_on_two_ranks(tmp_path: Path, shards: Path) -> None:
    """Packs of any number of rows; what a rank leaves out is seen once all logs are together."""
    tokenizer = make_tokenizer()

    def encode(row: dict[str, Any]) -> dict[str, list[int]]:
        return {"input_ids": tokenizer(f"{row['prompt']} {row['response']}")["input_ids"]}

    for rank in range(2):
        packs = PackedShards(shards, length=48, encode=encode, rank=rank, world_size=2)
        log = tmp_path / "log"
        taken = list(checked(packs, shards, log, rank=rank, world_size=2))
        assert len({len(pack.tma_position) for pack in taken}) > 1
    assert compare(tmp_path / "log", open_shards(shards)).facts.whole
