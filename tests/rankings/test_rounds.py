"""Algorithm 1, row for row, against an independent brute force."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.brute_force import CASES, named_case, rounds_of, similarity_matrix
from tma_prep.embeddings.unit import unit_vectors
from tma_prep.rankings.certified import NeighborLists, certified_neighbors
from tma_prep.rankings.rounds import Nearness, Rounds, tma_rounds
from tma_prep.rankings.searcher import FaissSearcher
from tma_prep.rankings.vectors import ArrayVectors


@dataclass(frozen=True)
class ByFaiss(Nearness):
    """Lists of about k, whatever remains."""

    def lists(self, tests: NDArray[np.int64], remaining: NDArray[np.bool_]) -> NeighborLists:
        """Certified lists."""
        return certified_neighbors(
            self.searcher,
            self.tests[tests],
            self.train,
            remaining,
            k=self.most_entries,
            rows_per_block=self.rows_per_block,
        )


class NoSearch(Nearness):
    """Nearness that must not be searched."""

    def lists(self, tests: NDArray[np.int64], remaining: NDArray[np.bool_]) -> NeighborLists:
        """Fail."""
        raise AssertionError("whole lists never run out")


def by_faiss(
    train: NDArray[np.float32], tests: NDArray[np.float32], k: int, rows_per_block: int = 50
) -> ByFaiss:
    """Lists of about k, by way of FAISS."""
    return ByFaiss(FaissSearcher(), ArrayVectors(train), tests, k, rows_per_block)


def engine(
    train: NDArray[np.float32], tests: NDArray[np.float32], k: int, rows_per_block: int = 50
) -> Rounds:
    """Rounds by way of FAISS, lists of about k, and refills."""
    return tma_rounds(by_faiss(train, tests, k, rows_per_block))


@pytest.mark.parametrize("k", [1, 5, 400])
@pytest.mark.parametrize("case", CASES)
def test_rounds_equal_brute_force(case: str, k: int) -> None:
    """For any list length."""
    train, tests = named_case(case, 150, 12)
    expected = rounds_of(similarity_matrix(tests, train))
    found = engine(train, tests, k)
    assert found.round_of_row.tolist() == expected
    assert found.count == max(expected)


@pytest.mark.parametrize("tests", [1, 2, 300])
def test_few_tests_and_more_tests_than_rows(tests: int) -> None:
    """One test makes one row a round; many tests make few rounds."""
    train, test = named_case("random", 60, tests)
    found = engine(train, test, 8)
    assert found.round_of_row.tolist() == rounds_of(similarity_matrix(test, train))
    if tests == 1:
        assert found.count == 60


vectors = st.lists(
    st.lists(st.integers(-3, 3), min_size=3, max_size=3).filter(any), min_size=1, max_size=25
)


@settings(max_examples=150, deadline=None)
@given(train=vectors, tests=vectors, k=st.integers(1, 30), rows_per_block=st.integers(1, 30))
def test_rounds_equal_brute_force_on_anything(
    train: list[list[int]], tests: list[list[int]], k: int, rows_per_block: int
) -> None:
    """Few directions, so ties abound."""
    rows, wishes = unit_vectors(np.array(train)), unit_vectors(np.array(tests))
    found = engine(rows, wishes, k, rows_per_block)
    assert found.round_of_row.tolist() == rounds_of(similarity_matrix(wishes, rows))


def test_lists_known_beforehand_save_a_search() -> None:
    """The first lists serve until one runs out."""
    train, tests = named_case("random", 40, 4)
    lists = certified_neighbors(
        FaissSearcher(), tests, ArrayVectors(train), None, k=40, rows_per_block=40
    )

    nearness = NoSearch(FaissSearcher(), ArrayVectors(train), tests, 40, 50)
    found = tma_rounds(nearness, first=lists)
    assert found.searches == 0
    assert found.round_of_row.tolist() == rounds_of(similarity_matrix(tests, train))


def test_rows_that_take_no_part_have_no_round() -> None:
    """And the others have the rounds they would have alone."""
    train, tests = named_case("duplicated", 80, 6)
    remaining = np.random.default_rng(2).random(80) < 0.5
    found = tma_rounds(by_faiss(train, tests, 5), remaining=remaining)
    alone = rounds_of(similarity_matrix(tests, train[remaining]))
    assert found.round_of_row[remaining].tolist() == alone
    assert not found.round_of_row[~remaining].any()


def test_enough_rounds_are_enough() -> None:
    """The rounds made are the first ones, and each was told."""
    train, tests = named_case("random", 60, 5)
    told: list[list[int]] = []

    def enough(rows: NDArray[np.int64]) -> bool:
        told.append(rows.tolist())
        return len(told) == 3

    found = tma_rounds(by_faiss(train, tests, 8), enough=enough)
    whole = rounds_of(similarity_matrix(tests, train))
    assert found.count == 3
    assert found.round_of_row.tolist() == [number if number <= 3 else 0 for number in whole]
    assert told[1] == [row for row, number in enumerate(whole) if number == 2]
