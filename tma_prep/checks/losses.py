"""The curves table as arrays, whatever the sequence of its rows."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.checks.bootstrap import CrossedBootstrap
from tma_prep_schemas import Control

CONTROLS: tuple[Control, ...] = ("none", "null", "no-leak")


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
    names = sorted({name for name in task if name is not None})
    unnamed = [place for place, name in enumerate(task) if name is None]
    if len(names) + len(unnamed) < 2:
        return np.arange(len(task))
    number = {name: place for place, name in enumerate(names)}
    alone = {place: len(names) + index for index, place in enumerate(unnamed)}
    return np.array(
        [alone[place] if name is None else number[name] for place, name in enumerate(task)],
        dtype=np.int64,
    )
