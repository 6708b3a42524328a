"""From a ranking to the rows of an order, for people with arrays of their own."""

from collections.abc import Sequence

import numpy as np

from tma_prep.errors import OptionError
from tma_prep.orders.selection import FarthestRounds, parse_budget, parse_rounds, select
from tma_prep.orders.sequences import Ranked, WithinRound, order_positions, then_shuffle
from tma_prep.rankings import Ranking
from tma_prep.tables import Ints


def order(
    ranking: Ranking,
    name: str = "nft",
    *,
    selection: str = "nearest",
    budget: str | None = None,
    rounds: str | None = None,
    tasks: Sequence[str] | None = None,
    within_round: WithinRound = "similarity",
    then_shuffle_after: float | None = None,
    seed: int = 0,
    farthest_rounds: FarthestRounds | None = None,
) -> Ints:
    """Rows in the sequence of an order; the options mean what those of `tma-prep arrange` mean.

    Args:
        ranking: What `rank` returned.
        name: `nft`, `fft`, `rt`, `round-robin` or `cluster`.
        selection: Which rows stay: `nearest`, `farthest`, `both-ends` or `random`.
        budget: Rows that stay, as in `"30000"` or `"30k"`; None for all.
        rounds: A window of rounds, as in `"2:5"`.
        tasks: Task of every row, for `round-robin` and `cluster`.
        within_round: Sequence of rows that are equally near.
        then_shuffle_after: Share of the rows that keeps its order; the rest is shuffled.
        seed: Random seed.
        farthest_rounds: `Engine.farthest_rounds`, for `farthest` and `both-ends` under `tma`.

    Returns:
        int64, row numbers into the training vectors.

    Raises:
        OptionError: An option is not known, or has no meaning here.
    """
    if budget is not None and parse_budget(budget).unit == "tokens":
        raise OptionError("a budget of tokens needs texts; use tma-prep arrange, or rows")
    ends = selection in ("farthest", "both-ends")
    if ends and ranking.rounds is not None and farthest_rounds is None:
        raise OptionError(
            f"selection {selection} of rounds needs farthest_rounds=engine.farthest_rounds; "
            "see tma_prep.rankings.Engine"
        )
    rows, numbers = len(ranking.similarity), None
    if tasks is not None and len(tasks) != rows:
        raise OptionError(f"there are {len(tasks)} tasks for {rows} rows; name one a row")
    if tasks is not None:
        _, first, numbers = np.unique(np.asarray(tasks), return_index=True, return_inverse=True)
        numbers = np.argsort(np.argsort(first))[numbers]
    selected = select(
        selection,
        Ranked(
            rows=np.arange(rows),
            similarity=ranking.similarity,
            rounds=ranking.rounds,
            distance=ranking.distance,
            task=numbers,
            within_round=within_round,
            seed=seed,
        ),
        budget=None if budget is None else parse_budget(budget),
        window=None if rounds is None else parse_rounds(rounds),
        farthest_rounds=farthest_rounds,
    )
    sequence = order_positions(name, selected)
    if then_shuffle_after is not None:
        sequence = then_shuffle(sequence, then_shuffle_after, seed)
    return selected.rows[sequence]
