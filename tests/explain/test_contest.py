"""Who took part in a round, by hand."""

import numpy as np
import pytest

from tests.brute_force import CASES, named_case, rounds_of, similarity_matrix
from tma_prep.explain.contest import (
    named_along_list,
    remaining_in_farthest_round,
    remaining_in_round,
)


def test_what_remains_when_a_round_begins() -> None:
    """Rows of this round and of later ones; what was not ranked never was there."""
    rounds = np.array([2, 1, 3, 0, 2], dtype=np.int32)
    assert remaining_in_round(rounds, 2).tolist() == [True, False, True, False, True]


def test_what_remains_when_a_farthest_pick_round_begins() -> None:
    """Rows picked in earlier ones are gone; those never picked are there."""
    picked = np.array([-1, -2, 0, -3, 5], dtype=np.int32)
    part = np.array([True, True, True, True, False])
    assert remaining_in_farthest_round(picked, part, 2).tolist() == [False, True, True, True, False]


@pytest.mark.parametrize("case", CASES)
def test_a_test_named_what_algorithm_1_says(case: str) -> None:
    """Round by round, with the list of each test sorted by hand."""
    train, tests = named_case(case, 60, 7)
    similarity = similarity_matrix(tests, train)
    rounds = rounds_of(similarity)
    for test in similarity:
        nearest = sorted(range(len(rounds)), key=lambda row: (-test[row], row))
        found = named_along_list(np.array([rounds[row] for row in nearest], dtype=np.int32))
        named = []
        for number in range(1, max(rounds) + 1):
            remaining = [row for row in nearest if rounds[row] >= number]
            named.append(remaining[0])
        assert [row for row, mine in zip(nearest, found, strict=True) if mine] == named
