"""Which test rows an order is arranged for, and which it leaves for a check."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tma_prep.embeddings import EmbeddingStore, tasks_of
from tma_prep.errors import OptionError
from tma_prep.options import ArrangeOptions
from tma_prep.tables import Ints, ranges
from tma_prep_schemas import Targets


@dataclass(frozen=True)
class DrawnTargets:
    """Places in the test store, ascending.

    Attributes:
        used: What the order is arranged for.
        unseen: What `target_fraction` left out, but for rows with the text of one it took.
    """

    used: Ints
    unseen: Ints

    def recorded(self, test: EmbeddingStore) -> Targets | None:
        """What the manifests of orders and shards say, None where every test row is used."""
        rows = test.rows
        if len(self.used) == len(rows):
            return None
        return Targets(rows=rows[self.used].tolist(), unseen=rows[self.unseen].tolist())


def draw_targets(test: EmbeddingStore, options: ArrangeOptions) -> DrawnTargets:
    """Draw the part that `target_fraction` takes, and of it what `tests_per_task` leaves.

    Raises:
        OptionError: The options ask for tasks, and the rows name none; or there are too few rows,
            or tasks, for two parts.
    """
    part, unseen = np.arange(test.shape[0]), np.empty(0, dtype=np.int64)
    if options.target_fraction is not None:
        part = _part(test, options.target_fraction, options.seed, by_task=options.by_task)
        others = np.setdiff1d(np.arange(test.shape[0]), part)
        taken = test.ids.take(pa.array(part)).combine_chunks()
        seen = pc.is_in(test.ids.take(pa.array(others)), value_set=taken)
        unseen = others[~seen.to_numpy().astype(np.bool_)]
    if options.tests_per_task is not None:
        of_row = tasks_of(test, "--tests-per-task").of_row
        part = _capped(part, of_row, options.tests_per_task, options.seed)
    return DrawnTargets(part, unseen)


def _part(test: EmbeddingStore, fraction: float, seed: int, *, by_task: bool) -> Ints:
    """A random part of the test rows: the number of rows nearest to the fraction.

    At least one row and not all, or task by task: of the first tasks of a random sequence so many
    that their rows together come nearest to the fraction, the fewer where two numbers are as near.
    """
    rows, random = test.shape[0], np.random.default_rng([seed, 5])
    if not by_task:
        if rows < 2:
            raise OptionError("--target-fraction needs two test rows or more; there is one")
        return np.sort(random.permutation(rows)[: min(max(round(fraction * rows), 1), rows - 1)])
    tasks = tasks_of(test, "--by-task")
    if len(tasks.names) < 2:
        raise OptionError(
            f"--by-task needs tests of two tasks or more; all are of {tasks.names[0]}; "
            "leave it out to draw single rows"
        )
    drawn = random.permutation(len(tasks.names))
    rows_of_first = np.cumsum(np.bincount(tasks.of_row)[drawn])[:-1]
    count = 1 + int(np.argmin(np.abs(rows_of_first - fraction * rows)))
    return np.flatnonzero(np.isin(tasks.of_row, drawn[:count]))


def _capped(part: Ints, of_row: Ints, most: int, seed: int) -> Ints:
    """Of the part at most so many rows of each task, drawn by the seed."""
    drawn = part[np.random.default_rng([seed, 4]).permutation(len(part))]
    by_task = drawn[np.argsort(of_row[drawn], kind="stable")]
    sizes = np.bincount(of_row[part])
    rank_in_task = ranges(np.zeros_like(sizes), sizes)
    return np.sort(by_task[rank_in_task < most])
