"""Ranking by optimal transport from the training rows to the test rows.

Each of n training rows has mass 1/n, each of m tests takes 1/m, and moving mass costs 1 - cosine
similarity. A row's rank is the mean cost of its mass under the cheapest plan P,
n · Σ_j P_ij (1 - cos_ij).

Small problems are solved exactly (network simplex, POT). Larger ones get the entropic plan of
Cuturi (2013), found by its semi-dual (Cuturi and Peyré, SIAM Review 60(4), 2018, section 5.3): with
potentials h of the tests in units of the regularisation ε, row i sends its mass in the proportions
softmax_j(h_j + cos_ij / ε), which meets the row marginals whatever h is. Then

    F(h) = 1/n Σ_i log Σ_j exp(h_j + cos_ij / ε) - 1/m Σ_j h_j

is convex, its gradient is what the tests receive less 1/m, and one pass over blocks of rows yields
both. Sinkhorn's iteration takes a step along that gradient's logarithm; L-BFGS takes the same
passes and needs a fraction of them.
"""

import concurrent.futures
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import threadpoolctl

from tma_prep.errors import OptionError
from tma_prep.parallel import in_turn
from tma_prep.rankings.vectors import VectorRows, remaining_blocks
from tma_prep.tables import Floats, Singles

MOST_EXACT_PAIRS = 50_000_000
"""Rows times tests up to which the plan is exact: seconds to a minute, and about 2 GB."""

EXACT_BYTES_PER_PAIR = 42
"""Memory of the exact plan; measured with POT 0.9.7, 22 where one side is much the smaller."""

_MOST_PIVOTS = 1_000_000_000
_PRODUCTS_PER_BLOCK = 1 << 20  # 8 MB, so that a block's steps stay in the cache
_FEWEST_ROWS = 64  # fewer make the product slow
_CORRECTIONS = 20  # steps that L-BFGS remembers


@dataclass(frozen=True)
class Transport:
    """What a plan costs each row, and how good a plan it is.

    Attributes:
        costs: float64, shape (n,), each from 0 to 2: mean of 1 - cosine similarity over the mass of
            the row. Their mean is the cost of the plan.
        exact: Whether the plan is the cheapest, not the entropic one.
        marginal_error: L1 distance of the plan's marginals from uniform, both added; from 0 to 4.
        iterations: Passes over the rows, None where exact.
        regularisation: ε of the entropic plan, in units of the cost, None where exact.
    """

    costs: Floats
    exact: bool
    marginal_error: float
    iterations: int | None = None
    regularisation: float | None = None


def transport_costs(
    train: VectorRows,
    tests: Singles,
    *,
    memory_bytes: int,
    most_exact_pairs: int = MOST_EXACT_PAIRS,
    regularisation: float = 0.01,
    most_iterations: int = 1000,
    tolerance: float = 1e-6,
    on_iteration: Callable[[int, float], None] = lambda _iteration, _error: None,
) -> Transport:
    """Cost of each training row's mass under the transport plan to the tests; smaller is nearer.

    The entropic result is the same for any number of threads and any cut of the rows into slices,
    bit for bit; where `memory_bytes` is so short that blocks shrink, up to rounding.

    Args:
        train: The n training rows, at least one.
        tests: Shape (m, d), at least one row.
        memory_bytes: What the entropic plan may allocate. The exact plan takes
            `EXACT_BYTES_PER_PAIR` for each of its n · m pairs instead.
        most_exact_pairs: The plan is exact where n · m is at most this.
        regularisation: ε > 0. Smaller is closer to the exact plan and takes more passes.
        most_iterations: Passes after which the entropic plan is taken as it is.
        tolerance: Marginal error at which the entropic plan is finished.
        on_iteration: Told the number of the entropic pass, from 1, and its marginal error.

    Raises:
        OptionError: The regularisation is not above 0, the memory does not suffice for one row at
            a time, or the exact plan was not found.
    """
    if not regularisation > 0:
        raise OptionError(
            f"the regularisation of ot must be above 0, not {regularisation:g}; for the exact plan "
            "raise the number of pairs up to which it is exact"
        )
    if train.shape[0] * len(tests) <= most_exact_pairs:
        return _exact(train, tests)
    rows_per_block, threads = _fit(train.shape, len(tests), memory_bytes)
    passes = _Passes(train, tests, regularisation, rows_per_block, threads, on_iteration)
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        return passes.solve(most_iterations, tolerance)


def _exact(train: VectorRows, tests: Singles) -> Transport:
    import ot

    n, m = train.shape[0], len(tests)
    columns = np.ascontiguousarray(tests.T, dtype=np.float64)
    costs = np.empty((n, m), dtype=np.float64)
    first = 0
    for block in _blocks(train, max(_FEWEST_ROWS, _PRODUCTS_PER_BLOCK // m)):
        np.matmul(block, columns, out=costs[first : first + len(block)])
        first += len(block)
    np.subtract(1.0, costs, out=costs)
    # Whole units of mass: sums and differences of flows are then exact, and so are the marginals.
    unit = np.gcd(n, m)
    of_row, of_test = float(m // unit), float(n // unit)
    with warnings.catch_warnings():
        # It warns of what the log tells as well.
        warnings.simplefilter("ignore", UserWarning)
        plan, log = ot.emd(
            np.full(n, of_row),
            np.full(m, of_test),
            costs,
            numItermax=_MOST_PIVOTS,
            log=True,
            center_dual=False,
        )
    if log["warning"] is not None:
        raise OptionError(
            f"the exact plan of {n} rows and {m} tests was not found ({log['warning']}); lower the "
            "number of pairs up to which it is exact, for the entropic one"
        )
    amiss = np.abs(plan.sum(axis=1) - of_row).sum() + np.abs(plan.sum(axis=0) - of_test).sum()
    mean_costs = np.einsum("ij,ij->i", plan, costs) / of_row
    return Transport(mean_costs, True, float(amiss / (n * of_row)))


def _fit(shape: tuple[int, int], m: int, memory_bytes: int) -> tuple[int, int]:
    """Rows in a block and threads.

    Raises:
        OptionError: There is no room for blocks of one row.
    """
    n, d = shape
    # A row of a block: its vector, and twice its m products. L-BFGS keeps pairs of vectors.
    row_bytes = 8 * (d + 2 * m)
    standing_bytes = 8 * (n + m * d + (2 * _CORRECTIONS + 20) * m)
    rows = min(n, max(_FEWEST_ROWS, _PRODUCTS_PER_BLOCK // m))
    threads = min(os.cpu_count() or 1, -(-n // rows))
    # One block more is being filled, and one waits.
    while threads > 1 and standing_bytes + (threads + 2) * rows * row_bytes > memory_bytes:
        threads -= 1
    rows = min(rows, (memory_bytes - standing_bytes) // ((threads + 2) * row_bytes))
    if rows < 1:
        needed = standing_bytes + (threads + 2) * row_bytes
        raise OptionError(
            f"ot of {n} rows and {m} tests needs {needed} bytes of memory, not {memory_bytes}; "
            "raise --memory-budget"
        )
    return rows, threads


@dataclass(frozen=True)
class _Sums:
    """Of one block of rows, under given potentials.

    Attributes:
        logarithms: Sum over the rows of log Σ_j exp(h_j + cos_ij / ε).
        received: Shape (m,); what each test receives, each row sending a mass of 1.
    """

    logarithms: float
    received: Floats
    costs: Floats


class _Passes:
    """Passes over all rows, each of which evaluates the semi-dual at some potentials."""

    def __init__(
        self,
        train: VectorRows,
        tests: Singles,
        regularisation: float,
        rows_per_block: int,
        threads: int,
        on_iteration: Callable[[int, float], None],
    ) -> None:
        self._train = train
        self._columns = np.ascontiguousarray(tests.T, dtype=np.float64)
        self._regularisation = regularisation
        self._rows_per_block = rows_per_block
        self._threads = threads
        self._on_iteration = on_iteration
        self._count = 0
        self._error = self._least_error = np.inf
        self._best = np.zeros(len(tests))

    def solve(self, most_iterations: int, tolerance: float) -> Transport:
        """Minimise the semi-dual, then take the costs in one more pass."""
        import scipy.optimize

        def stop(_: Floats) -> None:
            if self._error <= tolerance:
                raise StopIteration

        scipy.optimize.minimize(
            self._semidual,
            self._best,
            method="L-BFGS-B",
            jac=True,
            callback=stop,
            options={"maxcor": _CORRECTIONS, "ftol": 0.0, "gtol": 0.0}
            | dict.fromkeys(("maxiter", "maxfun"), most_iterations),
        )
        costs = np.concatenate([sums.costs for sums in self._sums(self._best)])
        return Transport(
            costs, False, self._least_error, self._count, regularisation=self._regularisation
        )

    def _semidual(self, potentials: Floats) -> tuple[float, Floats]:
        """M · F and its gradient; times m, their scale does not depend on how many tests."""
        n, m = self._train.shape[0], len(potentials)
        logarithms = 0.0
        received = np.zeros(m)
        for sums in self._sums(potentials):
            logarithms += sums.logarithms
            received += sums.received
        gradient = received * (m / n) - 1.0
        self._count += 1
        self._error = float(np.abs(gradient).mean())
        if self._error < self._least_error:
            self._least_error = self._error
            self._best = potentials.copy()
        self._on_iteration(self._count, self._error)
        return (logarithms / n - float(potentials.mean())) * m, gradient

    def _sums(self, potentials: Floats) -> Iterator[_Sums]:
        """Of each block, in order, so that adding them up never depends on the threads."""

        def one(block: Floats) -> _Sums:
            return _of_block(block, self._columns, potentials, self._regularisation)

        blocks = _blocks(self._train, self._rows_per_block)
        with concurrent.futures.ThreadPoolExecutor(self._threads) as workers:
            yield from in_turn(workers, one, blocks, ahead=self._threads + 1)


def _of_block(block: Floats, columns: Floats, potentials: Floats, regularisation: float) -> _Sums:
    similarities = block @ columns
    shares = similarities / regularisation
    shares += potentials
    greatest = shares.max(axis=1)
    shares -= greatest[:, None]
    np.exp(shares, out=shares)
    totals = shares.sum(axis=1)
    return _Sums(
        logarithms=float((greatest + np.log(totals)).sum()),
        received=(1.0 / totals) @ shares,
        costs=1.0 - np.einsum("ij,ij->i", shares, similarities) / totals,
    )


def _blocks(train: VectorRows, rows_per_block: int) -> Iterator[Floats]:
    """All rows in order as float64, in blocks of one size but for the last, whatever the slices."""
    for _, block in remaining_blocks(train, None, rows_per_block):
        yield block.astype(np.float64)
