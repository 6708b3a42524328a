"""Which rows every run of a check is trained on, in what sequence."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.artifact import ARRANGE_AGAIN, Workspace
from tma_prep.checks.tasks import ShardFiles
from tma_prep.embeddings import Sides
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.leakage import leaking_pairs, rows_left_out, without_leaks
from tma_prep.options import ArrangeOptions, TrainCheckOptions
from tma_prep.orders import SelectedRows, arrange_options, parse_budget, parse_rounds
from tma_prep.parquet import read_table
from tma_prep.progress import Progress
from tma_prep.rankings import Ranker, Ranking
from tma_prep_schemas import ROUND, ROW, SHARD_FIELDS, Control, ShardsManifest

Rows = NDArray[np.int64]

DEFAULT_STEPS = 32
LARGEST_SHARE = 10
"""One in so many rows of an order is the most that it is trained on by default, and of the pool the
most that base training takes."""


@dataclass(frozen=True)
class Named:
    """One order that is compared.

    Attributes:
        name: As it was arranged, or `rounds-A:B`.
        rows: `tma_row` in sequence.
        seed: Of the shards; drawn anew with it for each seed where `drawn`.
        drawn: Whether it was arranged at random.
        shards: Where it lies, None where it lies nowhere.
    """

    name: str
    rows: Rows
    seed: int
    drawn: bool
    shards: ShardFiles | None

    def sequence(self, seed: int) -> Rows:
        """Its rows as a run of this seed takes them."""
        return drawn_order(self.rows, self.seed, seed) if self.drawn else self.rows


@dataclass(frozen=True)
class PlannedRun:
    """One line of the comparison.

    Attributes:
        rows: `tma_row` of what is trained on, in sequence.
        shards: Where those are read, None where the sequence was drawn.
    """

    control: Control
    order: str
    seed: int
    rows: Rows
    shards: ShardFiles | None


def drawn_order(rows: Rows, shard_seed: int, seed: int, number: int = 1) -> Rows:
    """A random order of these rows: the `number`-th of a run's seed."""
    seeds = [shard_seed, seed] if number == 1 else [shard_seed, seed, number]
    return np.random.default_rng(seeds).permutation(np.sort(rows))


def base_slice(eligible: Rows, pool_rows: int, wanted: int, seed: int) -> Rows:
    """Random rows for base training: as many as are wanted, at most a tenth of the pool."""
    most = min(wanted, pool_rows // LARGEST_SHARE)
    return np.random.default_rng([seed, 7]).permutation(eligible)[:most]


def read_named(
    name: str, folder: Path, manifest: ShardsManifest
) -> tuple[Named, NDArray[np.int32] | None]:
    """An arranged order, and the round of each of its rows where it has rounds."""
    files = tuple(entry.file for entry in manifest.files)
    added = pa.schema(SHARD_FIELDS)
    tables = [
        read_table(folder / entry.file, added, ROW, ROUND, remedy=ARRANGE_AGAIN, rows=entry.rows)
        for entry in manifest.files
    ]
    rows = np.concatenate([table[ROW].to_numpy() for table in tables])
    has_rounds = not any(table[ROUND].null_count for table in tables)
    rounds = np.concatenate([table[ROUND].to_numpy() for table in tables]) if has_rounds else None
    named = Named(
        name,
        rows,
        seed=int(str(manifest.config["seed"])),
        drawn=manifest.order == "rt",
        shards=ShardFiles(folder, files, manifest.format),
    )
    return named, rounds


def windows(named: Named, rounds: NDArray[np.int32] | None, wanted: Sequence[str]) -> list[Named]:
    """Windows of the rounds that an order holds, as a Python slice of them counts.

    Raises:
        OptionError: It has no rounds, or a window holds none.
    """
    found = []
    for text in wanted:
        if rounds is None:
            raise OptionError(
                f"--rounds {text}: {named.name} was arranged by a ranking without any"
            )
        window = parse_rounds(text)
        kept = np.unique(rounds)[slice(window.start, window.stop)]
        inside = np.isin(rounds, kept)
        if not inside.any():
            raise OptionError(
                f"--rounds {text} keeps none of the {len(np.unique(rounds))} rounds of "
                f"{named.name}; name some of them"
            )
        found.append(replace(named, name=f"rounds-{window}", rows=named.rows[inside]))
    return found


class WithoutLeaks:
    """The same orders of the pool without its leaking rows, ranked anew."""

    def __init__(
        self, sides: Sides, leaking: Rows, device: str, work: Path, progress: Progress
    ) -> None:
        """Take both stores and the `tma_row`s to leave out."""
        self._sides, self._leaking = sides, leaking
        self._device, self._work, self._progress = device, work, progress
        self._ranked: dict[str, _Ranked] = {}

    @property
    def rows_left(self) -> int:
        """Rows that do not leak."""
        return int(np.count_nonzero(~np.isin(self._sides.train.rows, self._leaking)))

    def named(self, name: str, manifest: ShardsManifest) -> tuple[Named, NDArray[np.int32] | None]:
        """What `read_named` gives, of the order recomputed with the options that it records.

        Raises:
            OptionError: What is left does not meet them.
            ArtifactError: They draw other test rows than when it was arranged.
        """
        options = self._options(manifest)
        try:
            ranked = self._ranking(options)
            options = _fitting(options, ranked.sides)
            selected = SelectedRows(
                ranked.sides,
                ranked.ranker.farthest_rounds,
                ranked.ranking,
                options,
                self._progress,
            )
            sequence = selected.sequence(manifest.order)
        except OptionError as error:
            raise OptionError(
                f"control no-leak of {name}: {error} (leave the control out with --control null)"
            ) from error
        if ranked.ranker.targets.recorded(ranked.sides.test) != manifest.targets:
            raise ArtifactError(
                f"control no-leak of {name}: its options draw other test rows now than its "
                "manifest names; run arrange again with --overwrite"
            )
        kept = selected.kept
        rows = ranked.sides.train.rows[kept.rows[sequence]]
        drawn = manifest.order == "rt"
        rounds = None if kept.rounds is None else kept.rounds[sequence]
        return Named(name, rows, options.seed, drawn, None), rounds

    def _options(self, manifest: ShardsManifest) -> ArrangeOptions:
        return ArrangeOptions.model_validate(
            arrange_options(manifest.config)
            | {"work": self._work, "orders": [manifest.order], "device": self._device}
        )

    def _ranking(self, options: ArrangeOptions) -> "_Ranked":
        whole = Ranker(self._sides, options, self._progress)
        key = json.dumps(whole.config)
        if key not in self._ranked:
            leaking = np.union1d(self._leaking, self._left_out(whole, options))
            sides = without_leaks(self._sides, leaking)
            ranker = Ranker(sides, options, self._progress)
            self._ranked[key] = _Ranked(sides, ranker, ranker.rank())
        return self._ranked[key]

    def _left_out(self, whole: Ranker, options: ArrangeOptions) -> Rows:
        """What the order left out as leaking when it was arranged, by its own options."""
        if options.leakage != "exclude":
            return self._leaking
        known = rows_left_out(Workspace(self._work), self._sides.inputs, whole.config)
        if known is not None:
            return known
        engine = whole.whole_engine
        return leaking_pairs(self._sides, engine, options, self._work, self._progress)[1].rows


@dataclass(frozen=True)
class _Ranked:
    """What is left of the pool, and its ranking."""

    sides: Sides
    ranker: Ranker
    ranking: Ranking


def _fitting(options: ArrangeOptions, sides: Sides) -> ArrangeOptions:
    """The options with a budget of rows cut to what is left."""
    if options.budget is None:
        return options
    budget = parse_budget(options.budget)
    if budget.unit != "rows":
        return options
    # What was asked of the whole pool may be more than is left: then all of it stays.
    fitting = str(min(budget.amount, sides.train.shape[0]))
    return options.model_copy(update={"budget": fitting})


def planned_runs(
    named: Sequence[Named],
    without_leaks: Sequence[Named],
    base: dict[int, Rows],
    options: TrainCheckOptions,
    note: Callable[[str], None],
) -> list[PlannedRun]:
    """Every run of the check: the orders, then its controls.

    Args:
        named: The orders as they were arranged.
        without_leaks: The same without leaking rows; empty where that control is off.
        base: For each seed the rows to leave out of every order.
        options: Resolved.
        note: Told what a person should know of the budget.
    """
    amount = _budget(named, base, options, note)
    runs = _runs("none", named, base, amount)
    if "null" in (options.controls or []):
        every = np.unique(np.concatenate([order.rows for order in named]))
        seed = next((order.seed for order in named if order.drawn), 0)
        for number in range(1, options.random_orders + 1):
            for run_seed, taken in base.items():
                rows = _kept(drawn_order(every, seed, run_seed, number), taken)[:amount]
                runs.append(PlannedRun("null", f"random-{number}", run_seed, rows, None))
    if without_leaks:
        left = min(amount, _smallest(without_leaks, base))
        if left < options.batch_size and left < amount:
            note("no-leak: too few rows are left without leaks, so this control is left out")
        else:
            runs += _runs("no-leak", without_leaks, base, left)
    return runs


def _runs(
    control: Control, named: Sequence[Named], base: dict[int, Rows], amount: int
) -> list[PlannedRun]:
    return [
        PlannedRun(
            control,
            order.name,
            seed,
            _kept(order.sequence(seed), taken)[:amount],
            None if order.drawn else order.shards,
        )
        for order in named
        for seed, taken in base.items()
    ]


def _kept(rows: Rows, taken: Rows) -> Rows:
    return rows[~np.isin(rows, taken)]


def _smallest(named: Sequence[Named], base: dict[int, Rows]) -> int:
    return min(len(_kept(order.rows, taken)) for order in named for taken in base.values())


def _budget(
    named: Sequence[Named],
    base: dict[int, Rows],
    options: TrainCheckOptions,
    note: Callable[[str], None],
) -> int:
    """Rows that every order is trained on."""
    if options.steps is not None and options.budget is not None:
        raise OptionError("--budget counts rows and --steps counts batches of them; give one")
    smallest = _smallest(named, base)
    if not smallest:
        raise OptionError(
            "base training takes every row of an order; give fewer --base-steps, or 0"
        )
    if options.steps is None and options.budget is None:
        share = smallest // LARGEST_SHARE
        share -= share % options.batch_size if share > options.batch_size else 0
        return max(1, min(DEFAULT_STEPS * options.batch_size, share))
    wanted = options.budget or (options.steps or 0) * options.batch_size
    if wanted > smallest:
        note(f"the smallest order holds {smallest:,} rows: so many are taken, not {wanted:,}")
    return min(wanted, smallest)
