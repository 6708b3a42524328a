"""Transport costs against independent solvers, and the entropic plan against the exact one."""

import threading
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from numpy.typing import NDArray

from tests.brute_force import CASES, named_case, similarity_matrix
from tma_prep.embeddings.unit import unit_vectors
from tma_prep.errors import OptionError
from tma_prep.rankings import transport
from tma_prep.rankings.transport import Transport, transport_costs
from tma_prep.rankings.vectors import ArrayVectors

ROOMY = 1 << 28


class InParts(ArrayVectors):
    """Rows in slices of one size, which counts how often it is read."""

    def __init__(self, array: NDArray[np.float32], rows_per_slice: int = 1 << 30) -> None:
        """Wrap an array of shape (rows, components)."""
        super().__init__(array)
        self._step = rows_per_slice
        self.reads = 0

    def slices(self) -> Iterator[NDArray[np.float32]]:
        """Slice after slice."""
        self.reads += 1
        for start in range(0, len(self._array), self._step):
            yield self._array[start : start + self._step]


def entropic(
    train: NDArray[np.float32],
    tests: NDArray[np.float32],
    *,
    regularisation: float = 0.02,
    memory_bytes: int = ROOMY,
    rows_per_slice: int = 1 << 30,
) -> Transport:
    """The entropic plan, however small the problem."""
    return transport_costs(
        InParts(train, rows_per_slice),
        tests,
        memory_bytes=memory_bytes,
        most_exact_pairs=0,
        regularisation=regularisation,
    )


def cost_matrix(train: NDArray[np.float32], tests: NDArray[np.float32]) -> NDArray[np.float64]:
    """1 - cosine similarity, shape (train rows, tests)."""
    matrix: NDArray[np.float64] = 1 - similarity_matrix(tests, train).T
    return matrix


def linear_program(costs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """The cheapest plan by SciPy: its cost, and the mean cost of each row's mass."""
    n, m = costs.shape
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    found = scipy.optimize.linprog(
        costs.ravel(),
        A_eq=np.vstack([rows, columns]),
        b_eq=np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)]),
    )
    plan = found.x.reshape(n, m)
    return float(found.fun), n * (plan * costs).sum(axis=1)


def dense_sinkhorn(
    costs: NDArray[np.float64], regularisation: float, iterations: int
) -> NDArray[np.float64]:
    """Sinkhorn's iteration as plainly as can be: the mean cost of each row's mass."""
    n, m = costs.shape
    kernel = np.exp(-costs / regularisation)
    of_test = np.ones(m)
    for _ in range(iterations):
        of_row = 1 / n / (kernel @ of_test)
        of_test = 1 / m / (of_row @ kernel)
    plan = of_row[:, None] * kernel * of_test
    result: NDArray[np.float64] = n * (plan * costs).sum(axis=1)
    return result


@pytest.mark.parametrize(("n", "m"), [(12, 12), (30, 7), (7, 30), (24, 8), (1, 5), (5, 1), (1, 1)])
def test_exact_equals_a_linear_program(n: int, m: int) -> None:
    """On random vectors the cheapest plan is the only one."""
    train, tests = named_case("random", n, m)
    cost, costs = linear_program(cost_matrix(train, tests))
    found = transport_costs(InParts(train, 5), tests, memory_bytes=0)
    assert found.exact
    assert found.iterations is None
    assert found.regularisation is None
    assert found.marginal_error == 0
    assert found.costs.dtype == np.float64
    np.testing.assert_allclose(found.costs, costs, atol=1e-9)
    assert found.costs.mean() == pytest.approx(cost, abs=1e-9)


def test_exact_is_an_assignment_where_there_are_as_many_tests_as_rows() -> None:
    """Every row is sent to one test."""
    train, tests = named_case("clustered", 80, 80)
    costs = cost_matrix(train, tests)
    rows, named = scipy.optimize.linear_sum_assignment(costs)
    found = transport_costs(InParts(train), tests, memory_bytes=0)
    np.testing.assert_allclose(found.costs, costs[rows, named], atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_exact_total_is_the_least(case: str) -> None:
    """Where plans tie their rows may differ, but never the sum."""
    train, tests = named_case(case, 25, 9)
    found = transport_costs(InParts(train), tests, memory_bytes=0)
    assert found.marginal_error == 0
    least, _ = linear_program(cost_matrix(train, tests))
    assert found.costs.mean() <= least + 1e-12
    # SciPy's solver takes what is within 1e-7 of optimal.
    assert found.costs.mean() == pytest.approx(least, abs=1e-7)


def test_the_number_of_pairs_decides_which_plan() -> None:
    """Exact up to the limit, the limit included."""
    train, tests = named_case("random", 20, 5)
    for most, exact in ((100, True), (99, False)):
        found = transport_costs(
            InParts(train), tests, memory_bytes=ROOMY, most_exact_pairs=most, regularisation=0.1
        )
        assert found.exact == exact


def test_an_exact_plan_that_is_not_found_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never half a plan with a warning."""
    monkeypatch.setattr(transport, "_MOST_PIVOTS", 1)
    train, tests = named_case("random", 40, 40)
    with pytest.raises(OptionError, match="exact plan of 40 rows and 40 tests was not found"):
        transport_costs(InParts(train), tests, memory_bytes=0)


@pytest.mark.parametrize(("n", "m"), [(150, 20), (20, 150), (60, 60), (40, 1), (1, 40), (1, 1)])
def test_entropic_equals_dense_sinkhorn(n: int, m: int) -> None:
    """L-BFGS over blocks finds the plan that the plain iteration finds."""
    train, tests = named_case("random", n, m)
    expected = dense_sinkhorn(cost_matrix(train, tests), 0.1, 3000)
    found = entropic(train, tests, regularisation=0.1)
    assert not found.exact
    assert found.regularisation == 0.1
    assert found.marginal_error <= 1e-6
    np.testing.assert_allclose(found.costs, expected, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_entropic_converges_on_hard_vectors(case: str) -> None:
    """Duplicates, clusters and near ties too."""
    train, tests = named_case(case, 120, 15)
    found = entropic(train, tests)
    assert found.marginal_error <= 1e-6
    assert np.isfinite(found.costs).all()


def test_entropic_approaches_the_exact_plan() -> None:
    """As the regularisation falls, ranks agree and the cost comes down to the least."""
    train, tests = named_case("clustered", 300, 25)
    exact = transport_costs(InParts(train), tests, memory_bytes=0).costs
    agreements, excesses = [], []
    for regularisation in (0.5, 0.05, 0.005, 0.0005):
        costs = entropic(train, tests, regularisation=regularisation).costs
        agreements.append(scipy.stats.spearmanr(costs, exact).statistic)
        excesses.append(costs.mean() - exact.mean())
    assert agreements == sorted(agreements)
    assert agreements[-1] > 0.99
    assert excesses == sorted(excesses, reverse=True)
    assert excesses[-1] == pytest.approx(0, abs=5e-4)


def test_equal_rows_have_equal_costs() -> None:
    """Bit for bit, wherever in a block they stand; odd sizes leave remainders in every loop."""
    train, tests = named_case("duplicated", 1501, 37, dimension=19)
    costs = entropic(train, tests).costs
    _, group = np.unique(train, axis=0, return_inverse=True)
    for number in range(group.max() + 1):
        assert len(set(costs[group.ravel() == number].tolist())) == 1


def test_the_cut_into_slices_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does the number of threads, nor doing it again."""
    monkeypatch.setattr(transport, "_PRODUCTS_PER_BLOCK", 1)
    train, tests = named_case("clustered", 700, 11)
    first = entropic(train, tests)
    for rows_per_slice, threads in ((1, 1), (64, 4), (333, 2), (700, 3)):
        monkeypatch.setattr("os.cpu_count", lambda threads=threads: threads)
        again = entropic(train, tests, rows_per_slice=rows_per_slice)
        assert again.costs.tobytes() == first.costs.tobytes()
        assert again.marginal_error == first.marginal_error


def test_blocks_of_another_size_change_rounding_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short memory means smaller blocks, and the same plan."""
    train, tests = named_case("clustered", 700, 11)
    whole = entropic(train, tests)
    least = 8 * (700 + 16 * 11 + 60 * 11)
    short = entropic(train, tests, memory_bytes=least + 3 * 8 * (16 + 22) * 9)
    np.testing.assert_allclose(short.costs, whole.costs, atol=1e-9)


def test_never_more_memory_than_allowed() -> None:
    """Far less than the products of all pairs, in whatever thread they are made."""
    train, tests = named_case("random", 40_000, 200)
    allowed = 8_000_000
    entropic(train[:100], tests[:10], regularisation=0.2)  # loads SciPy
    tracemalloc.start()
    try:
        found = entropic(train, tests, regularisation=0.2, memory_bytes=allowed)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < allowed < 8 * len(train) * len(tests) / 7
    assert found.marginal_error <= 1e-6


def test_too_little_memory_is_refused() -> None:
    """With the option that helps."""
    train, tests = named_case("random", 50, 5)
    with pytest.raises(OptionError, match=r"needs \d+ bytes of memory, not 1000; raise --memory"):
        entropic(train, tests, memory_bytes=1000)


@pytest.mark.parametrize("regularisation", [0.0, -1.0, float("nan")])
def test_a_regularisation_that_is_not_positive_is_refused(regularisation: float) -> None:
    """Zero would be the exact plan."""
    train, tests = named_case("random", 5, 5)
    with pytest.raises(OptionError, match="regularisation of ot must be above 0"):
        entropic(train, tests, regularisation=regularisation)


def test_passes_are_told_and_limited() -> None:
    """The error that was reached is reported, and a last pass takes the costs."""
    train, tests = named_case("clustered", 200, 20)
    rows = InParts(train)
    told: list[tuple[int, float]] = []
    found = transport_costs(
        rows,
        tests,
        memory_bytes=ROOMY,
        most_exact_pairs=0,
        most_iterations=5,
        on_iteration=lambda number, error: told.append((number, error)),
    )
    assert [number for number, _ in told] == list(range(1, len(told) + 1))
    assert found.iterations == len(told) == rows.reads - 1
    assert len(told) < 5 + 20
    assert found.marginal_error == min(error for _, error in told) > 1e-6


def test_a_failure_in_a_pass_is_not_swallowed() -> None:
    """An interruption from the callback ends it, and no thread is left."""

    class StopHereError(Exception):
        """Raised by the callback."""

    def interrupt(_number: int, _error: float) -> None:
        raise StopHereError

    before = threading.active_count()
    train, tests = named_case("random", 50, 5)
    with pytest.raises(StopHereError):
        transport_costs(
            InParts(train), tests, memory_bytes=ROOMY, most_exact_pairs=0, on_iteration=interrupt
        )
    assert threading.active_count() == before


def test_a_row_at_its_test_costs_nothing() -> None:
    """By hand: two rows that are the tests, and two that are the opposite of one of them."""
    tests = unit_vectors(np.array([[1.0, 0.0], [0.0, 1.0]]))
    train = unit_vectors(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [-1.0, 0.0]]))
    found = transport_costs(InParts(train), tests, memory_bytes=0)
    assert found.costs.tolist() == [0.0, 0.0, 1.0, 1.0]
