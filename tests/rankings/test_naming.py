"""Which tests name a row, against the whole matrix."""

import numpy as np
import pytest

from tests.brute_force import CASES, named_case, similarity_matrix
from tma_prep.rankings import nearest
from tma_prep.rankings.nearest import naming_tests, similarities_of
from tma_prep.rankings.vectors import ArrayVectors


@pytest.mark.parametrize("rows_per_block", [16, 8192])
@pytest.mark.parametrize("case", CASES)
def test_as_the_whole_matrix_says(
    case: str, rows_per_block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row of what remains, in hard cases, in blocks and at once."""
    monkeypatch.setattr(nearest, "_MOST_ROWS", rows_per_block)
    train, tests = named_case(case, 90, 9)
    similarity = similarity_matrix(tests, train)
    remaining = np.random.default_rng(1).random(len(train)) < 0.6
    rows = np.flatnonzero(remaining)
    # argmax takes the first of equals: the lower row.
    named = rows[similarity[:, rows].argmax(axis=1)]
    for row in rows.tolist():
        found = naming_tests(row, tests, ArrayVectors(train), remaining)
        assert found.tolist() == np.flatnonzero(named == row).tolist()
        exact = similarities_of(row, tests, ArrayVectors(train))
        assert (exact == similarity[:, row]).all()
