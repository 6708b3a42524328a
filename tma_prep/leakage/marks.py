"""What the leakage guard marked in a workspace, where it looked."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.artifact import ARRANGE_AGAIN
from tma_prep.embeddings import Sides
from tma_prep.tables import read_table
from tma_prep.workspace import Workspace
from tma_prep_schemas import LEAKAGE, ROW, LeakCounts

LEAK_KINDS = tuple(name for name in LeakCounts.model_fields if name != "tests")
"""The strongest first."""


@dataclass(frozen=True)
class Leak:
    """How a training row holds a test row; see `LEAKAGE`."""

    tma_row: int
    test_row: int
    kind: str
    score: float


@dataclass(frozen=True)
class LeakMarks:
    """Training rows that hold a test row.

    Attributes:
        counts: Rows by the strongest kind.
        table: Pairs, schema `LEAKAGE`.
    """

    counts: LeakCounts
    table: pa.Table

    def of(self, column: str, number: int) -> list[Leak]:
        """The pairs of one training row (`tma_row`) or one test row (`test_row`)."""
        places = np.flatnonzero(self.table.column(column).to_numpy() == number)
        rows = self.table.select([ROW, "test_row", "kind", "score"]).take(pa.array(places))
        return [Leak(**row) for row in rows.to_pylist()]

    def kind_of_each(self, stored: NDArray[np.int64]) -> NDArray[np.int64]:
        """The strongest kind of each stored row, as a place in `LEAK_KINDS`; -1 for none."""
        rows, first = np.unique(self.table.column(ROW).to_numpy(), return_index=True)
        names = self.table.column("kind").take(pa.array(first)).to_pylist()
        kinds = np.full(len(stored), -1, dtype=np.int64)
        kinds[np.searchsorted(stored, rows)] = [LEAK_KINDS.index(name) for name in names]
        return kinds


def leak_marks(workspace: Workspace, sides: Sides) -> LeakMarks | None:
    """The marks; None where nobody looked at these embeddings.

    Raises:
        ArtifactError: They are damaged.
    """
    artifact = workspace.leakage
    manifest = artifact.read()
    if manifest is None or artifact.stale(manifest) is not None:
        return None
    path = artifact.folder / artifact.open().files[0].file
    return LeakMarks(manifest.counts, read_table(path, LEAKAGE, remedy=ARRANGE_AGAIN))
