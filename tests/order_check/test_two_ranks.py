"""Two processes share the rows: what each gets, what the checker says, and that none hangs."""

import json
from pathlib import Path
from typing import Any

import pytest
from torch.multiprocessing.spawn import ProcessRaisedException

from tests.order_check.ranks import WORLD, run_ranks, train_all
from tests.order_check.tiny import ROWS
from tma_prep.shards.reader import open_shards
from tma_prep.trainers.consumed import compare

pytestmark = pytest.mark.slow

BATCH = 4
STEPS = ROWS // BATCH // WORLD

SCENARIOS: dict[str, dict[str, Any]] = {
    "whole": {},
    "accumulated": {"gradient_accumulation_steps": 3},
    # Rows of one file are read by both processes, and each keeps its own batches of them.
    "streamed": {
        "files": 1,
        "max_steps": STEPS,
        "accelerator_config": {"dispatch_batches": False},
    },
    # The first process reads them, and cuts its batch up.
    "streamed and split": {
        "files": 3,
        "max_steps": 2 * STEPS,
        "accelerator_config": {"split_batches": True},
    },
    "split": {"accelerator_config": {"split_batches": True}},
    "random": {"train_sampling_strategy": "random"},
    "refilled": {"rows": range(45)},
    "refilled and warned": {"rows": range(45), "on_error": "warn"},
    "dropped": {"rows": range(45), "dataloader_drop_last": True},
    "not even": {"rows": range(46), "accelerator_config": {"even_batches": False}},
    # Rank 1 alone is wrong; it must be the last, as it ends the processes.
    "streamed files!": {
        "files": 3,
        "max_steps": STEPS,
        "accelerator_config": {"dispatch_batches": False},
    },
}


@pytest.fixture(scope="module")
def finished(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What two processes wrote of each scenario, and what ended the last one."""
    folder = tmp_path_factory.mktemp("ranks")
    given = {name: {"per_device_train_batch_size": BATCH} | s for name, s in SCENARIOS.items()}
    with pytest.raises(ProcessRaisedException) as caught:
        run_ranks(train_all, shards, folder, given)
    return folder, str(caught.value)


@pytest.fixture(scope="module")
def results(finished: tuple[Path, str]) -> Path:
    """The folder with a folder a scenario."""
    return finished[0]


def _of(results: Path, scenario: str) -> tuple[list[list[list[int]]], list[str]]:
    """Batches by rank, as the models saw them, and what the checkers told."""
    found = [
        json.loads((results / scenario / f"rank-{rank}.json").read_text("utf-8"))
        for rank in range(WORLD)
    ]
    return [one["batches"] for one in found], [line for one in found for line in one["told"]]


@pytest.mark.parametrize(
    "scenario", ["whole", "accumulated", "streamed", "split", "streamed and split"]
)
def test_every_step_is_one_contiguous_block(results: Path, shards: Path, scenario: str) -> None:
    """Rank r's k-th micro-batch is batch 2k + r of the order, and the log proves it."""
    batches, told = _of(results, scenario)
    size = BATCH // WORLD if "split" in scenario else BATCH
    assert told == []
    for rank in range(WORLD):
        firsts = range(rank * size, ROWS, WORLD * size)
        assert batches[rank] == [list(range(first, first + size)) for first in firsts]
    found = compare(results / scenario / "log", open_shards(shards))
    assert found.findings == []
    assert (found.facts.ranks, found.facts.whole) == (WORLD, True)


def test_a_random_sampler_is_caught_by_every_rank(results: Path) -> None:
    """Before either has trained a row."""
    batches, told = _of(results, "random")
    assert batches == [[], []]
    assert len(told) == WORLD
    assert all("random sampler" in line for line in told)


def test_rows_that_would_be_fed_twice_are_refused_before_the_training(results: Path) -> None:
    """45 rows, 8 a step: `even_batches` fills the last step up with the first three."""
    batches, told = _of(results, "refilled")
    assert batches == [[], []]
    assert len(told) == WORLD
    assert "45 rows leave 5 for the last batches" in told[0]
    assert "set dataloader_drop_last=True" in told[0]


def test_rows_that_are_fed_twice_are_told_where_it_goes_on(results: Path, shards: Path) -> None:
    """It is what really happens."""
    batches, told = _of(results, "refilled and warned")
    assert batches[0][-1] == [40, 41, 42, 43]
    assert batches[1][-1] == [44, 0, 1, 2]
    assert any("rank 1 of 2, micro-batch 5, row 1 of 4" in line for line in told)
    findings = compare(results / "refilled and warned" / "log", open_shards(shards)).findings
    assert "tma_position 45 was expected and 0 came" in findings[0]
    assert "even_batches" in findings[0]


@pytest.mark.parametrize(("scenario", "rows"), [("dropped", 40), ("not even", 46)])
def test_a_tail_dropped_or_short_feeds_no_row_twice(
    results: Path, shards: Path, scenario: str, rows: int
) -> None:
    """In order as far as it goes."""
    _, told = _of(results, scenario)
    assert told == []
    found = compare(results / scenario / "log", open_shards(shards))
    assert found.findings == []
    assert found.facts.rows == rows


def test_no_process_hangs_where_one_alone_stops(finished: tuple[Path, str]) -> None:
    """The other waits for its gradients, and is ended with it.

    accelerate gives each process files of its own as soon as there are enough of them.
    """
    assert "tma_position 4 was expected and 32 came (rank 1 of 2, micro-batch 0" in finished[1]
    assert "each process reads files of its own" in finished[1]
