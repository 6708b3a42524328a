"""How far one order is from another."""

from dataclasses import dataclass

import numpy as np
import polars as pl

_SHARES = (0.01, 0.05, 0.1, 0.25)


@dataclass(frozen=True)
class OrderComparison:
    """Two orders of pools that may differ; rows are the same if their texts are.

    Attributes:
        rows_in_both: Of equal texts the first ones are paired, then the second ones, and so on.
        rows_only_before: In the first order alone.
        rows_only_after: In the second order alone.
        kendall_tau: Of the positions of the rows in both, from -1 (reversed) to 1 (the same); None
            for fewer than two rows.
        overlap: For a share of the order, such as "10%", how much of the first order's beginning
            is in the second one's: from 0 to 1, over the rows in both.
    """

    rows_in_both: int
    rows_only_before: int
    rows_only_after: int
    kendall_tau: float | None
    overlap: dict[str, float]


def compare_orders(before: pl.Series, after: pl.Series) -> OrderComparison:
    """Compare two orders by the `tma_id`s of their rows.

    Args:
        before: The ids of one order, by position.
        after: The ids of the other.
    """
    from scipy.stats import kendalltau

    both = _numbered(before).join(_numbered(after), on=("id", "copy"), how="inner", suffix="_after")
    both = both.sort("place").select("place", "place_after")
    first = both["place"].to_numpy()
    # Ranks among the rows in both: what came or went moves nobody.
    rank = np.empty(len(both), dtype=np.int64)
    rank[np.argsort(both["place_after"].to_numpy(), kind="stable")] = np.arange(len(both))
    overlap = {}
    for share in _SHARES:
        count = int(np.ceil(share * len(both)))
        if count:
            overlap[f"{share:.0%}"] = float(np.count_nonzero(rank[:count] < count) / count)
    tau = float(kendalltau(np.arange(len(first)), rank).statistic) if len(first) > 1 else None
    return OrderComparison(
        rows_in_both=len(both),
        rows_only_before=len(before) - len(both),
        rows_only_after=len(after) - len(both),
        kendall_tau=tau,
        overlap=overlap,
    )


def _numbered(ids: pl.Series) -> pl.DataFrame:
    """Ids with their places, and the number of each among its equals."""
    frame = pl.DataFrame({"id": ids}).with_row_index("place")
    return frame.with_columns(pl.int_range(pl.len()).over("id").alias("copy"))
