"""From both embedding stores to a finished ranking, made once and kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tma_prep.arrangement import tma_rounds
from tma_prep.arrays import ranges
from tma_prep.artifacts import (
    MANIFEST,
    AnyManifest,
    Workspace,
    check_files,
    file_entry,
    find_finished,
    read_manifest,
    sha256_of,
    staged_folder,
    sync,
    write_manifest,
)
from tma_prep.embedding.store import EmbeddingStore
from tma_prep.errors import ArtifactError
from tma_prep.memory import default_budget
from tma_prep.neighbors import (
    DistinctTests,
    NeighborLists,
    both_ways,
    certified_neighbors,
    distinct_tests,
    exact_similarities,
    nearest_tests,
    open_searcher,
)
from tma_prep.pipeline.libraries import library_versions, tool_version
from tma_prep.progress import Progress
from tma_prep_schemas import (
    NEIGHBORS,
    RANKING,
    EmbeddingsManifest,
    NeighborsManifest,
    RankingManifest,
)
from tma_prep_schemas.manifests import Option

LIBRARIES = ("numpy", "pyarrow", "faiss-cpu", "faiss-gpu")

_CONFIG = {"ranking": "tma"}
_RANKS_KEPT = 256  # of each test in the graph; the lists that make the rounds are longer


@dataclass(frozen=True)
class Sides:
    """Both stores.

    Attributes:
        inputs: SHA-256 of their manifests, by artifact.
    """

    train: EmbeddingStore
    test: EmbeddingStore
    inputs: dict[str, str]


@dataclass(frozen=True)
class Ranking:
    """A finished ranking; arrays have one entry a training row, in store order.

    Attributes:
        round_of_row: int32, from 1.
        similarities: float64, exact, to the nearest test row.
        tests: int64, `tma_row` of that test row.
        made: False where it was found on disk.
    """

    manifest: RankingManifest
    round_of_row: NDArray[np.int32]
    similarities: NDArray[np.float64]
    tests: NDArray[np.int64]
    made: bool


def open_sides(workspace: Workspace) -> Sides:
    """Map both stores and check every byte against their manifests.

    Raises:
        ArtifactError: One is missing, unfinished or damaged.
    """
    stores = {}
    inputs = {}
    for side in ("train", "test"):
        folder = workspace.embeddings(side)
        manifest = read_manifest(folder / MANIFEST, EmbeddingsManifest)
        if manifest is None:
            raise ArtifactError(
                f"{folder}: holds no finished embeddings; run tma-prep embed to its end first"
            )
        check_files(folder, manifest, "its embeddings are damaged: run embed with --overwrite")
        stores[side] = EmbeddingStore(folder, manifest)
        inputs[f"embeddings/{side}"] = sha256_of(folder / MANIFEST)
    if stores["train"].shape[1] != stores["test"].shape[1]:
        raise ArtifactError(
            f"{workspace.root}: train and test embeddings differ in length; "
            "run embed with --overwrite"
        )
    return Sides(stores["train"], stores["test"], inputs)


def load_or_rank(
    workspace: Workspace, sides: Sides, *, device: str, overwrite: bool, progress: Progress
) -> Ranking:
    """The ranking: from disk where it is finished, else made and written with its neighbours.

    Raises:
        ArtifactError: One is there that was made from other embeddings, and `overwrite` is off.
    """
    folder = workspace.ranking("tma")
    manifest = find_finished(
        folder / MANIFEST, RankingManifest, _CONFIG, sides.inputs, overwrite=overwrite
    )
    if manifest is None:
        return _rank(workspace, sides, device, overwrite, progress)
    table = pq.read_table(folder / manifest.files[0].file, schema=RANKING)
    return Ranking(
        manifest,
        table.column("round").to_numpy(),
        table.column("similarity").to_numpy(),
        table.column("test_row").to_numpy(),
        made=False,
    )


def _rank(
    workspace: Workspace, sides: Sides, device: str, overwrite: bool, progress: Progress
) -> Ranking:
    searcher = open_searcher(device)
    train_rows, dimension = sides.train.shape
    groups = distinct_tests(sides.test.array())
    tests = groups.vectors
    room = default_budget() // 8
    rows_per_block = max(1024, min(65_536, room // (4 * dimension)))
    k = max(64, min(5 * train_rows // len(tests), room // (64 * len(tests))))

    def search(queries: NDArray[np.int64], remaining: NDArray[np.bool_]) -> NeighborLists:
        return certified_neighbors(
            searcher, tests[queries], sides.train, remaining, k=k, rows_per_block=rows_per_block
        )

    with progress.stage("Searching neighbours", train_rows, "rows") as advance:
        if searcher.on_gpu:
            first = search(np.arange(len(tests)), np.ones(train_rows, np.bool_))
            nearest = nearest_tests(searcher, tests, sides.train, rows_per_block=rows_per_block)
        else:
            first, nearest = both_ways(tests, sides.train, k=k, on_rows=advance)
    with progress.stage("Assigning rounds", train_rows, "rows") as advance:
        rounds = tma_rounds(train_rows, len(tests), search, first=first, on_placed=advance)
    _write_neighbors(workspace, sides, first, groups, overwrite)
    nearest_rows = sides.test.rows[groups.first[nearest.tests]]
    table = pa.table(
        [sides.train.rows, rounds.round_of_row, nearest.similarities, nearest_rows], schema=RANKING
    )
    manifest = _write_table(
        workspace.ranking("tma"),
        "ranking.parquet",
        table,
        RankingManifest(
            **_manifest_head(sides),
            rows=train_rows,
            files=[],
            ranking="tma",
            rounds=rounds.count,
            shared_winners=rounds.count * sides.test.shape[0] - train_rows,
        ),
    )
    return Ranking(manifest, rounds.round_of_row, nearest.similarities, nearest_rows, made=True)


def _write_neighbors(
    workspace: Workspace,
    sides: Sides,
    lists: NeighborLists,
    groups: DistinctTests,
    overwrite: bool,
) -> None:
    """Write the test → train graph: the first `_RANKS_KEPT` ranks of every test row."""
    folder = workspace.neighbors
    finished = find_finished(
        folder / MANIFEST, NeighborsManifest, _CONFIG, sides.inputs, overwrite=overwrite
    )
    if finished is not None:
        return
    lengths = np.minimum(np.diff(lists.offsets), _RANKS_KEPT)
    rows = lists.rows[ranges(lists.offsets[:-1], lengths)]
    queries = np.repeat(np.arange(len(lengths)), lengths)
    similarities = exact_similarities(groups.vectors, sides.train, queries, rows)
    begins = np.cumsum(lengths) - lengths
    of_test = groups.group_of_test
    edges = ranges(begins[of_test], lengths[of_test])
    table = pa.table(
        [
            np.repeat(sides.test.rows, lengths[of_test]),
            ranges(np.zeros_like(of_test), lengths[of_test]).astype(np.int32),
            sides.train.rows[rows[edges]],
            similarities[edges].astype(np.float32),
        ],
        schema=NEIGHBORS,
    )
    _write_table(
        folder,
        "part-00000.parquet",
        table,
        NeighborsManifest(
            **_manifest_head(sides),
            rows=table.num_rows,
            files=[],
            test_rows=sides.test.shape[0],
            train_rows=sides.train.shape[0],
        ),
    )


class _Head(TypedDict):
    tool_version: str
    libraries: dict[str, str]
    config: dict[str, Option]
    inputs: dict[str, str]


def _manifest_head(sides: Sides) -> _Head:
    return {
        "tool_version": tool_version(),
        "libraries": library_versions(*LIBRARIES),
        "config": dict(_CONFIG),
        "inputs": sides.inputs,
    }


def _write_table(folder: Path, name: str, table: pa.Table, manifest: AnyManifest) -> AnyManifest:
    """Write one table and its manifest as a finished artifact."""
    with staged_folder(folder) as partial:
        path = partial / name
        pq.write_table(table, path, compression="zstd")
        sync(path)
        finished = manifest.model_copy(update={"files": [file_entry(path, table.num_rows)]})
        write_manifest(partial / MANIFEST, finished)
    return finished
