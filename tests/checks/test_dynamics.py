"""Similarity of what was seen, and the sharpest falls, against loops over every row."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from tests.checks.curves_made_up import MadeUp
from tma_prep.checks.dynamics import Consumed, seen_tests, sharpest_falls
from tma_prep_schemas import Fall

_SEEDS = 2
_MADE_UP = MadeUp(
    {("none", "nft"): -0.3, ("none", "rt"): 0.0, ("null", "random-1"): -0.9},
    seeds=_SEEDS,
    tasks=3,
    tests_a_task=4,
)


def _unit(rows: int, dimension: int = 8, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(rows, dimension))
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit.astype(np.float32)


def _pool(rows: NDArray[np.int64]) -> NDArray[np.float32]:
    return _unit(2000, seed=1)[rows]


def _consumed() -> Consumed:
    random = np.random.default_rng(2)
    rows = {
        (order, seed): random.permutation(2000)[:640]
        for order in ("nft", "rt")
        for seed in range(_SEEDS)
    }
    return Consumed(rows, _pool, _unit(12, seed=3))


def test_seen_similarity_against_loops() -> None:
    """Maximum, mean and centroid of all rows so far, over chunks and empty stretches."""
    tests, pool = _unit(7), _unit(9000, seed=1)
    order = np.random.default_rng(4).permutation(9000)
    rows_seen = np.array([0, 1, 1, 50, 9000])
    seen = seen_tests(order, rows_seen, lambda rows: pool[rows], tests)
    assert seen.dtype == np.float32
    for place, count in enumerate(rows_seen):
        so_far = pool[order[:count]].astype(np.float64)
        for test in range(7):
            found = seen[:, place, test].tolist()
            if not count:
                assert np.isnan(found).all()
                continue
            products = [float(row @ tests[test].astype(np.float64)) for row in so_far]
            centre = so_far.mean(axis=0)
            assert found == pytest.approx(
                [
                    max(products),
                    sum(products) / count,
                    float(centre @ tests[test]) / float(np.linalg.norm(centre)),
                ],
                abs=1e-5,
            )


def test_rows_that_cancel_out_have_no_centroid() -> None:
    """Their mean similarity is 0, its direction is none."""
    pool = np.array([[1, 0, 0], [-1, 0, 0]], dtype=np.float32)
    seen = seen_tests(np.arange(2), np.array([2]), lambda rows: pool[rows], _unit(2, 3))
    _, mean, centroid = seen[:, 0]
    assert mean.tolist() == [0.0, 0.0]
    assert np.isnan(centroid).all()


def _falls_by_loops(curves: pa.Table, task: str | None) -> list[tuple[float, str, int, int, int]]:
    """(fall a step, order, seed, from, to) of every fall of a task, steepest first."""
    frame = pl.DataFrame(curves).filter(pl.col("control") == "none")
    frame = frame.filter(pl.col("task").eq_missing(task))
    found = []
    for (order, seed), run in frame.group_by("order", "seed", maintain_order=True):
        mean = dict(run.group_by("step").agg(pl.col("loss").mean()).sort("step").rows())
        steps = list(mean)
        for before, after in zip(steps, steps[1:], strict=False):
            fall = (mean[before] - mean[after]) / (after - before)
            if fall > 0:
                found.append((fall, str(order), int(str(seed)), before, after))
    return sorted(found, reverse=True)


def test_the_sharpest_falls_against_loops() -> None:
    """Three a task, of control none alone, with the nearest rows read in between."""
    curves, consumed = _MADE_UP.curves(), _consumed()
    falls = sharpest_falls(curves, consumed)
    assert len(falls) == 3 * 3
    for place, fall in enumerate(falls):
        a_step, *where = _falls_by_loops(curves, fall.task)[place % 3]
        assert where == [fall.order, fall.seed, fall.from_step, fall.to_step]
        assert fall.fall == pytest.approx(a_step * (fall.to_step - fall.from_step))
        _check_rows(curves, consumed, fall)


def _check_rows(curves: pa.Table, consumed: Consumed, fall: Fall) -> None:
    members = sorted({r["test_row"] for r in curves.to_pylist() if r["task"] == fall.task})
    read = consumed.rows[fall.order, fall.seed][fall.from_step * 16 : fall.to_step * 16]
    scored = []
    for row in read.tolist():
        vector = _pool(np.array([row]))[0]
        scored.append(max((float(vector @ consumed.tests[t]), row, t) for t in members))
    nearest = sorted(scored, key=lambda one: -one[0])[:5]
    assert [(row.tma_row, row.test_row) for row in fall.rows] == [(r, t) for _, r, t in nearest]
    assert [row.similarity for row in fall.rows] == pytest.approx([s for s, _, _ in nearest])


def test_without_vectors_or_tasks() -> None:
    """No rows then, and all tests together."""
    curves = MadeUp({("none", "nft"): 0.0}, tasks=0, tests_a_task=6).curves()
    falls = sharpest_falls(curves, None)
    assert [(fall.task, fall.rows) for fall in falls] == [(None, [])] * 3


def test_a_loss_that_only_rises_has_no_fall() -> None:
    """Nothing to explain."""
    assert sharpest_falls(MadeUp({("none", "nft"): 9.0}).curves(), None) == []
