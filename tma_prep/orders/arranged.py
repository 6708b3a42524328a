"""A finished order of a workspace, with the ranking and the embeddings that it was made from."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.artifact import ARRANGE_AGAIN, MANIFEST, Artifact, read_manifest, sha256_of
from tma_prep.embeddings import Sides, Tasks, made_from, tasks_of
from tma_prep.errors import ArtifactError
from tma_prep.option_types import wrong_record
from tma_prep.options import ArrangeOptions
from tma_prep.tables import read_table
from tma_prep.workspace import Workspace
from tma_prep_schemas import (
    ORDER,
    POSITION,
    RANKING,
    ROUND,
    ROW,
    OrderManifest,
    RankingManifest,
    ShardsManifest,
)
from tma_prep_schemas.manifests import Option

_AGAIN = "run the same arrange again"

_READ_OPTIONS = ("ranking", "granularity", "order", *ArrangeOptions.names_of("order"))
"""What is read of the options that an order records."""


@dataclass(frozen=True)
class Ranked:
    """A ranking by the place of each stored row.

    Attributes:
        manifest: Of the ranking.
        rounds: int32, from 1, 0 for a row that was not ranked; None for a ranking without rounds.
        distance: float64, NaN for a row that was not ranked; None for a ranking by rounds.
        similarity: float64, to the nearest test; NaN likewise.
        test_rows: int64, `tma_row` of that test; -1 likewise.
        units: int64, the task or k-means cell that was ranked in place of the row; -1 likewise;
            None where rows were ranked.
    """

    manifest: RankingManifest
    rounds: NDArray[np.int32] | None
    distance: NDArray[np.float64] | None
    similarity: NDArray[np.float64]
    test_rows: NDArray[np.int64]
    units: NDArray[np.int64] | None

    @property
    def was_ranked(self) -> NDArray[np.bool_]:
        """Mask of the rows that were."""
        mask: NDArray[np.bool_] = self.test_rows >= 0
        return mask


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
    rows: NDArray[np.int64]
    order_rounds: NDArray[np.int32] | None
    ranked: Ranked

    @functools.cached_property
    def positions(self) -> NDArray[np.int64]:
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
    def test_places(self) -> NDArray[np.int64]:
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


def order_names(workspace: Workspace) -> list[str]:
    """Names of the finished orders, sorted."""
    found = (workspace.root / "orders").glob(f"*/{MANIFEST}")
    return sorted(path.parent.name for path in found if path.parent.name[:1] != ".")


def chosen_order(workspace: Workspace, name: str | None) -> str:
    """The order asked for; where none is, the only one, or `nft` among several.

    Raises:
        ArtifactError: There is none, or none of that name.
    """
    present = order_names(workspace)
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
    """An order as it was written, every byte checked.

    Args:
        workspace: Where it lies.
        name: Of the order.
        columns: Which of `ORDER` to read, all if none is named.

    Raises:
        ArtifactError: It is not there, or damaged.
    """
    path = workspace.order(name)
    artifact = Artifact(path.parent, OrderManifest, ARRANGE_AGAIN)
    manifest = artifact.open(f"{path}: is not finished; {_AGAIN}")
    return manifest, read_table(path, ORDER, *columns, remedy=ARRANGE_AGAIN, rows=manifest.rows)


def open_order(workspace: Workspace, sides: Sides, name: str) -> Arranged:
    """An order that is there.

    Raises:
        ArtifactError: It is damaged, was made from other embeddings, or its ranking is gone.
    """
    path = workspace.order(name)
    manifest, table = read_order(workspace, name)
    if not made_from(manifest.inputs, sides):
        raise ArtifactError(
            f"{path}: was arranged from other embeddings than the workspace holds now; {_AGAIN}"
        )
    wrong = wrong_record(ArrangeOptions, manifest.config, _READ_OPTIONS)
    if wrong is not None:
        raise ArtifactError(
            f"{workspace.order_manifest(name)}: is damaged or of another version ({wrong}); "
            f"{ARRANGE_AGAIN}"
        )
    places, known = _places(sides.train.rows, table.column(ROW).to_numpy())
    if not known or not (table.column(POSITION).to_numpy() == np.arange(len(places))).all():
        raise ArtifactError(f"{path}: is no order of these rows; {ARRANGE_AGAIN}")
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


def _ranking_of(workspace: Workspace, sides: Sides, order: OrderManifest) -> Ranked:
    """The ranking that an order was made from."""
    for name, sha256 in order.inputs.items():
        folder = workspace.root / name
        artifact = Artifact(folder, RankingManifest, ARRANGE_AGAIN)
        if not name.startswith("rankings/") or not artifact.path.is_file():
            continue
        if artifact.sha256 != sha256:
            raise ArtifactError(f"{folder}: has been made anew since this order was; {_AGAIN}")
        manifest = artifact.open(f"{folder}: is not finished; {_AGAIN}")
        return _read_ranking(folder / manifest.files[0].file, manifest, sides)
    raise ArtifactError(
        f"{workspace.root / 'rankings'}: the ranking that this order was made from is not there "
        f"any more; {_AGAIN}"
    )


def check_shards_current(workspace: Workspace, name: str, manifest: ShardsManifest) -> None:
    """Refuse shards whose order, or the embeddings under it, have been replaced since.

    Where the workspace does not hold these any more, there is nothing to compare with.

    Raises:
        ArtifactError: With the command that makes them again.
    """
    path = workspace.order_manifest(name)
    order = read_manifest(path, OrderManifest)
    if order is None:
        return
    if sha256_of(path) != manifest.inputs.get(f"orders/{name}"):
        raise ArtifactError(
            f"{workspace.shards(name)}: was made from another order {name} than the workspace "
            f"holds now; {ARRANGE_AGAIN}"
        )
    for side in ("train", "test"):
        embedded = workspace.embeddings(side) / MANIFEST
        if embedded.is_file() and sha256_of(embedded) != order.inputs.get(f"embeddings/{side}"):
            raise ArtifactError(
                f"{workspace.shards(name)}: was arranged from other {side} embeddings than the "
                f"workspace holds now; {ARRANGE_AGAIN}"
            )


def _read_ranking(path: Path, manifest: RankingManifest, sides: Sides) -> Ranked:
    table = read_table(path, RANKING, remedy=ARRANGE_AGAIN)
    places, known = _places(sides.train.rows, table.column(ROW).to_numpy())
    if not known:
        raise ArtifactError(f"{path}: ranks rows that are not there; {ARRANGE_AGAIN}")
    has_rounds = manifest.facts.rounds is not None

    def column(name: str, fill: float, kind: str) -> NDArray[np.generic]:
        values = np.full(sides.train.shape[0], fill, dtype=kind)
        values[places] = table.column(name).to_numpy()
        return values

    return Ranked(
        manifest=manifest,
        rounds=column("round", 0, "int32").astype(np.int32) if has_rounds else None,
        distance=None if has_rounds else column("distance", np.nan, "float64").astype(np.float64),
        similarity=column("similarity", np.nan, "float64").astype(np.float64),
        test_rows=column("test_row", -1, "int64").astype(np.int64),
        units=None
        if table.column("unit").null_count
        else column("unit", -1, "int64").astype(np.int64),
    )


def _places(stored: NDArray[np.int64], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], bool]:
    """Places of row numbers among the stored ones, and whether each is there once at most."""
    places = np.searchsorted(stored, rows)
    inside = places < len(stored)
    known = bool(inside.all()) and bool((stored[places] == rows).all())
    return places, known and len(np.unique(places)) == len(places)
