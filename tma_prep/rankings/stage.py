"""From both embedding stores to a finished ranking, made once and kept."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tma_prep.artifact import (
    ARRANGE_AGAIN,
    AnyManifest,
    Artifact,
    file_entry,
    library_versions,
    sync,
    tool_version,
)
from tma_prep.embeddings import Sides, on_grid, tasks_of
from tma_prep.options import ArrangeOptions
from tma_prep.progress import Progress
from tma_prep.rankings.cells import kmeans_cells
from tma_prep.rankings.engine import Engine, Ranking, rank_with
from tma_prep.rankings.facts import facts_of
from tma_prep.rankings.product import SliceMap
from tma_prep.rankings.targets import draw_targets
from tma_prep.rankings.units import unit_means
from tma_prep.rankings.vectors import ArrayVectors, VectorRows
from tma_prep.tables import read_table
from tma_prep.workspace import Workspace
from tma_prep_schemas import NEIGHBORS, RANKING, FileEntry, NeighborsManifest, RankingManifest
from tma_prep_schemas.manifests import Option

LIBRARIES = ("numpy", "pyarrow", "faiss-cpu", "faiss-gpu", "POT")
RANKS = 256
"""Nearest rows of each test that the graph keeps."""

_NEIGHBORS_CONFIG: dict[str, Option] = {"ranks": RANKS}


@dataclass(frozen=True)
class RankedPool:
    """A finished ranking; arrays have one entry a training row, in store order.

    Attributes:
        rounds: int32, from 1, under `tma`; None under the others.
        distance: float64, smaller is nearer; None under `tma`.
        similarity: float64, exact, to the nearest test row.
        tests: int64, `tma_row` of that test row.
        made: False where it was found on disk.
        name: `rankings/NAME`.
        sha256: Of its manifest.
    """

    manifest: RankingManifest
    rounds: NDArray[np.int32] | None
    distance: NDArray[np.float64] | None
    similarity: NDArray[np.float64]
    tests: NDArray[np.int64]
    made: bool
    name: str
    sha256: str


@dataclass(frozen=True)
class Units:
    """What is ranked in place of rows.

    Attributes:
        engine: Searches among units.
        of_row: int64, the unit of each row.
        count: How many there are.
    """

    engine: Engine
    of_row: NDArray[np.int64]
    count: int


class Ranker:
    """Makes what the options ask for; nothing is searched before it is needed."""

    def __init__(
        self,
        sides: Sides,
        options: ArrangeOptions,
        progress: Progress,
        elsewhere: SliceMap | None = None,
    ) -> None:
        """Take both stores and the options, and where the pool is scanned if not here.

        Raises:
            OptionError: See `draw_targets`.
        """
        self._sides = sides
        self._options = options
        self._progress = progress
        self._elsewhere = elsewhere
        self.targets = draw_targets(sides.test, options)
        self.test_places = self.targets.used

    @property
    def config(self) -> dict[str, Option]:
        """The options that bear on the ranking."""
        options = self._options
        halved = options.target_fraction is not None
        seeded = halved or options.tests_per_task is not None or options.kmeans_cells is not None
        config: dict[str, Option] = {
            "ranking": options.ranking,
            "granularity": options.granularity,
            "tests_per_task": options.tests_per_task,
            "target_fraction": options.target_fraction,
            "by_task": options.by_task if halved else None,
            "seed": options.seed if seeded else None,
        }
        if options.leakage != "exclude":
            return config
        return config | {
            "leakage": "exclude",
            "leak_ngrams": options.leak_ngrams,
            "leak_similarity": options.leak_similarity,
        }

    @property
    def name(self) -> str:
        """Folder of the ranking: its name, and what is not the default."""
        options = self._options
        granularity, capped = options.granularity, options.tests_per_task
        parts = [options.ranking]
        parts += [] if granularity == "instance" else [granularity.replace(":", "-")]
        parts += [] if capped is None else [f"tests-{capped}"]
        if options.target_fraction is not None:
            by_task = "-by-task" if options.by_task else ""
            parts.append(f"targets-{options.target_fraction}{by_task}-seed-{options.seed}")
        if options.leakage == "exclude":
            parts.append(f"without-leaks-{options.leak_ngrams}-{options.leak_similarity}")
        return ".".join(parts)

    @functools.cached_property
    def engine(self) -> Engine:
        """Searches among rows."""
        return self._engine_of(self._sides.train, self.test_places)

    @functools.cached_property
    def whole_engine(self) -> Engine:
        """The same for all tests, those included that `tests_per_task` leaves out."""
        tests = np.arange(self._sides.test.shape[0])
        whole = np.array_equal(self.test_places, tests)
        return self.engine if whole else self._engine_of(self._sides.train, tests)

    @functools.cached_property
    def units(self) -> Units | None:
        """Tasks or k-means cells, None where rows themselves are ranked."""
        train, cells = self._sides.train, self._options.kmeans_cells
        if self._options.granularity == "instance":
            return None
        if cells is None:
            tasks = tasks_of(train, "--granularity task")
            names, of_row = tasks.names, tasks.of_row
        else:
            with self._progress.stage("Clustering by k-means", 0, ""):
                of_row = kmeans_cells(train, cells, self._options.seed)
            names = [f"cell {cell}" for cell in range(int(of_row.max()) + 1)]
        means = ArrayVectors(on_grid(unit_means(train.slices(), of_row, names)))
        return Units(self._engine_of(means, self.test_places), of_row, len(names))

    @functools.cached_property
    def neighbors(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Nearest rows of each test used and their similarities, shapes (tests, ranks)."""
        nearest, similarities = self.engine.neighbors(min(RANKS, self.engine.train.shape[0]))
        groups = self.engine.groups.group_of_test
        return nearest[groups], similarities[groups]

    def rank(self) -> Ranking:
        """The ranking, one entry a row; rows take the place of their unit."""
        if self.units is None:
            return rank_with(self._options.ranking, self.engine)
        of_unit = rank_with(self._options.ranking, self.units.engine)
        of_row = self.units.of_row
        _, nearest = self.engine.first_search()
        return dataclasses.replace(
            of_unit,
            rounds=None if of_unit.rounds is None else of_unit.rounds[of_row],
            distance=None if of_unit.distance is None else of_unit.distance[of_row],
            similarity=nearest.similarities,
            nearest_test=self.engine.groups.first[nearest.tests],
        )

    def farthest_rounds(
        self, remaining: NDArray[np.bool_], enough: Callable[[NDArray[np.int64]], bool]
    ) -> NDArray[np.int32]:
        """Farthest-pick rounds over the rows that remain; see `Engine.farthest_rounds`."""
        if self.units is None:
            return self.engine.farthest_rounds(remaining, enough)
        units = np.zeros(self.units.count, dtype=np.bool_)
        units[self.units.of_row[remaining]] = True
        rounds = self.units.engine.farthest_rounds(units)[self.units.of_row]
        return np.where(remaining, rounds, 0).astype(np.int32)

    def _engine_of(self, vectors: VectorRows, test_places: NDArray[np.int64]) -> Engine:
        return Engine(
            vectors,
            self._sides.test.take(test_places),
            device=self._options.device,
            memory_bytes=self._options.memory_bytes,
            progress=self._progress,
            elsewhere=self._elsewhere,
        )


def keep_neighbors(workspace: Workspace, sides: Sides, ranker: Ranker, *, overwrite: bool) -> None:
    """Write the test → train graph of the whole pool, unless it is there.

    Raises:
        ArtifactError: A damaged one is there, and `overwrite` is off.
    """
    artifact = Artifact(workspace.neighbors, NeighborsManifest, ARRANGE_AGAIN)
    if artifact.reused(_NEIGHBORS_CONFIG, sides.inputs, overwrite=overwrite) is None:
        _write_neighbors(artifact, sides, *ranker.neighbors)


def load_or_rank(
    workspace: Workspace, sides: Sides, ranker: Ranker, *, overwrite: bool
) -> RankedPool:
    """The ranking: from disk where it is finished, else made and written.

    Raises:
        ArtifactError: A damaged one is there, and `overwrite` is off.
    """
    artifact = Artifact(workspace.ranking(ranker.name), RankingManifest, ARRANGE_AGAIN)
    manifest = artifact.reused(ranker.config, sides.inputs, overwrite=overwrite)
    if manifest is None:
        return _rank(artifact, sides, ranker)
    table = read_table(
        workspace.ranking(ranker.name) / manifest.files[0].file,
        RANKING,
        remedy=ARRANGE_AGAIN,
        rows=manifest.rows,
    )
    has_rounds = manifest.facts.rounds is not None
    return RankedPool(
        manifest,
        rounds=table.column("round").to_numpy() if has_rounds else None,
        distance=None if has_rounds else table.column("distance").to_numpy(),
        similarity=table.column("similarity").to_numpy(),
        tests=table.column("test_row").to_numpy(),
        made=False,
        name=f"rankings/{ranker.name}",
        sha256=artifact.sha256,
    )


def _rank(artifact: Artifact[RankingManifest], sides: Sides, ranker: Ranker) -> RankedPool:
    found = ranker.rank()
    test_rows = sides.test.rows[ranker.test_places]
    units = ranker.units
    facts = facts_of(
        found,
        *ranker.neighbors,
        sides,
        ranker.test_places,
        ranked=_round_of_each(found, units),
        units=None if units is None else units.count,
    )
    count = sides.train.shape[0]
    tests = test_rows[found.nearest_test]
    columns: list[object] = [
        sides.train.rows,
        pa.nulls(count, pa.int32()) if found.rounds is None else found.rounds,
        pa.nulls(count, pa.float64()) if found.distance is None else found.distance,
        found.similarity,
        tests,
        pa.nulls(count, pa.int32()) if units is None else pa.array(units.of_row, pa.int32()),
    ]
    manifest = _write_table(
        artifact,
        "ranking.parquet",
        pa.table(columns, schema=RANKING),
        lambda entry: RankingManifest(
            **_manifest_head(sides, ranker.config),
            rows=count,
            files=[entry],
            ranking=found.ranking,
            facts=facts,
        ),
    )
    return RankedPool(
        manifest,
        found.rounds,
        found.distance,
        found.similarity,
        tests,
        made=True,
        name=f"rankings/{ranker.name}",
        sha256=artifact.sha256,
    )


def _round_of_each(found: Ranking, units: Units | None) -> NDArray[np.int32] | None:
    """Round of each row, or of each unit where those were ranked."""
    if found.rounds is None or units is None:
        return found.rounds
    rounds = np.empty(units.count, dtype=np.int32)
    rounds[units.of_row] = found.rounds
    return rounds


def _write_neighbors(
    artifact: Artifact[NeighborsManifest],
    sides: Sides,
    nearest: NDArray[np.int64],
    similarities: NDArray[np.float64],
) -> None:
    """Write the test → train graph; arrays of shape (test rows, ranks)."""
    tests, ranks = nearest.shape
    table = pa.table(
        [
            np.repeat(sides.test.rows, ranks),
            np.tile(np.arange(ranks, dtype=np.int32), tests),
            sides.train.rows[nearest.ravel()],
            similarities.ravel().astype(np.float32),
        ],
        schema=NEIGHBORS,
    )
    _write_table(
        artifact,
        "part-00000.parquet",
        table,
        lambda entry: NeighborsManifest(
            **_manifest_head(sides, _NEIGHBORS_CONFIG),
            rows=table.num_rows,
            files=[entry],
            test_rows=tests,
            train_rows=sides.train.shape[0],
        ),
    )


class _Head(TypedDict):
    tool_version: str
    libraries: dict[str, str]
    config: dict[str, Option]
    inputs: dict[str, str]


def _manifest_head(sides: Sides, config: Mapping[str, Option]) -> _Head:
    return {
        "tool_version": tool_version(),
        "libraries": library_versions(*LIBRARIES),
        "config": dict(config),
        "inputs": sides.inputs,
    }


def _write_table(
    artifact: Artifact[AnyManifest],
    name: str,
    table: pa.Table,
    manifest_of: Callable[[FileEntry], AnyManifest],
) -> AnyManifest:
    """Write one table and its manifest as a finished artifact."""
    with artifact.making() as making:
        path = making.folder / name
        pq.write_table(table, path, compression="zstd")
        sync(path)
        return making.finish(manifest_of(file_entry(path, table.num_rows)))
