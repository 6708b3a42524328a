"""Which rows every run of a check is trained on, in what sequence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.arrange import arrange_held, leaking_rows
from tma_prep.artifact import ARRANGE_AGAIN
from tma_prep.checks.tasks import ShardFiles
from tma_prep.errors import OptionError
from tma_prep.options import ArrangeOptions, TrainCheckOptions
from tma_prep.orders import arrange_options, parse_budget, parse_rounds, read_order
from tma_prep.progress import Progress
from tma_prep.tables import read_table
from tma_prep.workspace import Workspace
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
        rounds: Of each row; None where there are none.
    """

    name: str
    rows: Rows
    seed: int
    drawn: bool
    shards: ShardFiles | None
    rounds: NDArray[np.int32] | None = None

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


def read_named(name: str, folder: Path, manifest: ShardsManifest) -> Named:
    """An order as it was arranged."""
    files = tuple(entry.file for entry in manifest.files)
    added = pa.schema(SHARD_FIELDS)
    tables = [
        read_table(folder / entry.file, added, ROW, ROUND, remedy=ARRANGE_AGAIN, rows=entry.rows)
        for entry in manifest.files
    ]
    shards = ShardFiles(folder, files, tuple(manifest.layouts))
    return _named(name, pa.concat_tables(tables), manifest, shards)


def _named(
    name: str, table: pa.Table, manifest: ShardsManifest, shards: ShardFiles | None
) -> Named:
    return Named(
        name,
        table[ROW].to_numpy(),
        seed=int(str(manifest.config["seed"])),
        drawn=manifest.order == "rt",
        shards=shards,
        rounds=None if table[ROUND].null_count else table[ROUND].to_numpy(),
    )


def windows(named: Named, wanted: Sequence[str]) -> list[Named]:
    """Windows of the rounds that an order holds, as a Python slice of them counts.

    Raises:
        OptionError: It has no rounds, or a window holds none.
    """
    found = []
    rounds = named.rounds
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
        name, rows = f"rounds-{window}", named.rows[inside]
        found.append(replace(named, name=name, rows=rows, rounds=rounds[inside]))
    return found


def order_without_leaks(
    workspace: Workspace,
    name: str,
    manifest: ShardsManifest,
    pool_rows: int,
    options: TrainCheckOptions,
    progress: Progress,
) -> Named:
    """The same order made with `--leakage exclude`.

    It is an ordinary order of the workspace, `NAME.no-leak`; a budget of rows is cut to what is
    left.

    Raises:
        OptionError: What is left does not meet its options.
    """
    given = arrange_options(manifest.config) | {
        "work": workspace.root,
        "orders": [manifest.order],
        "name": f"{name}.no-leak",
        "leakage": "exclude",
        "leak_ngrams": options.leak_ngrams,
        "shards": False,
        "overwrite": True,
    }
    wanted = ArrangeOptions.model_validate(given)
    try:
        left = pool_rows - len(leaking_rows(workspace, wanted, progress))
        budget = None if wanted.budget is None else parse_budget(wanted.budget)
        if budget is not None and budget.unit == "rows":
            # What was asked of the whole pool may be more than is left: then all of it stays.
            wanted = wanted.model_copy(update={"budget": str(min(budget.amount, left))})
        arrange_held(workspace, wanted, progress)
    except OptionError as error:
        raise OptionError(
            f"control no-leak of {name}: {error} (leave the control out with --control null)"
        ) from error
    _, table = read_order(workspace, f"{name}.no-leak")
    return _named(name, table, manifest, None)


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
