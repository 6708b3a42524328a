"""The leakage guard: training rows that hold a test row, looked for once and kept."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tma_prep.artifact import ARRANGE_AGAIN, check_files, made
from tma_prep.durable import file_entry, sync
from tma_prep.embeddings import Sides, StoreSubset
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.leakage.pairs import LEAK_KINDS, Pairs
from tma_prep.leakage.search import leaking_pairs
from tma_prep.options import ArrangeOptions
from tma_prep.progress import Advance, Progress
from tma_prep.rankings import Engine
from tma_prep.tables import read_table
from tma_prep.workspace import Workspace
from tma_prep_schemas import LEAKAGE, ROW, LeakageManifest, LeakCounts
from tma_prep_schemas.manifests import Option

LEAKAGE_FILE = "leakage.parquet"

TEXT_START = 200
"""Characters of both texts that stand beside a pair."""

_LIBRARIES = ("numpy", "pyarrow")
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Leak:
    """How a training row holds a test row; see `LEAKAGE`."""

    tma_row: int
    test_row: int
    kind: str
    score: float


@dataclass(frozen=True)
class Leakage:
    """A finished answer.

    Attributes:
        pairs: Columns of `LEAKAGE`, those of `Leak`.
    """

    manifest: LeakageManifest
    pairs: pa.Table

    @property
    def rows(self) -> NDArray[np.int64]:
        """`tma_row` of every training row that holds a test row, ascending."""
        return np.unique(self.pairs[ROW].to_numpy())

    def of(self, column: str, number: int) -> list[Leak]:
        """The pairs of one training row (`tma_row`) or one test row (`test_row`)."""
        places = np.flatnonzero(self.pairs[column].to_numpy() == number)
        return [Leak(**row) for row in self.pairs.take(pa.array(places)).to_pylist()]

    def kind_of_each(self, stored: NDArray[np.int64]) -> NDArray[np.int64]:
        """The strongest kind of each stored row, as a place in `LEAK_KINDS`; -1 for none."""
        rows, first = np.unique(self.pairs[ROW].to_numpy(), return_index=True)
        names = self.pairs["kind"].take(pa.array(first)).to_pylist()
        kinds = np.full(len(stored), -1, dtype=np.int64)
        kinds[np.searchsorted(stored, rows)] = [LEAK_KINDS.index(name) for name in names]
        return kinds


def kept_leakage(
    workspace: Workspace, sides: Sides, options: ArrangeOptions | None = None
) -> Leakage | None:
    """The answer of an earlier run about these embeddings, None where there is none.

    Args:
        workspace: Where it is.
        sides: Both stores, whole.
        options: How rows are to be judged; None takes an answer by any.

    Raises:
        ArtifactError: It is damaged, and `overwrite` is off.
    """
    artifact = workspace.leakage
    try:
        manifest = artifact.read()
        if manifest is None or manifest.inputs != _inputs(sides):
            return None
        if options is not None and manifest.config != _config(options):
            return None
        check_files(artifact.folder, manifest, ARRANGE_AGAIN)
        return _opened(workspace, manifest)
    except ArtifactError:
        if options is not None and options.overwrite:
            return None
        raise


def look_for_leaks(
    workspace: Workspace,
    sides: Sides,
    engine: Engine,
    options: ArrangeOptions,
    progress: Progress,
) -> Leakage:
    """Look for training rows that hold a test row, and write what was found.

    Args:
        workspace: Where the answer goes.
        sides: Both stores, whole.
        engine: Searches among all rows for all tests.
        options: How rows are judged.
        progress: Told of the stages.
    """
    pairs = leaking_pairs(sides, engine, options, workspace.root, progress)
    rows = np.unique(pairs.rows)
    with (
        workspace.leakage.making() as making,
        progress.stage("Writing the rows that leak", len(rows), "rows") as advance,
    ):
        path = making.folder / LEAKAGE_FILE
        with pq.ParquetWriter(path, LEAKAGE, compression="zstd") as writer:
            for table in _pair_tables(sides, pairs, rows, advance):
                writer.write_table(table)
        sync(path)
        manifest = LeakageManifest(
            **made(_config(options), _inputs(sides), _LIBRARIES),
            rows=len(pairs),
            files=[file_entry(path, len(pairs))],
            train_rows=sides.train.shape[0],
            test_rows=sides.test.shape[0],
            counts=LeakCounts(**pairs.row_counts, tests=len(pairs.held)),
        )
        making.finish(manifest)
    return _opened(workspace, manifest)


def without_leaks(workspace: Workspace, sides: Sides, leakage: Leakage) -> Sides:
    """Both stores, as if the training rows that leak had never been embedded.

    Raises:
        OptionError: No row is left.
    """
    kept = ~np.isin(sides.train.rows, leakage.rows)
    if not kept.any():
        raise OptionError(
            "--leakage exclude leaves no row: every row of the pool holds a test row; give another "
            "pool or another test set"
        )
    inputs = sides.inputs | {"leakage": workspace.leakage.sha256}
    return replace(sides, train=StoreSubset(sides.train, kept), inputs=inputs)


def leakage_line(manifest: LeakageManifest) -> str:
    """How many rows leak, and how, for a person."""
    counts, similarity = manifest.counts, manifest.config["leak_similarity"]
    if not counts.rows:
        return f"none of {manifest.train_rows:,} training rows holds a test row"
    rule = "any" if manifest.config["leak_ngrams"] == "any" else "half or more"
    ways = {
        "equal a test row": counts.equal,
        "equal one but for case, space and punctuation": counts.normalised,
        f"hold {rule} of its 8-grams": counts.ngram,
        f"are more similar than {similarity}": counts.similarity,
    }
    found = ", ".join(f"{rows:,} {way}" for way, rows in ways.items() if rows)
    return (
        f"{counts.rows:,} of {manifest.train_rows:,} training rows "
        f"({counts.rows / manifest.train_rows:.1%}) hold one of {counts.tests:,} of "
        f"{manifest.test_rows:,} test rows: {found}"
    )


def _inputs(sides: Sides) -> dict[str, str]:
    return {**sides.row_inputs, **sides.inputs}


def _config(options: ArrangeOptions) -> dict[str, Option]:
    return {"leak_ngrams": options.leak_ngrams, "leak_similarity": options.leak_similarity}


def _opened(workspace: Workspace, manifest: LeakageManifest) -> Leakage:
    columns = (ROW, "test_row", "kind", "score")
    path = workspace.leakage.folder / manifest.files[0].file
    return Leakage(manifest, read_table(path, LEAKAGE, *columns, remedy=ARRANGE_AGAIN))


def _pair_tables(
    sides: Sides, pairs: Pairs, rows: NDArray[np.int64], advance: Advance
) -> Iterator[pa.Table]:
    """The pairs with the starts of their texts, `_ROWS_AT_ONCE` training rows at a time."""
    if not len(rows):
        return
    tests = np.unique(pairs.tests)
    test_starts = {
        sample.row: sample.target_text[:TEXT_START]
        for sample in sides.test.row_store.samples(tests)
    }
    samples = sides.train.row_store.samples(rows)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        starts = {
            sample.row: sample.whole_text[:TEXT_START]
            for sample in itertools.islice(samples, len(some))
        }
        first, end = np.searchsorted(pairs.rows, [some[0], some[-1] + 1])
        here = pairs.at(np.arange(first, end))
        yield pa.table(
            [
                here.tests,
                here.rows,
                [LEAK_KINDS[kind] for kind in here.kinds],
                here.scores,
                [test_starts[test] for test in here.tests.tolist()],
                [starts[row] for row in here.rows.tolist()],
            ],
            schema=LEAKAGE,
        )
        advance(len(some))
