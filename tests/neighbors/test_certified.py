"""Neighbour lists equal float64 brute force by row and by similarity, whoever searches."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.brute_force import CASES, named_case, similarity_matrix
from tma_prep.neighbors import (
    ArrayVectors,
    FaissSearcher,
    NeighborLists,
    Searcher,
    both_ways,
    certified_neighbors,
    distinct_tests,
    exact_similarities,
    nearest_tests,
    product,
)
from tma_prep.neighbors.searcher import float32_error_bound


@dataclass
class Padding:
    """FAISS, made to answer with fewer neighbours than asked, as a GPU may."""

    inner: FaissSearcher
    most_neighbors: int | None = 9

    def search(
        self, queries: NDArray[np.float32], base: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Ask for k, then add three places of padding to every list."""
        assert self.most_neighbors is None or k <= self.most_neighbors
        scores, rows = self.inner.search(queries, base, k)
        pad = ((0, 0), (0, 3))
        return (
            np.pad(scores, pad, constant_values=np.finfo(np.float32).min),
            np.pad(rows, pad, constant_values=-1),
        )

    def error_bound(self, dimension: int) -> float:
        """That of FAISS."""
        return self.inner.error_bound(dimension)


@dataclass
class Perturbing:
    """A search whose scores are wrong by up to its stated bound, and so are its choices."""

    error: float = 2e-3
    most_neighbors: int | None = None

    def search(
        self, queries: NDArray[np.float32], base: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k best by perturbed scores."""
        draw = np.random.default_rng(len(base))
        scores = queries @ base.T
        scores += draw.uniform(-0.99 * self.error, 0.99 * self.error, scores.shape).astype("f4")
        rows = np.argsort(-scores, axis=1)[:, :k]
        return np.take_along_axis(scores, rows, axis=1), rows

    def error_bound(self, dimension: int) -> float:
        """As stated."""
        return self.error


SEARCHERS: dict[str, Searcher] = {
    "faiss": FaissSearcher(),
    "padding": Padding(FaissSearcher()),
    "perturbing": Perturbing(),
}


def check_lists(
    found: NeighborLists,
    exact: NDArray[np.float64],
    rows_left: NDArray[np.int64],
) -> None:
    """Every list is a prefix of the brute-force list, and none is empty."""
    for test, rows in enumerate(np.split(found.rows, found.offsets[1:-1])):
        assert len(rows) > 0
        expected = sorted(rows_left, key=lambda row: (-exact[test, row], row))[: len(rows)]
        assert rows.tolist() == expected


@pytest.mark.parametrize("searcher", SEARCHERS)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rows_per_block", [7, 1000])
def test_lists_are_the_brute_force_lists(case: str, searcher: str, rows_per_block: int) -> None:
    """Whoever searches, and in whatever blocks."""
    train, tests = named_case(case, 120, 10)
    remaining = np.random.default_rng(1).random(120) < 0.7
    found = certified_neighbors(
        SEARCHERS[searcher],
        tests,
        ArrayVectors(train),
        remaining,
        k=12,
        rows_per_block=rows_per_block,
    )
    check_lists(found, similarity_matrix(tests, train), np.flatnonzero(remaining))


@pytest.mark.parametrize("k", [1, 12, 3000])
@pytest.mark.parametrize("case", CASES)
def test_both_ways_is_brute_force_twice(case: str, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One product gives each test's list and each row's nearest test."""
    monkeypatch.setattr(product, "_SAMPLE_ROWS", 60)
    monkeypatch.setattr(product, "_ROWS_PER_BLOCK", 37)
    train, tests = named_case(case, 300, 20)
    groups = distinct_tests(tests)
    lists, nearest = both_ways(groups.vectors, ArrayVectors(train), k=k)
    exact = similarity_matrix(tests, train)
    check_lists(lists, similarity_matrix(groups.vectors, train), np.arange(300))
    if k == 3000:
        assert (np.diff(lists.offsets) == 300).all()
    assert groups.first[nearest.tests].tolist() == exact.argmax(axis=0).tolist()
    assert nearest.similarities.tolist() == exact.max(axis=0).tolist()


def test_similarities_of_pairs_are_exact() -> None:
    """As the whole matrix in float64 has them."""
    train, tests = named_case("clustered", 200, 9, 384)
    queries, rows = np.divmod(np.arange(1800), 200)
    found = exact_similarities(tests, ArrayVectors(train), queries, rows)
    assert found.tolist() == similarity_matrix(tests, train).ravel().tolist()


def test_equal_tests_are_found() -> None:
    """In the order of their first rows."""
    tests = np.array([[3, 0], [1, 0], [3, 0], [2, 0], [1, 0]], np.float32)
    groups = distinct_tests(tests)
    assert groups.vectors[:, 0].tolist() == [3, 1, 2]
    assert groups.first.tolist() == [0, 1, 3]
    assert groups.group_of_test.tolist() == [0, 1, 0, 2, 1]


def test_a_search_of_everything_is_trusted_to_the_end() -> None:
    """With k as large as the pool nothing is outside, so nothing is cut."""
    train, tests = named_case("duplicated", 50, 5)
    found = certified_neighbors(
        FaissSearcher(), tests, ArrayVectors(train), None, k=50, rows_per_block=16
    )
    assert np.diff(found.offsets).tolist() == [50] * 5


@pytest.mark.parametrize("searcher", SEARCHERS)
@pytest.mark.parametrize("case", CASES)
def test_the_nearest_test_is_the_brute_force_one(case: str, searcher: str) -> None:
    """By similarity exactly, and among equal tests the lower row."""
    train, tests = named_case(case, 90, 14)
    found = nearest_tests(SEARCHERS[searcher], tests, ArrayVectors(train), rows_per_block=32)
    exact = similarity_matrix(tests, train)
    assert found.tests.tolist() == exact.argmax(axis=0).tolist()
    assert found.similarities.tolist() == exact.max(axis=0).tolist()


def test_faiss_keeps_its_error_bound() -> None:
    """Scores of real searches, small and large, stay within the bound that certifies them."""
    draw = np.random.default_rng(3)
    for dimension in (3, 384, 1024):
        train, tests = named_case("clustered", 3000, 40, dimension)
        queries = tests[: draw.integers(1, 40)]
        scores, rows = FaissSearcher().search(queries, train, 50)
        exact = similarity_matrix(queries, train)
        error = np.abs(np.take_along_axis(exact, rows, axis=1) - scores).max()
        assert error <= float32_error_bound(dimension)
