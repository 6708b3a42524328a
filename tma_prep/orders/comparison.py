"""How far one order is from another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tma_prep.tables import Ints

_SHARES = (0.01, 0.05, 0.1, 0.25)


@dataclass(frozen=True)
class Matched:
    """The rows that stand in both of two orders: int64 places in each, ascending in `before`."""

    before: Ints
    after: Ints

    @property
    def rank_after(self) -> Ints:
        """int64, place in the second order among these rows: what came or went moves nobody."""
        rank = np.empty(len(self.after), dtype=np.int64)
        rank[np.argsort(self.after, kind="stable")] = np.arange(len(self.after))
        return rank


@dataclass(frozen=True)
class OrderComparison:
    """Two orders of pools that may differ.

    Attributes:
        rows_in_both: Of equal rows the first ones are paired, then the second ones, and so on.
        rows_only_before: In the first order alone.
        rows_only_after: In the second order alone.
        kendall_tau: Of the positions of the rows in both, from -1 (reversed) to 1 (the same); None
            for fewer than two rows.
        spearman: Spearman's rank correlation of the same.
        overlap: For a share of the order, such as "10%", how much of the first order's beginning
            is in the second one's: from 0 to 1, over the rows in both.
    """

    rows_in_both: int
    rows_only_before: int
    rows_only_after: int
    kendall_tau: float | None
    spearman: float | None
    overlap: dict[str, float]


@dataclass(frozen=True)
class TaskMove:
    """Where the rows of a task stand in two orders, over the rows in both.

    Attributes:
        before: Mean share of the first order that lies before a row of the task, from 0 to 1.
        change: `after` less `before`: above 0 where the task comes later in the second order.
    """

    task: str
    rows: int
    before: float
    after: float
    change: float


def match_rows(before: pl.Series, after: pl.Series) -> Matched:
    """Pair the rows of two orders, each given by its `tma_id`s or `tma_row`s, in O(n log n)."""
    both = _numbered(before).join(_numbered(after), on=("id", "copy"), how="inner", suffix="_after")
    both = both.sort("place")
    return Matched(
        both["place"].to_numpy().astype(np.int64), both["place_after"].to_numpy().astype(np.int64)
    )


def compare_orders(before: pl.Series, after: pl.Series) -> OrderComparison:
    """Compare two orders by what names their rows; see `match_rows`."""
    return compare_matched(match_rows(before, after), len(before), len(after))


def compare_matched(both: Matched, rows_before: int, rows_after: int) -> OrderComparison:
    """Compare two orders of so many rows whose rows are paired already."""
    from scipy.stats import spearmanr

    rank = both.rank_after
    overlap = {}
    for share in _SHARES:
        count = int(np.ceil(share * len(rank)))
        if count:
            overlap[f"{share:.0%}"] = float(np.count_nonzero(rank[:count] < count) / count)
    place = np.arange(len(rank))
    return OrderComparison(
        rows_in_both=len(rank),
        rows_only_before=rows_before - len(rank),
        rows_only_after=rows_after - len(rank),
        kendall_tau=kendall_tau(place, rank),
        spearman=float(spearmanr(place, rank).statistic) if len(rank) > 1 else None,
        overlap=overlap,
    )


def kendall_tau(first: NDArray[np.integer], second: NDArray[np.integer]) -> float | None:
    """Kendall's tau-b of two rankings of the same rows, which may tie, in O(n log n).

    Returns:
        From -1 (reversed) to 1 (the same); None where one of them ranks nothing.
    """
    from scipy.stats import kendalltau

    if len(first) < 2 or (first == first[0]).all() or (second == second[0]).all():
        return None
    return float(kendalltau(first, second).statistic)


def task_moves(both: Matched, task: Ints, names: Sequence[str]) -> list[TaskMove]:
    """How far each task moved, the farthest first; `task` is the place in `names` of each row's."""
    counts = np.bincount(task, minlength=len(names))
    here = np.flatnonzero(counts)
    means = []
    for place in (np.arange(len(task)), both.rank_after):
        sums = np.bincount(task, weights=place, minlength=len(names))
        means.append(sums[here] / counts[here] / len(task))
    moves = [
        TaskMove(names[number], int(counts[number]), float(a), float(b), float(b - a))
        for number, a, b in zip(here, *means, strict=True)
    ]
    return sorted(moves, key=lambda move: -abs(move.change))


def _numbered(ids: pl.Series) -> pl.DataFrame:
    """Ids with their places, and the number of each among its equals."""
    frame = pl.DataFrame({"id": ids}).with_row_index("place")
    return frame.with_columns(pl.int_range(pl.len()).over("id").alias("copy"))
