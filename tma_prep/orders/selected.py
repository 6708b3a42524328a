"""From a ranking to the rows that stay and their sequences, without files."""

import functools

import numpy as np
from numpy.typing import NDArray

from tma_prep.embeddings import Sides, Tasks, tasks_of, tokens_of_rows
from tma_prep.options import ArrangeOptions
from tma_prep.orders.per_task import keep_per_task, parse_per_task
from tma_prep.orders.ranked import Ranked
from tma_prep.orders.selection import FarthestRounds, parse_budget, parse_rounds, select
from tma_prep.orders.sequences import order_positions, then_shuffle
from tma_prep.progress import Progress
from tma_prep.rankings import RankedPool, Ranking

_BY_TASK = ("round-robin", "cluster")


class SelectedRows:
    """The rows that the options keep, and the sequence of every order of them."""

    def __init__(
        self,
        sides: Sides,
        farthest_rounds: FarthestRounds,
        ranking: RankedPool | Ranking,
        options: ArrangeOptions,
        progress: Progress,
    ) -> None:
        """Take a finished ranking of the training side, one entry a stored row."""
        self._sides = sides
        self._farthest_rounds = farthest_rounds
        self._ranking = ranking
        self._options = options
        self._progress = progress

    @functools.cached_property
    def tasks(self) -> Tasks | None:
        """The tasks, None where nothing asks for them and no row names one."""
        needing = [f"--order {order}" for order in self._options.orders if order in _BY_TASK]
        needing += ["--per-task"] if self._options.per_task is not None else []
        if needing:
            return tasks_of(self._sides.train, needing[0])
        column = self._sides.train.instances("task").column("task")
        return None if column.null_count == len(column) else tasks_of(self._sides.train, "")

    @functools.cached_property
    def tokens(self) -> NDArray[np.int64]:
        """Tokens of every stored row."""
        return tokens_of_rows(self._sides.train, self._options.tokenizer, self._progress)

    @functools.cached_property
    def kept(self) -> Ranked:
        """The rows that stay, for all orders."""
        options, ranking = self._options, self._ranking
        task = None if self.tasks is None else self.tasks.of_row
        whole = Ranked.whole(ranking, task, options)
        if options.per_task is not None:
            return keep_per_task(whole, *parse_per_task(options.per_task))
        budget = None if options.budget is None else parse_budget(options.budget)
        return select(
            options.select,
            whole,
            budget=budget,
            tokens_of_row=self.tokens if budget and budget.unit == "tokens" else None,
            window=None if options.rounds is None else parse_rounds(options.rounds),
            farthest_rounds=self._farthest_rounds,
        )

    def sequence(self, order: str) -> NDArray[np.int64]:
        """Entries of `kept` in the sequence of an order."""
        sequence = order_positions(order, self.kept)
        if self._options.shuffle_after is None:
            return sequence
        return then_shuffle(sequence, self._options.shuffle_after, self._options.seed)
