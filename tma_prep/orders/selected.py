"""From a ranking to the rows that stay and their sequences, without files."""

import functools
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from tma_prep.embeddings import EmbeddingStore, Sides, Tasks, tasks_of, tokens_of_rows
from tma_prep.options import ArrangeOptions
from tma_prep.orders.per_task import keep_per_task, parse_per_task
from tma_prep.orders.selection import FarthestRounds, parse_budget, parse_rounds, select
from tma_prep.orders.sequences import Ranked, order_positions, then_shuffle
from tma_prep.progress import Progress
from tma_prep.rankings import RankedPool
from tma_prep.tables import Ints
from tma_prep_schemas import ORDER
from tma_prep_schemas.manifests import Option

_BY_TASK = ("round-robin", "cluster")


def arrange_options(config: Mapping[str, Option]) -> dict[str, Option]:
    """What the manifest of an order or of shards says of the options of arrange, by their fields.

    Where shards are, and what their orders are called, it does not say.
    """
    tokenizer = config.get("budget_tokenizer") or config.get("tokenizer")
    fields = ArrangeOptions.model_fields
    known = {name: value for name, value in config.items() if name in fields and value is not None}
    return known | {"tokenizer": tokenizer}


class SelectedRows:
    """The rows that the options keep, and every order of them."""

    def __init__(
        self,
        sides: Sides,
        farthest_rounds: FarthestRounds,
        pool: RankedPool,
        options: ArrangeOptions,
        progress: Progress,
    ) -> None:
        """Take a finished ranking of the training side, one entry a stored row."""
        self._sides = sides
        self._farthest_rounds = farthest_rounds
        self._pool = pool
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
    def tokens(self) -> Ints:
        """Tokens of every stored row."""
        return tokens_of_rows(self._sides.train, self._options.tokenizer, self._progress)

    @functools.cached_property
    def _kept(self) -> Ranked:
        """The rows that stay, for all orders."""
        options, pool = self._options, self._pool
        whole = Ranked(
            rows=np.arange(len(pool.rows)),
            similarity=pool.similarity,
            rounds=pool.rounds,
            distance=pool.distance,
            task=None if self.tasks is None else self.tasks.of_row,
            within_round=options.within_round,
            seed=options.seed,
        )
        if options.per_task is not None:
            return keep_per_task(whole, *parse_per_task(options.per_task))
        budget = None if options.budget is None else parse_budget(options.budget)
        traits = self._sides.train.row_store.manifest.traits
        if budget and budget.unit == "tokens" and traits.conversation and not options.tokenizer:
            self._progress.note(
                "the budget counts tokens of what was embedded of a conversation; --tokenizer "
                "counts all of it"
            )
        return select(
            options.select,
            whole,
            budget=budget,
            tokens_of_row=self.tokens if budget and budget.unit == "tokens" else None,
            window=None if options.rounds is None else parse_rounds(options.rounds),
            farthest_rounds=self._farthest_rounds,
        )

    def table(self, order: str) -> pa.Table:
        """An order of them by position, schema `ORDER`."""
        kept, train = self._kept, self._sides.train
        sequence = order_positions(order, kept)
        if self._options.shuffle_after is not None:
            sequence = then_shuffle(sequence, self._options.shuffle_after, self._options.seed)
        places = kept.rows[sequence]
        test_rows, of_row = np.unique(self._pool.tests[places], return_inverse=True)
        test = self._sides.test
        names = _target_names(test).take(np.searchsorted(test.rows, test_rows))
        rounds = kept.rounds
        return pa.table(
            [
                np.arange(len(places)),
                train.rows[places],
                train.ids.take(pa.array(places)),
                pa.nulls(len(places), pa.int32()) if rounds is None else rounds[sequence],
                kept.similarity[sequence].astype(np.float32),
                names.take(pa.array(of_row)),
            ],
            schema=ORDER,
        )


def _target_names(test: EmbeddingStore) -> pa.Array:
    """What `tma_target` calls each test row: its own `id`, or its row number."""
    names = test.instances("id").column("id").to_pylist()
    return pa.array(
        [str(row) if name is None else name for name, row in zip(names, test.rows, strict=True)],
        pa.string(),
    )
