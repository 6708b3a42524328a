"""Parts of an order, counted by hand."""

import numpy as np
import pytest

from tma_prep.explain.series import Along, rounds_of, stretches

SIMILARITY = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
ROUNDS = np.array([1, 1, 2, 3, 3, -2, -1], dtype=np.int32)


def along(**changes: object) -> Along:
    """Seven rows of three tasks, two of which leak."""
    facts: dict[str, object] = {
        "similarity": SIMILARITY,
        "rounds": ROUNDS,
        "task": np.array([0, 2, 2, 0, 1, 1, 1]),
        "tasks": 3,
        "leak": np.array([1, -1, 1, -1, -1, -1, -1]),
        "leaks": 4,
    }
    return Along(**(facts | changes))  # type: ignore[arg-type]


def test_stretches_cover_the_order() -> None:
    """Each position once; tasks and leaks add up."""
    found = stretches(along(), 2)
    assert [(part.first, part.last, part.rows) for part in found] == [(0, 2, 3), (3, 6, 4)]
    assert found[0].mean_similarity == pytest.approx(0.8)
    assert (found[0].low_similarity, found[0].high_similarity) == (0.7, 0.9)
    assert [part.tasks for part in found] == [[1, 0, 2], [1, 3, 0]]
    assert [part.leaks for part in found] == [[0, 2, 0, 0], [0, 0, 0, 0]]
    assert (found[0].lowest_round, found[0].highest_round) == (1, 2)


def test_a_tenth_lies_beyond_either_end() -> None:
    """Of twenty rows, two."""
    part = stretches(along(similarity=np.arange(20.0), rounds=None, task=None, leak=None), 1)[0]
    assert (part.low_similarity, part.high_similarity) == (2.0, 17.0)
    assert (part.lowest_round, part.tasks, part.leaks) == (None, [], [])


@pytest.mark.parametrize("count", [7, 100])
def test_no_stretch_is_empty(count: int) -> None:
    """Where more are asked for than there are rows."""
    assert [part.rows for part in stretches(along(), count)] == [1] * 7


def test_rounds_one_by_one_and_joined() -> None:
    """Nearest rounds forward, then farthest-pick rounds backward."""
    found = rounds_of(along(), 10)
    assert [part.first for part in found] == [1, 2, 3, -2, -1]
    assert [part.rows for part in found] == [2, 1, 2, 1, 1]
    assert [part.mean_similarity for part in found] == pytest.approx([0.85, 0.7, 0.55, 0.4, 0.3])
    joined = rounds_of(along(), 2)
    assert [(part.first, part.last, part.rounds, part.rows) for part in joined] == [
        (1, 2, 2, 3),
        (3, -1, 3, 4),
    ]
    assert joined[1].mean_similarity == pytest.approx((0.6 + 0.5 + 0.4 + 0.3) / 4)
