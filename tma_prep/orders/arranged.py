"""A finished order of a workspace, with the ranking and the embeddings that it was made from."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError

from tma_prep.artifact import ARRANGE_AGAIN
from tma_prep.embeddings import Sides, StoreSubset, Tasks, tasks_of
from tma_prep.errors import ArtifactError
from tma_prep.option_types import wrong_record
from tma_prep.options import ArrangeOptions
from tma_prep.orders.selected import SelectedRows, arrange_options
from tma_prep.orders.selection import Enough
from tma_prep.progress import Silent
from tma_prep.rankings import RankedPool, read_ranking
from tma_prep.tables import UNREADABLE, Floats, Ints, Mask, read_table, reason_of
from tma_prep.workspace import Workspace
from tma_prep_schemas import (
    ORDER,
    POSITION,
    ROUND,
    ROW,
    OrderManifest,
    RankingManifest,
)
from tma_prep_schemas.manifests import Option

_AGAIN = "run the same arrange again"

_READ_OPTIONS = ("ranking", "granularity", "order", *ArrangeOptions.names_of("order"))
"""What is read of the options that an order records."""

_Number = TypeVar("_Number", np.int32, np.int64, np.float64)


@dataclass(frozen=True)
class StoredRanking:
    """A ranking by the place of each stored row.

    Attributes:
        pool: The same by the rows that were ranked.
        was_ranked: Mask of these.
        rounds: int32, from 1, 0 for a row that was not ranked; None for a ranking without rounds.
        distance: float64, NaN for a row that was not ranked; None for a ranking by rounds.
        similarity: float64, to the nearest test; NaN likewise.
        units: int64, the task or k-means cell that was ranked in place of the row; -1 likewise;
            None where rows were ranked.
    """

    pool: RankedPool
    was_ranked: Mask
    rounds: NDArray[np.int32] | None
    distance: Floats | None
    similarity: Floats
    units: Ints | None

    @property
    def manifest(self) -> RankingManifest:
        """Of the ranking."""
        return self.pool.manifest


@dataclass(frozen=True)
class Arranged:
    """One order.

    Attributes:
        name: Of the order.
        manifest: Of the order.
        rows: int64, place in the training store of the row at each position.
        order_rounds: int32, round of the row at each position; None where there are none.
        ranked: The ranking that it was made from.
    """

    workspace: Workspace
    sides: Sides
    name: str
    manifest: OrderManifest
    rows: Ints
    order_rounds: NDArray[np.int32] | None
    ranked: StoredRanking

    @functools.cached_property
    def positions(self) -> Ints:
        """Position of each stored row, -1 for one that the order leaves out."""
        positions = np.full(self.sides.train.shape[0], -1, dtype=np.int64)
        positions[self.rows] = np.arange(len(self.rows))
        return positions

    @functools.cached_property
    def rounds(self) -> NDArray[np.int32] | None:
        """Round of each stored row: as the order has it, else as the ranking has it; 0 for none."""
        if self.order_rounds is None or self.ranked.rounds is None:
            return None
        rounds = self.ranked.rounds.copy()
        rounds[self.rows] = self.order_rounds
        return rounds

    @functools.cached_property
    def train_instances(self) -> pa.Table:
        """`id` and `task` of every stored training row."""
        return self.sides.train.instances("id", "task")

    @functools.cached_property
    def test_instances(self) -> pa.Table:
        """`id` and `task` of every stored test row."""
        return self.sides.test.instances("id", "task")

    @functools.cached_property
    def tasks(self) -> Tasks | None:
        """Tasks of the training rows, None where no row names one."""
        column = self.train_instances.column("task")
        return None if column.null_count == len(column) else tasks_of(self.sides.train, "")

    @functools.cached_property
    def test_places(self) -> Ints:
        """Places in the test store of the tests that the ranking used.

        Raises:
            ArtifactError: The ranking names a test that is not there.
        """
        names = self.ranked.manifest.facts.coverage_by_test
        places = {str(row): place for place, row in enumerate(self.sides.test.rows.tolist())}
        unknown = [name for name in names if name not in places]
        if unknown or not names:
            raise ArtifactError(
                f"{self.workspace.root / 'rankings'}: the ranking of {self.name} names tests that "
                f"are not there; {ARRANGE_AGAIN}"
            )
        return np.sort([places[name] for name in names])


def chosen_order(workspace: Workspace, name: str | None) -> str:
    """The order asked for; where none is, the only one, or `nft` among several.

    Raises:
        ArtifactError: There is none, or none of that name.
    """
    present = workspace.names("orders")
    if name is None:
        name = present[0] if len(present) == 1 else "nft"
    if name in present:
        return name
    if not present:
        raise ArtifactError(f"{workspace.root}: holds no order; run tma-prep arrange first")
    raise ArtifactError(
        f"{workspace.root}: no order named {name}; it holds {', '.join(present)}: "
        "name one with --name"
    )


def read_order(workspace: Workspace, name: str, *columns: str) -> tuple[OrderManifest, pa.Table]:
    """An order as it was written, every byte checked; all columns of `ORDER` if none is named.

    Raises:
        ArtifactError: It is not there, or damaged.
    """
    artifact = workspace.order(name)
    manifest = artifact.open()
    path = artifact.folder / manifest.files[0].file
    return manifest, read_table(path, ORDER, *columns, remedy=ARRANGE_AGAIN, rows=manifest.rows)


def open_order(workspace: Workspace, sides: Sides, name: str) -> Arranged:
    """An order that is there.

    Raises:
        ArtifactError: It is damaged, was made from other embeddings, or its ranking is gone.
    """
    artifact = workspace.order(name)
    manifest, table = read_order(workspace, name)
    stale = artifact.stale(manifest)
    if stale is not None:
        raise ArtifactError(stale)
    wrong = wrong_record(ArrangeOptions, manifest.config, _READ_OPTIONS)
    if wrong is not None:
        raise ArtifactError(
            f"{artifact.path}: is damaged or of another version ({wrong}); {ARRANGE_AGAIN}"
        )
    places, known = _places(sides.train.rows, table.column(ROW).to_numpy())
    if not known or not (table.column(POSITION).to_numpy() == np.arange(len(places))).all():
        raise ArtifactError(f"{artifact.folder}: is no order of these rows; {ARRANGE_AGAIN}")
    rounds = table.column(ROUND)
    return Arranged(
        workspace=workspace,
        sides=sides,
        name=name,
        manifest=manifest,
        rows=places,
        order_rounds=None if rounds.null_count else rounds.to_numpy(),
        ranked=_ranking_of(workspace, sides, manifest),
    )


def limits_of(config: Mapping[str, Option]) -> str:
    """The options that decide which rows stay, as they would be typed; empty where all do."""
    wanted = {"select": "nearest", "budget": None, "rounds": None, "per_task": None}
    given = {name: config[name] for name, default in wanted.items() if config[name] != default}
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in given.items())


def _ranking_of(workspace: Workspace, sides: Sides, order: OrderManifest) -> StoredRanking:
    """The ranking that an order was made from."""
    for name, sha256 in order.inputs.items():
        artifact = workspace.ranking(name.removeprefix("rankings/"))
        if not name.startswith("rankings/") or not artifact.path.is_file():
            continue
        if artifact.sha256 != sha256:
            raise ArtifactError(
                f"{artifact.folder}: has been made anew since this order was; {_AGAIN}"
            )
        return _by_place(read_ranking(artifact, artifact.open()), sides)
    raise ArtifactError(
        f"{workspace.root / 'rankings'}: the ranking that this order was made from is not there "
        f"any more; {_AGAIN}"
    )


def _by_place(pool: RankedPool, sides: Sides) -> StoredRanking:
    places, known = _places(sides.train.rows, pool.rows)
    if not known:
        raise ArtifactError(
            f"{pool.artifact.folder}: ranks rows that are not there; {ARRANGE_AGAIN}"
        )

    def spread(values: NDArray[_Number], fill: float) -> NDArray[_Number]:
        spread = np.full(sides.train.shape[0], fill, dtype=values.dtype)
        spread[places] = values
        return spread

    return StoredRanking(
        pool=pool,
        was_ranked=spread(np.ones(len(places), np.int32), 0) > 0,
        rounds=None if pool.rounds is None else spread(pool.rounds, 0),
        distance=None if pool.distance is None else spread(pool.distance, np.nan),
        similarity=spread(pool.similarity, np.nan),
        units=None if pool.units is None else spread(pool.units, -1),
    )


def _places(stored: Ints, rows: Ints) -> tuple[Ints, bool]:
    """Places of row numbers among the stored ones, and whether each is there once at most."""
    places = np.searchsorted(stored, rows)
    inside = places < len(stored)
    known = bool(inside.all()) and bool((stored[places] == rows).all())
    return places, known and len(np.unique(places)) == len(places)


def recomputed_order(arranged: Arranged) -> pa.Table | str:
    """What the options of an order make of its ranking; nothing is searched.

    Farthest-pick rounds, which only a search finds, are taken from the order: what follows from
    them is proven, and not they.

    Returns:
        An `ORDER` table; or why there is none.

    Raises:
        TmaPrepError: The options do not fit the ranking, or one of them is damaged.
    """
    manifest = arranged.manifest
    if manifest.config.get("budget_tokenizer") is not None:
        return "tokens that --tokenizer counts are not counted again"
    recorded = arrange_options(manifest.config) | {
        "work": str(arranged.workspace.root),
        "orders": [manifest.order],
        "tokenizer": None,
    }
    try:
        return _recomputed(arranged, ArrangeOptions.model_validate(recorded))
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
    except (*UNREADABLE, IndexError) as error:
        reason = reason_of(error)
    raise ArtifactError(
        f"{arranged.workspace.order(arranged.name).folder}: cannot be made of its ranking "
        f"({reason}); {ARRANGE_AGAIN}"
    )


def _recomputed(arranged: Arranged, options: ArrangeOptions) -> pa.Table:
    was_ranked = arranged.ranked.was_ranked
    if options.leakage != "exclude" and not was_ranked.all():
        raise ValueError("it lacks rows that are embedded")
    farthest = np.zeros(len(was_ranked), dtype=np.int32)
    if arranged.order_rounds is not None:
        farthest[arranged.rows] = np.maximum(-arranged.order_rounds, 0)
    farthest = farthest[was_ranked]

    def farthest_rounds(remaining: Mask, _: Enough) -> NDArray[np.int32]:
        return np.where(remaining, farthest, 0).astype(np.int32)

    sides = replace(arranged.sides, train=StoreSubset(arranged.sides.train, was_ranked))
    selected = SelectedRows(sides, farthest_rounds, arranged.ranked.pool, options, Silent())
    return selected.table(arranged.manifest.order)
