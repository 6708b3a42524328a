"""Neighbour lists equal float64 brute force by row and by similarity, whoever searches."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.brute_force import CASES, named_case, similarity_matrix
from tests.rankings.searchers import SEARCHERS
from tma_prep.rankings import certified, product
from tma_prep.rankings.certified import (
    Candidates,
    NeighborLists,
    certified_neighbors,
    exact_similarities,
    nearest_ranks,
)
from tma_prep.rankings.nearest import nearest_tests
from tma_prep.rankings.product import both_ways
from tma_prep.rankings.searcher import FaissSearcher, float32_error_bound
from tma_prep.rankings.vectors import ArrayVectors, distinct_tests


def check_lists(
    found: NeighborLists,
    tests: NDArray[np.float32],
    train: NDArray[np.float32],
    rows_left: NDArray[np.int64],
) -> None:
    """Once settled every list is a prefix of the brute-force list, and none is empty."""
    exact = similarity_matrix(tests, train)
    queries = np.repeat(np.arange(len(tests)), np.diff(found.offsets))
    settled = found.rows[np.lexsort((found.rows, -exact[queries, found.rows], queries))]
    places = np.arange(len(settled))
    for test in range(len(tests)):
        begin, stop = found.offsets[test], found.offsets[test + 1]
        assert begin < found.trusted[test] <= stop
        mine = settled[begin:stop]
        nearer = exact[test, mine] > found.least[test]
        assert np.count_nonzero(nearer) >= found.trusted[test] - begin
        rows = mine[nearer] if found.least[test] > -np.inf else mine
        expected = sorted(rows_left, key=lambda row: (-exact[test, row], row))[: len(rows)]
        assert rows.tolist() == expected
    # Nothing but the order inside runs was open.
    assert (found.run_ends > places).all()
    run = np.searchsorted(np.unique(found.run_ends), places, side="right")
    place_of = {(q, r): p for p, (q, r) in enumerate(zip(queries, found.rows, strict=True))}
    before = [place_of[q, r] for q, r in zip(queries, settled, strict=True)]
    assert (run[before] == run).all()


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
    check_lists(found, tests, train, np.flatnonzero(remaining))


@pytest.mark.parametrize("k", [1, 12, 3000])
@pytest.mark.parametrize("case", CASES)
def test_both_ways_is_brute_force_twice(case: str, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One product gives each test's list and each row's nearest test."""
    monkeypatch.setattr(product, "_SAMPLE_ROWS", 60)
    monkeypatch.setattr(product, "_PRODUCTS_PER_BLOCK", 740)
    train, tests = named_case(case, 300, 20)
    groups = distinct_tests(tests)
    lists, nearest = both_ways(groups.vectors, ArrayVectors(train), k=k)
    exact = similarity_matrix(tests, train)
    check_lists(lists, groups.vectors, train, np.arange(300))
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


@pytest.mark.parametrize("ranks", [1, 10, 150])
@pytest.mark.parametrize("case", CASES)
def test_ranks_of_the_graph_are_brute_force(case: str, ranks: int) -> None:
    """Whether a list was long enough or not."""
    train, tests = named_case(case, 150, 9)
    groups = distinct_tests(tests)
    lists = certified_neighbors(
        FaissSearcher(), groups.vectors, ArrayVectors(train), None, k=30, rows_per_block=64
    )
    rows, similarities = nearest_ranks(lists, groups.vectors, ArrayVectors(train), ranks)
    exact = similarity_matrix(groups.vectors, train)
    for test in range(len(groups.vectors)):
        expected = np.lexsort((np.arange(150), -exact[test]))[:ranks]
        assert rows[test].tolist() == expected.tolist()
        assert similarities[test].tolist() == exact[test, expected].tolist()


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


def test_lists_grow_beyond_what_one_search_gives() -> None:
    """A search of nine neighbours at most, block by block, still makes lists of about fifty."""
    train, tests = named_case("clustered", 600, 8)
    found = certified_neighbors(
        SEARCHERS["padding"], tests, ArrayVectors(train), None, k=50, rows_per_block=600
    )
    check_lists(found, tests, train, np.arange(600))
    assert (found.trusted - found.offsets[:-1] > 18).all()


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


@pytest.mark.parametrize("most_key_bits", [63, 0])
def test_candidates_stand_by_test_then_by_score(
    monkeypatch: pytest.MonkeyPatch, most_key_bits: int
) -> None:
    """Whether a candidate's place fits into the key beside them or not; of both signs of zero."""
    monkeypatch.setattr(certified, "_MOST_KEY_BITS", most_key_bits)
    draw = np.random.default_rng(0)
    scores = draw.normal(size=3000).astype(np.float32)
    scores[:400], scores[400:500] = 0.0, -0.0
    queries = draw.integers(0, 7, 3000)
    found = Candidates(queries, np.arange(3000), scores, np.zeros(7, np.float32), 0.0)
    order = certified._nearest_first(found)
    assert sorted(order.tolist()) == list(range(3000))
    keys = [(queries[place], -float(scores[place])) for place in order]
    assert keys == sorted(keys)
