"""`tma-prep compare`: how far the orders of two workspaces over one pool are from each other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.artifact import EMBED_AGAIN
from tma_prep.durable import sha256_of
from tma_prep.errors import ArtifactError
from tma_prep.options import CompareOptions
from tma_prep.orders import (
    Matched,
    OrderComparison,
    TaskMove,
    compare_matched,
    kendall_tau,
    match_rows,
    read_order,
    task_moves,
)
from tma_prep.progress import Progress, Silent, Stopwatch
from tma_prep.rows import open_rows
from tma_prep.tables import read_table
from tma_prep.workspace import Workspace
from tma_prep_schemas import INSTANCES, ROUND, ROW, ROW_ID, EmbeddingsManifest, OrderManifest
from tma_prep_schemas.manifests import Manifest, Option

MatchedBy = Literal["tma_row", "tma_id"]
_NO_MATTER = ("rows-per-part", "on-bad-row")
"""Options of embed that change no vector."""


@dataclass(frozen=True)
class ComparedOrder:
    """One order in both workspaces.

    Attributes:
        different: Options of arrange that differ, each with its value in A and in B.
        comparison: "Before" is A, "after" is B.
        kendall_tau_of_rounds: Tau-b of the rounds of the rows in both; None where an order has
            none, or a single one.
        tasks: As A names them, the one that moved farthest first; empty where it names none.
    """

    name: str
    different: dict[str, list[Option]]
    comparison: OrderComparison
    kendall_tau_of_rounds: float | None
    tasks: list[TaskMove]


@dataclass(frozen=True)
class CompareResult:
    """What `compare` found.

    Attributes:
        matched_by: `tma_row` where both were embedded from the same training files, else `tma_id`:
            equal texts.
        same_tests: Whether the test files are the same.
        different: Options of embed, the encoder's settings and versions of libraries that differ,
            each with its value in A and in B.
    """

    work_a: str
    work_b: str
    matched_by: MatchedBy
    same_tests: bool
    different: dict[str, list[Option]]
    orders: list[ComparedOrder]
    seconds: dict[str, float]


class _Side:
    """One of the two workspaces."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root)
        self.workspace.check_there()
        embeddings = self.workspace.embeddings("train")
        self.train = embeddings.finished()
        self.test = self.workspace.embeddings("test").finished()
        self._instances = embeddings.folder / self.train.instances.file
        self.orders = self.workspace.names("orders")

    def files(self, side: str) -> list[str]:
        """What was read, in order: equal lists give every row the same number."""
        rows = open_rows(self.workspace, side)
        return [file.sha256 for file in rows.manifest.input_files]

    def order(self, name: str, columns: list[str]) -> tuple[OrderManifest, pa.Table]:
        """An order of this pool, and its manifest."""
        root = self.workspace.root
        if name not in self.orders:
            there = ", ".join(self.orders) or "none; run tma-prep arrange"
            raise ArtifactError(f"{root}: holds no order {name}; there are {there}")
        manifest, table = read_order(self.workspace, name, *columns)
        stale = self.workspace.order(name).stale(manifest)
        if stale is not None:
            raise ArtifactError(stale)
        return manifest, table

    def task_of(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[str]] | None:
        """The task of each of these `tma_row`s, and the names; None where no row names one."""
        path, entry = self._instances, self.train.instances
        if not path.is_file() or sha256_of(path) != entry.sha256:
            raise ArtifactError(
                f"{self._instances}: its SHA-256 is not the manifest's; {EMBED_AGAIN}"
            )
        table = read_table(path, INSTANCES, ROW, "task", remedy=EMBED_AGAIN)
        column = table.column("task").combine_chunks()
        if column.null_count == len(column):
            return None
        encoded = column.fill_null("(no task)").dictionary_encode()
        of_row: NDArray[np.int64] = encoded.indices.to_numpy().astype(np.int64)
        places = np.searchsorted(table.column(ROW).to_numpy(), rows)
        return of_row[places], encoded.dictionary.to_pylist()


def compare(options: CompareOptions, progress: Progress | None = None) -> CompareResult:
    """Compare every order of one name, or those that are named.

    Raises:
        ArtifactError: The workspaces have no order or no row in common, or one is damaged.
    """
    progress = progress or Silent()
    clock = Stopwatch()
    a, b = _Side(options.work_a), _Side(options.work_b)
    by: MatchedBy = "tma_row" if a.files("train") == b.files("train") else "tma_id"
    names = options.names or [name for name in a.orders if name in b.orders]
    if not names:
        held = (", ".join(side.orders) or "none" for side in (a, b))
        raise ArtifactError(
            f"{options.work_a} and {options.work_b}: hold no order of one name "
            f"({' against '.join(held)}); run tma-prep arrange in both"
        )
    compared = []
    for name in names:
        with clock("compare"), progress.stage(f"Comparing {name}", 0, ""):
            compared.append(_compared(name, a, b, by))
    return CompareResult(
        work_a=str(options.work_a),
        work_b=str(options.work_b),
        matched_by=by,
        same_tests=a.files("test") == b.files("test"),
        different=_different(_facts(a.train), _facts(b.train)),
        orders=compared,
        seconds=clock.seconds,
    )


def _compared(name: str, a: _Side, b: _Side, by: MatchedBy) -> ComparedOrder:
    columns = [ROW, ROUND] if by == ROW else [ROW, ROUND, ROW_ID]
    (of_a, first), (of_b, second) = a.order(name, columns), b.order(name, columns)
    both = match_rows(pl.Series(first[by]), pl.Series(second[by]))
    if not len(both.before):
        raise ArtifactError(
            f"{a.workspace.root} and {b.workspace.root}: no row of {name} stands in both, by "
            f"{by}{_why(a, b) if by == ROW_ID else ''}; compare workspaces over one pool"
        )
    tasks = a.task_of(first[ROW].to_numpy()[both.before])
    return ComparedOrder(
        name=name,
        different=_different(_config(of_a), _config(of_b)),
        comparison=compare_matched(both, first.num_rows, second.num_rows),
        kendall_tau_of_rounds=_tau_of_rounds(both, first[ROUND], second[ROUND]),
        tasks=[] if tasks is None else task_moves(both, *tasks),
    )


def _why(a: _Side, b: _Side) -> str:
    texts = (a.train.config.get("text"), b.train.config.get("text"))
    if texts[0] == texts[1]:
        return " (other training files, and no text in common)"
    return f" (other training files, and text is {texts[0]} against {texts[1]})"


def _tau_of_rounds(both: Matched, a: pa.ChunkedArray, b: pa.ChunkedArray) -> float | None:
    if a.null_count or b.null_count:
        return None
    return kendall_tau(a.to_numpy()[both.before], b.to_numpy()[both.after])


def _config(manifest: Manifest) -> dict[str, Option]:
    return {name.replace("_", "-"): value for name, value in manifest.config.items()}


def _facts(manifest: EmbeddingsManifest) -> dict[str, Option]:
    """What bears on the vectors: the options, no `auto` left in them, and the libraries."""
    encoder = {name.replace("_", "-"): value for name, value in (manifest.encoder or {}).items()}
    kept = {name: value for name, value in _config(manifest).items() if name not in _NO_MATTER}
    return {**kept, **encoder, **manifest.libraries}


def _different(a: dict[str, Option], b: dict[str, Option]) -> dict[str, list[Option]]:
    """What has two values, with both."""
    return {
        name: [a.get(name), b.get(name)]
        for name in dict.fromkeys([*a, *b])
        if a.get(name) != b.get(name)
    }
