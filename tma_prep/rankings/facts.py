"""What a ranking found, in a few numbers: for the summary, `--json` and the manifest."""

import numpy as np
from numpy.typing import NDArray

from tma_prep.embeddings import Sides
from tma_prep.rankings.engine import Ranking
from tma_prep.tables import Floats, Ints
from tma_prep_schemas import Facts, Hub

_HUBS = 10
_NEAREST = 10  # rows whose mean similarity is a test's coverage
_TRANSPORT = ("exact", "marginal_error", "iterations", "regularisation")


def facts_of(
    ranking: Ranking,
    nearest: Ints,
    similarities: Floats,
    sides: Sides,
    test_places: Ints,
    *,
    ranked: NDArray[np.int32] | None,
    units: int | None,
) -> Facts:
    """Gather the facts.

    Args:
        ranking: One entry a training row.
        nearest: Nearest rows of each test used, shape (tests, ranks).
        similarities: Of those, the same shape.
        sides: Both stores.
        test_places: Places in the test store of the tests used.
        ranked: Round of everything that was ranked (rows, or units), None without rounds.
        units: How many units were ranked, None for rows.
    """
    tests = sides.test.rows[test_places].tolist()
    listed = np.bincount(nearest.ravel(), minlength=sides.train.shape[0])
    hubs = np.lexsort((np.arange(len(listed)), -listed))[:_HUBS]
    coverage = similarities[:, :_NEAREST].mean(axis=1)
    least = np.argsort(coverage, kind="stable")[:_HUBS]
    rounds = largest = smallest = median = shared = None
    if ranked is not None:
        sizes = np.bincount(ranked)[1:]
        rounds, largest, smallest = len(sizes), int(sizes.max()), int(sizes.min())
        median = float(np.median(sizes))
        shared = 1 - len(ranked) / (rounds * len(test_places))
    return Facts(
        rounds=rounds,
        largest_round=largest,
        median_round=median,
        smallest_round=smallest,
        shared_winners=shared,
        never_first_choice=len(listed) - len(np.unique(nearest[:, 0])),
        never_listed=int(np.count_nonzero(listed == 0)),
        hubs=[
            Hub(tma_row=int(sides.train.rows[row]), tests=int(listed[row]))
            for row in hubs
            if listed[row]
        ],
        coverage=float(coverage.mean()),
        least_covered={str(tests[test]): float(coverage[test]) for test in least},
        coverage_by_test=dict(zip(map(str, tests), coverage.tolist(), strict=True)),
        coverage_by_task=_by_task(coverage, sides, test_places),
        units=units,
        transport=None
        if ranking.transport is None
        else {name: getattr(ranking.transport, name) for name in _TRANSPORT},
    )


def _by_task(coverage: Floats, sides: Sides, test_places: Ints) -> dict[str, float]:
    """Mean coverage of each task's tests; empty where tests name no task."""
    tasks = np.array(sides.test.instances("task").column("task").to_pylist(), dtype=object)
    of_test = tasks[test_places]
    names = list(dict.fromkeys(name for name in of_test if name is not None))
    return {name: float(coverage[of_test == name].mean()) for name in names}
