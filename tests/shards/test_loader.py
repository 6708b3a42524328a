"""The order is exact for any number of ranks and workers, and goes on where it stopped."""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch.utils.data import DataLoader

import tma_prep
from tests.shards.made_shards import make_shards, open_shards_of, rewrite
from tma_prep.errors import ArtifactError, OptionError, OrderError
from tma_prep.shards.loader import OrderedShards, State
from tma_prep.shards.packing import PackedShards
from tma_prep.shards.reader import Row, open_shards

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")

ROWS = 43
PER_SHARD = 5  # Less than most batches.


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine shards."""
    return make_shards(tmp_path_factory.mktemp("loader") / "shards", ROWS, rows_per_shard=PER_SHARD)


def positions(batch: list[Row]) -> list[Any]:
    """What a rank got."""
    return [row["tma_position"] for row in batch]


def shards_of(folder: Path, batch_size: int, rank: int = 0, ranks: int = 1) -> OrderedShards:
    """Positions alone."""
    return OrderedShards(
        folder,
        batch_size=batch_size,
        rank=rank,
        world_size=ranks,
        columns=[],
        transform=positions,
        empty_batches=True,
    )


def global_batches(ranks: Iterable[Iterable[list[int]]]) -> list[list[int]]:
    """The batches of all ranks put together; all ranks have as many."""
    steps = zip(*ranks, strict=True)
    return [list(itertools.chain.from_iterable(step)) for step in steps]


def expected(batch_size: int) -> list[list[int]]:
    """Global batch b is the positions b·B … b·B + B − 1."""
    return [
        list(range(first, min(first + batch_size, ROWS))) for first in range(0, ROWS, batch_size)
    ]


@pytest.mark.parametrize("workers", range(4))
@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_every_global_batch_is_its_positions(folder: Path, ranks: int, workers: int) -> None:
    """Batches that divide by the ranks and not, that end in a tail of one and of more."""
    for batch_size in (7, 12) if workers else (4, 7, 12, 42, 43, 100):
        loaders = [
            shards_of(folder, batch_size, rank, ranks).loader(workers) for rank in range(ranks)
        ]
        assert global_batches(loaders) == expected(batch_size)
        assert [len(loader) for loader in loaders] == [len(expected(batch_size))] * ranks


def test_shares_are_as_even_as_can_be(folder: Path) -> None:
    """Of a whole batch and of the last one, of 3 rows."""
    shares = [[len(b) for b in shards_of(folder, 8, rank, 4)] for rank in range(4)]
    assert shares == [[2] * 5 + [0], [2] * 5 + [1], [2] * 5 + [1], [2] * 5 + [1]]
    shares = [[len(b) for b in shards_of(folder, 10, rank, 4)] for rank in range(4)]
    assert shares == [[2] * 4 + [0], [3] * 4 + [1], [2] * 4 + [1], [3] * 4 + [1]]


@pytest.mark.parametrize("workers", [0, 2])
def test_drop_last(folder: Path, workers: int) -> None:
    """Whole batches alone."""
    shards = OrderedShards(
        folder, batch_size=8, rank=1, world_size=4, transform=positions, drop_last=True
    )
    assert list(shards.loader(workers)) == [[b * 8 + 2, b * 8 + 3] for b in range(5)]
    assert len(shards) == 5


def taken(loader: Iterable[list[int]], batches: int) -> list[list[int]]:
    """So many batches, and no more."""
    return list(itertools.islice(loader, batches))


RESUMES = [  # ranks and workers before, and after
    ((1, 0), (1, 0)),
    ((1, 2), (4, 0)),
    ((2, 0), (1, 2)),
    ((3, 2), (2, 1)),
]


@pytest.mark.parametrize(("before", "after"), RESUMES, ids=["same", "workers", "more", "fewer"])
def test_resume_at_every_batch(
    folder: Path, before: tuple[int, int], after: tuple[int, int]
) -> None:
    """A state is of what was consumed, not of what workers have read ahead."""
    for done in range(len(expected(6)) + 1):
        loader = shards_of(folder, 6, before[0] - 1, before[0]).loader(before[1])
        taken(loader, done)
        state = loader.state_dict()
        assert state["next_position"] == min(6 * done, ROWS)
        loaders = []
        for rank in range(after[0]):
            loaders.append(shards_of(folder, 6, rank, after[0]).loader(after[1]))
            loaders[-1].load_state_dict(state)
            assert loaders[-1].state_dict() == state
        assert global_batches(loaders) == expected(6)[done:]
        assert loaders[0].state_dict()["next_position"] == ROWS


@pytest.mark.parametrize("workers", [0, 2])
def test_a_second_pass_begins_at_the_beginning(folder: Path, workers: int) -> None:
    """Also after a resume, and after a loop that was left."""
    loader = shards_of(folder, 6).loader(workers)
    taken(loader, 3)
    assert taken(loader, 2) == expected(6)[:2]
    loader.load_state_dict(loader.state_dict())
    assert list(loader) == expected(6)[2:]
    assert list(loader) == expected(6)


def test_the_dataset_alone(folder: Path) -> None:
    """Without a DataLoader: rows with every column, and a state."""
    shards = OrderedShards(folder, batch_size=6)
    batch = next(iter(shards))
    assert [row["prompt"] for row in batch] == [f"prompt {n}" for n in range(6)]
    assert shards.state_dict()["next_position"] == 6
    shards = shards_of(folder, 6)
    shards.start_at(12)
    assert list(shards) == expected(6)[2:]
    assert list(shards) == expected(6)


def test_a_states_shards_and_batches_must_be_these(folder: Path, tmp_path: Path) -> None:
    """Other shards, or a batch size for which no batch begins there."""
    shards = shards_of(folder, 6)
    taken(shards, 3)
    state = shards.state_dict()
    wider = shards_of(folder, 9)
    wider.load_state_dict(state)
    assert list(wider) == expected(9)[2:]
    with pytest.raises(OptionError, match="position 18, where no batch of 4 rows begins"):
        shards_of(folder, 4).load_state_dict(state)
    other = make_shards(tmp_path / "other", ROWS + 1)
    with pytest.raises(OptionError, match="other: the state is of other shards"):
        shards_of(other, 6).load_state_dict(state)


@pytest.mark.parametrize("state", [{"a": 1}, None, {"next_position": "6"}], ids=str)
def test_a_state_that_is_none_is_refused(folder: Path, state: Any) -> None:  # noqa: ANN401
    """In one line, by rows and by packs."""
    for found in (shards_of(folder, 6).loader(), PackedShards(folder, length=8)):
        with pytest.raises(OptionError, match="is not what state_dict.. returned"):
            found.load_state_dict(state)


def open_in_worker(batch: list[Row]) -> tuple[int, int]:
    """Position and how many shards the process has open."""
    return int(str(batch[0]["tma_position"])), len(open_shards_of(Path(str(WATCHED[0]))))


WATCHED: list[Path] = []


@pytest.mark.parametrize("workers", [0, 2])
def test_one_file_is_open_at_a_time(folder: Path, workers: int) -> None:
    """In every worker; none afterwards."""
    WATCHED[:] = [folder]
    shards = OrderedShards(folder, batch_size=4, transform=open_in_worker)
    assert list(shards.loader(workers)) == [(first, 1) for first in range(0, ROWS, 4)]
    assert not open_shards_of(folder)


@pytest.mark.parametrize("workers", [0, 2])
def test_swapped_positions_stop_it(tmp_path: Path, workers: int) -> None:
    """In one line, also from a worker process; the batches before come."""
    folder = make_shards(tmp_path / "shards", ROWS)
    path = open_shards(folder).files[1]
    table = pq.read_table(path)
    rewrite(path, table.take([0, 1, 2, 3, 4, 5, 6, 8, 7, 9]))
    loader = iter(shards_of(folder, 4).loader(workers))
    # A row group, here of rows 14 to 17, is looked at whole.
    assert taken(loader, 3) == [[*range(n, n + 4)] for n in range(0, 12, 4)]
    with pytest.raises(OrderError) as caught:
        next(loader)
    assert str(caught.value).startswith(f"{path}: row 7 has tma_position 18, and 17 belongs there")
    assert "\n" not in str(caught.value)


def test_a_dataloader_that_batches_again_is_refused(folder: Path) -> None:
    """With any batch size of its own; without one it keeps the order."""
    wrong: list[dict[str, Any]] = [
        {},
        {"batch_size": 4},
        {"collate_fn": list},
    ]
    for options in wrong:
        with pytest.raises(OptionError, match=r"use shards\.loader\(num_workers=…\)"):
            next(iter(DataLoader(shards_of(folder, 6), **options)))
    loader: Any = DataLoader(shards_of(folder, 6), batch_size=None, num_workers=3)
    assert list(loader) == expected(6)


def test_a_worker_goes_on_from_a_state_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As torchdata's StatefulDataLoader keeps one for each worker, after its batches."""

    class Info:
        def __init__(self, worker: int) -> None:
            self.id, self.num_workers = worker, 3

    for worker in range(3):
        monkeypatch.setattr("tma_prep.shards.loader.get_worker_info", lambda w=worker: Info(w))
        own = expected(6)[worker::3]
        for done in range(len(own) + 1):
            shards, again = shards_of(folder, 6), shards_of(folder, 6)
            taken(shards, done)
            again.load_state_dict(shards.state_dict())
            assert list(again) == own[done:]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"batch_size": 3, "rank": 0, "world_size": 4}, "a batch size of 3 leaves some of 4 ranks"),
    ({"batch_size": 0}, "a batch size of 0"),
    ({"batch_size": 8, "rank": 0, "world_size": 4}, r"3 row\(s\) for 4 ranks.*empty_batches=True"),
    ({"batch_size": 4, "rank": 2, "world_size": 2}, "no rank 2 among 2; ranks count from 0"),
    ({"batch_size": 4, "rank": 1}, "give rank and world_size both"),
    ({"batch_size": 4, "columns": ["answer"]}, "no column 'answer'"),
]


@pytest.mark.parametrize(("options", "text"), WRONG, ids=[str(n) for n in range(len(WRONG))])
def test_wrong_options(folder: Path, options: dict[str, Any], text: str) -> None:
    """Are refused with what would help."""
    with pytest.raises(OptionError, match=text):
        OrderedShards(folder, **options)


def test_no_shards(tmp_path: Path) -> None:
    """A folder without a manifest."""
    with pytest.raises(ArtifactError, match="holds no finished shards"):
        OrderedShards(tmp_path, batch_size=1)


def test_ranks_come_from_the_launcher(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What torchrun sets, until torch.distributed knows better."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    shards = tma_prep.OrderedShards(folder, batch_size=4, transform=positions)
    assert next(iter(shards)) == [2, 3]
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 3)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 4)
    shards = tma_prep.OrderedShards(folder, batch_size=4, transform=positions, drop_last=True)
    assert next(iter(shards)) == [3]


def test_a_state_is_plain(folder: Path) -> None:
    """So that it goes into any checkpoint."""
    state: State = shards_of(folder, 6).loader().state_dict()
    assert {type(value) for value in state.values()} == {int, str}
