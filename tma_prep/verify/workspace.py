"""What a workspace knows of its shards: the order, the ranking and the training rows."""

import functools

import numpy as np
import pyarrow as pa

from tma_prep.artifact import ARRANGE_AGAIN, MANIFEST
from tma_prep.embeddings import Sides, open_sides
from tma_prep.errors import ArtifactError, TmaPrepError
from tma_prep.orders import open_order, read_order, recomputed_order
from tma_prep.rows import RowStore, open_rows
from tma_prep.shards import ShardFolder
from tma_prep.verify.findings import Findings
from tma_prep.verify.join import Differences, TrainingRows
from tma_prep.workspace import Workspace
from tma_prep_schemas import ROW, OrderManifest, ShardsManifest


class Known:
    """A workspace; its embeddings are opened once for all of its shards."""

    def __init__(self, workspace: Workspace) -> None:
        """Name it."""
        self.workspace = workspace

    @functools.cached_property
    def _sides(self) -> Sides:
        return open_sides(self.workspace)

    @functools.cached_property
    def _rows(self) -> RowStore:
        return open_rows(self.workspace, "train")

    def order(self, name: str, shards: ShardFolder, findings: Findings) -> pa.Table | None:
        """The order of these shards; None where there is none, or it is damaged."""
        artifact = self.workspace.order(name)
        if not artifact.path.is_file():
            findings.skip(f"no finished {artifact.folder}", "order", "ranking")
            return None
        try:
            manifest, order = read_order(self.workspace, name)
        except ArtifactError as error:
            findings.add(str(error), "order", "ranking")
            return None
        wrong = _says_otherwise(shards.manifest, manifest)
        if wrong is None and shards.manifest.inputs.get(f"orders/{name}") != artifact.sha256:
            wrong = f"was made from another order than stands there now; {ARRANGE_AGAIN}"
        if wrong is not None:
            findings.add(f"{shards.path / MANIFEST}: {wrong}", "order")
        if order.num_rows != shards.rows:
            held = f"holds {shards.rows:,} rows, and its order {order.num_rows:,}"
            findings.add(f"{shards.path}: {held}", "order")
        return order

    def training_rows(self, shards: ShardFolder, findings: Findings) -> TrainingRows | None:
        """The rows that these shards were made of; None where they are not known."""
        artifact = self.workspace.rows("train")
        if not artifact.path.is_file():
            findings.skip("the workspace holds no rows", "rows")
            return None
        try:
            rows = self._rows
            numbers = rows.numbers()
        except ArtifactError as error:
            findings.add(str(error), "rows")
            return None
        if shards.manifest.inputs.get("rows/train") != artifact.sha256:
            wrong = f"was made from other rows than the workspace holds now; {ARRANGE_AGAIN}"
            findings.add(f"{shards.path}: {wrong}", "rows")
            return None
        if shards.manifest.layouts != rows.manifest.layouts:
            findings.add(f"{shards.path / MANIFEST}: its layouts are not those of the rows", "rows")
        return TrainingRows(rows.schema, numbers, rows.tables)

    def check_ranking(self, name: str, order: pa.Table, findings: Findings) -> None:
        """Hold the order against what its options make of the ranking."""
        if not self.workspace.embeddings("train").path.is_file():
            findings.skip("the workspace holds no finished embeddings", "ranking")
            return
        if not self.workspace.names("rankings"):
            findings.skip("the workspace holds no ranking", "ranking")
            return
        path = self.workspace.order(name).folder
        try:
            expected = recomputed_order(open_order(self.workspace, self._sides, name))
        except TmaPrepError as error:
            findings.add(str(error), "ranking")
            return
        if isinstance(expected, str):
            findings.skip(expected, "ranking")
        elif expected.num_rows != order.num_rows:
            wrong = f"has {order.num_rows:,} rows; its options keep {expected.num_rows:,}"
            findings.add(f"{path}: {wrong}", "ranking")
        else:
            differences = Differences(path)
            positions = np.arange(order.num_rows)
            differences.look("ranking", positions, order, expected)
            differences.report(order.column(ROW).to_numpy(), findings)


def _says_otherwise(shards: ShardsManifest, order: OrderManifest) -> str | None:
    """What a manifest of shards says that the manifest of their order does not."""
    facts = {"order", "targets"}
    here = shards.model_dump(include=facts) | shards.config
    there = order.model_dump(include=facts) | order.config
    for name in facts | order.config.keys():
        # Shards may have been written by an arrange that asked less about leaks.
        if not name.startswith("leak") and here.get(name) != there.get(name):
            return f"its {name.replace('_', '-')} is not that of the order"
    return None
