"""The likely cause that is told for rows out of order, by the patterns that trainers make."""

import random
from collections.abc import Sequence

import pytest

from tma_prep.trainers import arrival as causes
from tma_prep.trainers.arrival import Arrival, likely_cause
from tma_prep_schemas import ConsumedStart

ROWS = 20_000
FILES = (0, 8_000, 16_000)


def arrived(
    positions: Sequence[int],
    *,
    batch: int = 0,
    rank: int = 0,
    world_size: int = 1,
    size: int | None = 4,
    first_batch: int = 0,
    expected: int | None = None,
    rows: int = ROWS,
    sampling: str | None = None,
) -> Arrival:
    """The first row of a micro-batch that is not in its turn."""
    start = (batch * world_size + rank) * (size or 1) if expected is None else expected
    place = next(n for n, came in enumerate(positions) if came != start + n or came >= rows)
    return Arrival(
        run=ConsumedStart(
            rank=rank,
            world_size=world_size,
            rows=rows,
            shards="0" * 64,
            first_batch=first_batch,
            rows_per_batch=size,
            batches_per_step=None,
        ),
        first_positions=FILES,
        batch=batch,
        positions=positions,
        place=place,
        expected=start + place,
        sampling=sampling,
    )


def test_random_rows_are_a_random_sampler_almost_always() -> None:
    """Batches of four, and of one."""
    draw = random.Random(0)
    for size in (1, 4):
        told = [
            likely_cause(arrived(draw.sample(range(1, ROWS), size), size=size)) for _ in range(300)
        ]
        assert told.count(causes.RANDOM) > 280


CASES: dict[str, tuple[str, Arrival]] = {
    "other shards": (causes.OTHER_SHARDS, arrived([0, 1, ROWS, 3])),
    "second epoch": (causes.SECOND_EPOCH, arrived([0, 1, 2, 3], batch=ROWS // 4)),
    "second epoch, after a dropped tail": (
        causes.SECOND_EPOCH,
        arrived([0, 1, 2, 3], batch=5, rows=22),
    ),
    "second epoch, rank 1": (
        causes.SECOND_EPOCH,
        arrived([4, 5, 6, 7], batch=ROWS // 8, rank=1, world_size=2),
    ),
    "tail": (causes.TAIL, arrived([44, 0, 1, 2], batch=5, rank=1, world_size=2, rows=45)),
    "tail of fewer rows": (causes.TAIL, arrived([44, 0, 1, 2], batch=5, rank=1, world_size=2)),
    "whole batch of the tail": (
        causes.TAIL,
        arrived([0, 1, 2, 3], batch=5, rank=1, world_size=2, rows=44),
    ),
    "restarted": (causes.RESTARTED, arrived([0, 1, 2, 3], batch=9, first_batch=9)),
    "restarted, rank 1": (
        causes.RESTARTED,
        arrived([4, 5, 6, 7], batch=9, first_batch=9, rank=1, world_size=2),
    ),
    "elsewhere": (causes.ELSEWHERE, arrived([72, 73, 74, 75], batch=9, first_batch=9)),
    "same rows": (causes.SAME_ROWS, arrived([0, 1, 2, 3], rank=1, world_size=2)),
    "same rows, seen by rank 0": (causes.SAME_ROWS, arrived([4, 5, 6, 7], batch=1, world_size=2)),
    "strided": (causes.STRIDED, arrived([0, 2, 4, 6], world_size=2)),
    "strided, rank 1": (causes.STRIDED, arrived([1, 3, 5, 7], rank=1, world_size=2)),
    "own files": (causes.OWN_FILES, arrived([8000, 8001, 8002, 8003], rank=1, world_size=2)),
    "two workers": (causes.WORKERS, arrived([8000, 8001, 8002, 8003], batch=1)),
    "interleaved": (causes.WORKERS, arrived([0, 8000, 16000, 1])),
    "backwards": (causes.REVERSED, arrived([19999, 19998, 19997, 19996])),
    "dropped": (causes.DROPPED, arrived([8, 10, 11, 12], batch=2)),
    "dropped, batches of one": (causes.DROPPED, arrived([9], batch=8, size=1)),
    "packed": (causes.PACKED, arrived([9, 3, 700, 1, 12], size=None)),
    "packed with one left out": (causes.DROPPED, arrived([8, 9, 11], size=None, expected=8)),
    "a row twice": (causes.REPEATED, arrived([4, 5, 5, 6], batch=1)),
    "a row twice, across batches": (causes.REPEATED, arrived([3, 4, 5, 6], batch=1)),
    "a row twice, batches of one": (causes.REPEATED, arrived([7], batch=8, size=1)),
    "a row inserted": (causes.REPEATED, arrived([4, 700, 5, 6], batch=1)),
    "a late start": (causes.LATE_START, arrived([40, 41, 42, 43])),
    "a late start at a file": (causes.LATE_START, arrived([8000, 8001, 8002, 8003])),
    "a late start, rank 1": (causes.LATE_START, arrived([44, 45, 46, 47], rank=1, world_size=2)),
    "sampled in order": (causes.SHUFFLED, arrived([512, 7, 9001, 88], sampling="sequential")),
    "sampled by length": (
        causes.BY_LENGTH.format(sampling="group_by_length"),
        arrived([512, 7, 9001, 88], sampling="group_by_length"),
    ),
    "shuffle buffer": (causes.BUFFER, arrived([512, 7, 901, 88])),
}


@pytest.mark.parametrize("name", CASES)
def test_the_pattern_tells_the_cause(name: str) -> None:
    """As trainers and loaders make it."""
    cause, arrival = CASES[name]
    assert likely_cause(arrival) == cause


def test_the_line_says_what_where_and_why() -> None:
    """One line, with the setting to change."""
    line = arrived([8, 9, 4711, 11], batch=2, rank=0, world_size=1).line()
    assert line.startswith(
        "tma_position 10 was expected and 4711 came (rank 0 of 1, micro-batch 2, row 2 of 4); "
        "likely cause: "
    )
    assert "\n" not in line
    after = arrived([0, 1, 2, 3], batch=ROWS // 4).line()
    assert after.startswith("all 20000 rows had come and tma_position 0 came after them")
