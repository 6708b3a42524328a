"""Which rows of its list a test named, by hand."""

import numpy as np
import pytest

from tests.brute_force import CASES, named_case, rounds_of, similarity_matrix
from tma_prep.explain.target import named_along_list


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
