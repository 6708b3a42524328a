"""From both embedding stores to a finished ranking, made once and kept."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.artifact import ARRANGE_AGAIN, Artifact, made
from tma_prep.embeddings import Sides, on_grid, tasks_of
from tma_prep.options import ArrangeOptions
from tma_prep.progress import Progress
from tma_prep.rankings.engine import Engine, Ranking, rank_with
from tma_prep.rankings.facts import facts_of
from tma_prep.rankings.product import SliceMap
from tma_prep.rankings.targets import draw_targets
from tma_prep.rankings.units import kmeans_cells, unit_means
from tma_prep.rankings.vectors import ArrayVectors, VectorRows
from tma_prep.tables import Floats, Ints, Mask, read_table, write_table
from tma_prep.workspace import Workspace
from tma_prep_schemas import NEIGHBORS, RANKING, ROW, NeighborsManifest, RankingManifest
from tma_prep_schemas.manifests import Option

LIBRARIES = ("numpy", "pyarrow", "faiss-cpu", "faiss-gpu", "POT")
RANKS = 256
"""Nearest rows of each test that the graph keeps."""


@dataclass(frozen=True)
class RankedPool:
    """A finished ranking; arrays have one entry a row that was ranked, in store order.

    Attributes:
        table: Schema `RANKING`.
        made: False where it was found on disk.
    """

    artifact: Artifact[RankingManifest]
    manifest: RankingManifest
    table: pa.Table
    made: bool = False

    @property
    def inputs(self) -> dict[str, str]:
        """What an order made from it records of it."""
        return {f"rankings/{self.artifact.folder.name}": self.artifact.sha256}

    @property
    def rows(self) -> Ints:
        """`tma_row`."""
        return self._column(ROW)

    @property
    def rounds(self) -> NDArray[np.int32] | None:
        """Round, from 1, under `tma`; None under the others."""
        return None if self.manifest.facts.rounds is None else self._column("round")

    @property
    def distance(self) -> Floats | None:
        """Smaller is nearer; None under `tma`."""
        return self._column("distance") if self.manifest.facts.rounds is None else None

    @property
    def similarity(self) -> Floats:
        """Exact, to the nearest test row."""
        return self._column("similarity")

    @property
    def tests(self) -> Ints:
        """`tma_row` of that test row."""
        return self._column("test_row")

    @property
    def units(self) -> Ints | None:
        """The task or k-means cell that was ranked in place of the row; None for rows."""
        return None if self.table.column("unit").null_count else self._column("unit")

    def _column(self, name: str) -> NDArray[Any]:
        column: NDArray[Any] = self.table.column(name).to_numpy()
        return column


@dataclass(frozen=True)
class Units:
    """What is ranked in place of rows.

    Attributes:
        engine: Searches among units.
        of_row: int64, the unit of each row.
        count: How many there are.
    """

    engine: Engine
    of_row: Ints
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
        means = ArrayVectors(on_grid(unit_means(train, of_row, names)))
        return Units(self._engine_of(means, self.test_places), of_row, len(names))

    @functools.cached_property
    def neighbors(self) -> tuple[Ints, Floats]:
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
        similarity, nearest_test = self.engine.nearest_tests()
        return dataclasses.replace(
            of_unit,
            rounds=None if of_unit.rounds is None else of_unit.rounds[of_row],
            distance=None if of_unit.distance is None else of_unit.distance[of_row],
            similarity=similarity,
            nearest_test=nearest_test,
        )

    def farthest_rounds(self, remaining: Mask, enough: Callable[[Ints], bool]) -> NDArray[np.int32]:
        """Farthest-pick rounds over the rows that remain; see `Engine.farthest_rounds`."""
        if self.units is None:
            return self.engine.farthest_rounds(remaining, enough)
        units = np.zeros(self.units.count, dtype=np.bool_)
        units[self.units.of_row[remaining]] = True
        rounds = self.units.engine.farthest_rounds(units)[self.units.of_row]
        return np.where(remaining, rounds, 0).astype(np.int32)

    def _engine_of(self, vectors: VectorRows, test_places: Ints) -> Engine:
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
    config: dict[str, Option] = {"ranks": RANKS}
    if workspace.neighbors.reused(config, sides.inputs, overwrite=overwrite) is not None:
        return
    nearest, similarities = ranker.neighbors
    tests, ranks = nearest.shape
    columns = [
        np.repeat(sides.test.rows, ranks),
        np.tile(np.arange(ranks, dtype=np.int32), tests),
        sides.train.rows[nearest.ravel()],
        similarities.ravel().astype(np.float32),
    ]
    with workspace.neighbors.making() as making:
        entry = write_table(
            making.folder / "part-00000.parquet", pa.table(columns, schema=NEIGHBORS)
        )
        making.finish(
            NeighborsManifest(
                **made(config, sides.inputs, LIBRARIES),
                rows=entry.rows,
                files=[entry],
                test_rows=tests,
                train_rows=sides.train.shape[0],
            )
        )


def load_or_rank(
    workspace: Workspace, sides: Sides, ranker: Ranker, *, overwrite: bool
) -> RankedPool:
    """The ranking: from disk where it is finished, else made and written.

    Raises:
        ArtifactError: A damaged one is there, and `overwrite` is off.
    """
    artifact = workspace.ranking(ranker.name)
    manifest = artifact.reused(ranker.config, sides.inputs, overwrite=overwrite)
    if manifest is not None:
        return read_ranking(artifact, manifest)
    found, units = ranker.rank(), ranker.units
    count = sides.train.shape[0]
    columns: list[object] = [
        sides.train.rows,
        pa.nulls(count, pa.int32()) if found.rounds is None else found.rounds,
        pa.nulls(count, pa.float64()) if found.distance is None else found.distance,
        found.similarity,
        sides.test.rows[ranker.test_places][found.nearest_test],
        pa.nulls(count, pa.int32()) if units is None else pa.array(units.of_row, pa.int32()),
    ]
    table = pa.table(columns, schema=RANKING)
    ranked = found.rounds
    if ranked is not None and units is not None:
        _, first = np.unique(units.of_row, return_index=True)
        ranked = ranked[first]
    facts = facts_of(
        found,
        *ranker.neighbors,
        sides,
        ranker.test_places,
        ranked=ranked,
        units=None if units is None else units.count,
    )
    with artifact.making() as making:
        entry = write_table(making.folder / "ranking.parquet", table)
        manifest = making.finish(
            RankingManifest(
                **made(ranker.config, sides.inputs, LIBRARIES),
                rows=count,
                files=[entry],
                ranking=found.ranking,
                facts=facts,
            )
        )
    return RankedPool(artifact, manifest, table, made=True)


def read_ranking(artifact: Artifact[RankingManifest], manifest: RankingManifest) -> RankedPool:
    """A ranking whose manifest was read.

    Raises:
        ArtifactError: Its table is damaged.
    """
    path = artifact.folder / manifest.files[0].file
    table = read_table(path, RANKING, remedy=ARRANGE_AGAIN, rows=manifest.rows)
    return RankedPool(artifact, manifest, table)
