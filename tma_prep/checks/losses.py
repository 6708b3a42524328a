"""The curves table as arrays, whatever the sequence of its rows, and what is measured of them."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.checks.bootstrap import CrossedBootstrap
from tma_prep_schemas import Control, Measure

CONTROLS: tuple[Control, ...] = ("none", "null", "no-leak")
MEASURES: tuple[Measure, ...] = ("auc_steps", "auc_tokens", "early_loss", "final_loss")

EARLY_SHARE = 0.1


@dataclass(frozen=True)
class RunLosses:
    """One run: an order trained from one seed.

    Attributes:
        seed: Of the run.
        step: int64 [evaluations], ascending from 0.
        rows_seen: int64 [evaluations].
        tokens_seen: int64 [evaluations], response tokens.
        losses: float64 [evaluations, tests].
    """

    seed: int
    step: NDArray[np.int64]
    rows_seen: NDArray[np.int64]
    tokens_seen: NDArray[np.int64]
    losses: NDArray[np.float64]


@dataclass(frozen=True)
class CheckLosses:
    """Every run of a check.

    Attributes:
        test_row: int64 [tests], ascending.
        task: Of each test, None where it names none.
        response_tokens: int64 [tests].
        cluster: int64 [tests], from 0: tests of one task together, and one that names none alone.
        runs: By control and order, as first named in the table; runs by seed, ascending.
    """

    test_row: NDArray[np.int64]
    task: list[str | None]
    response_tokens: NDArray[np.int64]
    cluster: NDArray[np.int64]
    runs: dict[tuple[Control, str], list[RunLosses]]

    @property
    def clusters(self) -> int:
        """How many there are."""
        return int(self.cluster.max()) + 1

    @property
    def seeds(self) -> list[int]:
        """Of all runs, ascending."""
        return sorted({run.seed for runs in self.runs.values() for run in runs})

    @property
    def named_tasks(self) -> list[str]:
        """Sorted."""
        return sorted({task for task in self.task if task is not None})

    @functools.cached_property
    def bootstrap(self) -> Callable[[int], CrossedBootstrap]:
        """The draws for a number of seeds, the same for every pair and every curve."""
        return functools.cache(lambda seeds: CrossedBootstrap(seeds, self.cluster, self.seeds[0]))

    def orders(self, control: Control) -> list[str]:
        """Orders that were trained under a control."""
        return [order for its_control, order in self.runs if its_control == control]

    def of_task(self, task: str | None) -> NDArray[np.bool_]:
        """Which tests are of a task; all of them for None."""
        return np.array([task is None or its_task == task for its_task in self.task])


def read_losses(curves: pa.Table) -> CheckLosses:
    """Take the table apart.

    Args:
        curves: Schema `CURVES`, rows in any sequence.

    Raises:
        ValueError: An evaluation does not hold every test row exactly once.
    """
    frame = pl.DataFrame(curves)
    tests = frame.select("test_row", "task", "response_tokens").unique("test_row").sort("test_row")
    named = frame.select("control", "order").unique(maintain_order=True).rows()
    runs: dict[tuple[Control, str], list[RunLosses]] = {}
    keys = ["control", "order", "seed"]
    parts = frame.sort(*keys, "step", "test_row").partition_by(keys, as_dict=True)
    for control in CONTROLS:
        for order in (order for its_control, order in named if its_control == control):
            runs[control, order] = [
                _run(cast(int, key[2]), part, tests["test_row"])
                for key, part in parts.items()
                if key[:2] == (control, order)
            ]
    task = tests["task"].to_list()
    return CheckLosses(
        test_row=tests["test_row"].to_numpy(),
        task=task,
        response_tokens=tests["response_tokens"].cast(pl.Int64).to_numpy(),
        cluster=_clusters(task),
        runs=runs,
    )


def _run(seed: int, part: pl.DataFrame, test_rows: pl.Series) -> RunLosses:
    count = len(test_rows)
    evaluations, rest = divmod(part.height, count)
    whole = not rest and np.array_equal(
        part["test_row"].to_numpy(), np.tile(test_rows.to_numpy(), evaluations)
    )
    step = part["step"].cast(pl.Int64).to_numpy()[::count]
    if not whole or len(np.unique(step)) < evaluations:
        name = f"{part['control'][0]}/{part['order'][0]}, seed {seed}"
        raise ValueError(f"the curves of {name} do not hold every test row at every evaluation")
    return RunLosses(
        seed=seed,
        step=step,
        rows_seen=part["rows_seen"].to_numpy()[::count],
        tokens_seen=part["response_tokens_seen"].to_numpy()[::count],
        losses=part["loss"].to_numpy().reshape(evaluations, count),
    )


def _clusters(task: Sequence[str | None]) -> NDArray[np.int64]:
    """Numbers of the bootstrap's clusters: tasks by name, then tests that name none.

    A single task is nothing to draw from: its tests are clusters of their own then.
    """
    labels = [
        (name is None, name or "", place if name is None else 0) for place, name in enumerate(task)
    ]
    number = {label: place for place, label in enumerate(sorted(set(labels)))}
    if len(number) < 2:
        return np.arange(len(task))
    return np.array([number[label] for label in labels], dtype=np.int64)


def measured(run: RunLosses, token_limit: int) -> dict[Measure, NDArray[np.float64]]:
    """Every measure of every test, float64 [tests].

    Args:
        run: With evaluations from step 0 on.
        token_limit: Response tokens that every run of the control has seen.
    """
    step = run.step.astype(np.float64)
    final = np.zeros(len(step))
    final[-1] = 1.0
    weights: dict[Measure, NDArray[np.float64]] = {
        "auc_steps": area_weights(step, step[-1]),
        "auc_tokens": area_weights(run.tokens_seen.astype(np.float64), float(token_limit)),
        "early_loss": place_weights(step, EARLY_SHARE * step[-1]),
        "final_loss": final,
    }
    return {measure: weights[measure] @ run.losses for measure in MEASURES}


def area_weights(xs: NDArray[np.float64], end: float) -> NDArray[np.float64]:
    """Weights of the values at `xs` in the mean, by trapezoids, of their curve from 0 to `end`.

    Args:
        xs: Ascending from 0; equal neighbours are allowed.
        end: At most the last; 0 gives the first value.
    """
    if end <= 0:
        return place_weights(xs, 0.0)
    width = np.diff(xs)
    within = np.clip(end - xs[:-1], 0.0, width)
    share = np.divide(within, width, out=np.zeros_like(width), where=width > 0)
    weights = np.zeros(len(xs))
    weights[:-1] += within * (1 - share / 2)
    weights[1:] += within * share / 2
    return weights / end


def place_weights(xs: NDArray[np.float64], x: float) -> NDArray[np.float64]:
    """Weights of the values at `xs` in the value of their curve at `x`, which lies on it."""
    after = int(np.clip(np.searchsorted(xs, x), 1, max(1, len(xs) - 1)))
    weights = np.zeros(len(xs))
    if len(xs) == 1:
        weights[0] = 1.0
        return weights
    width = xs[after] - xs[after - 1]
    share = (x - xs[after - 1]) / width if width > 0 else 0.0
    weights[after - 1], weights[after] = 1 - share, share
    return weights


def first_reach(xs: NDArray[np.float64], ys: NDArray[np.float64], level: float) -> float | None:
    """The first x at which the curve is at or below a level; None if it never is."""
    low = np.flatnonzero(ys <= level)
    if not len(low):
        return None
    here = int(low[0])
    if here == 0:
        return float(xs[0])
    share = (ys[here - 1] - level) / (ys[here - 1] - ys[here])
    return float(xs[here - 1] + share * (xs[here] - xs[here - 1]))
