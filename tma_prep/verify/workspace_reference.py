"""What the shards of a workspace are held against: its order and the input."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tma_prep.artifact import (
    EMBED_AGAIN,
    MANIFEST,
    Workspace,
    check_files,
    read_manifest,
    sha256_of,
)
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.leakage import rows_left_out
from tma_prep.orders import parse_budget
from tma_prep.parquet import UNREADABLE, read_table, reason_of
from tma_prep.rows import (
    FORMATS,
    BadRow,
    InstanceFormat,
    RowStore,
    SampleReader,
    TextPart,
    open_rows,
)
from tma_prep.shards import ShardFolder
from tma_prep.verify.findings import Check
from tma_prep.verify.reference import Reference
from tma_prep_schemas import INSTANCES, ORDER, ROW, EmbeddingsManifest, OrderManifest

_ALONE = "no workspace around"
_ROWS_AT_ONCE = 2048
_CHOOSING = ("budget", "rounds", "per_task")
"""Options of arrange that leave rows out."""


class Elsewhere:
    """The training side of a workspace, looked at once for all of its orders."""

    def __init__(self, workspace: Workspace) -> None:
        """Name the workspace."""
        self.workspace = workspace
        self._folder = workspace.embeddings("train")

    @functools.cached_property
    def sha256(self) -> str:
        """Of its manifest, as shards name it."""
        return sha256_of(self._folder / MANIFEST)

    @functools.cached_property
    def manifest(self) -> EmbeddingsManifest | None:
        """None where there are no embeddings.

        Raises:
            ArtifactError: It is damaged.
        """
        return read_manifest(self._folder / MANIFEST, EmbeddingsManifest)

    @functools.cached_property
    def rows(self) -> NDArray[np.int64]:
        """`tma_row` of every row, ascending.

        Raises:
            ArtifactError: The file that holds them is damaged.
        """
        rows: NDArray[np.int64] = self.instances(ROW).column(ROW).to_numpy()
        return rows

    def instances(self, *columns: str) -> pa.Table:
        """These columns of `INSTANCES`, one row a stored row.

        Raises:
            ArtifactError: The file that holds them is damaged.
        """
        assert self.manifest is not None
        entry = self.manifest.instances
        path = self._folder / entry.file
        if not path.is_file() or sha256_of(path) != entry.sha256:
            raise ArtifactError(
                f"{path}: is missing or damaged, and says which rows there are; {EMBED_AGAIN}"
            )
        return read_table(path, INSTANCES, *columns, remedy=EMBED_AGAIN, rows=entry.rows)

    @functools.cached_property
    def row_store(self) -> RowStore:
        """The training rows.

        Raises:
            ArtifactError: They are missing or damaged.
        """
        return open_rows(self.workspace, "train")


@dataclass
class _Found:
    """What is known so far; becomes a `Reference`."""

    schema: pa.Schema | None = None
    pool: NDArray[np.int64] | None = None
    order: Iterator[pa.Table] | None = None
    row_store: RowStore | None = None
    skipped: dict[Check, str] = field(default_factory=dict)
    wrong: dict[Check, str] = field(default_factory=dict)


@contextlib.contextmanager
def references(name: str, shards: ShardFolder, known: Elsewhere | None) -> Iterator[Reference]:
    """What these shards are held against, open as long as it is used.

    Args:
        name: Of the order.
        shards: What is to be verified.
        known: The workspace, None for shards that lie alone.
    """
    manifest, found = shards.manifest, _Found()
    with contextlib.ExitStack() as stack:
        if known is None:
            found.skipped = {"order": _ALONE, "input": _ALONE}
        else:
            _look_for_order(known.workspace, name, found, stack)
            _look_for_input(known, shards, found)
            _leave_out_leaks(known.workspace, shards, found)
        budget = _budget(manifest.config.get("budget"))
        chosen = [key for key in _CHOOSING if manifest.config.get(key) is not None]
        if budget is None and chosen:
            option = chosen[0].replace("_", "-")
            found.skipped["selection"] = f"how many rows --{option} keeps is not known here"
        elif budget is None and found.pool is None and "selection" not in found.skipped:
            found.skipped["selection"] = "no embeddings around that say which rows the pool has"
        instance_format = FORMATS.get(manifest.format)
        if instance_format is None:
            found.skipped["text"] = f"the format {manifest.format} is not known"
        rows = found.row_store
        yield Reference(
            schema=found.schema,
            pool=found.pool,
            whole=not chosen,
            rows=budget,
            ids=None if instance_format is None else _ids_of(instance_format, manifest.text),
            order=found.order,
            input_rows=None if rows is None else rows.tables,
            skipped=found.skipped,
            wrong=found.wrong,
        )


def order_file(workspace: Workspace, name: str) -> pq.ParquetFile:
    """A finished order, every byte checked; for the caller to close.

    Raises:
        ArtifactError: There is none, or it is damaged.
    """
    path = workspace.order(name)
    try:
        manifest = read_manifest(workspace.order_manifest(name), OrderManifest)
        if manifest is None:
            raise ArtifactError(f"{path}: is no finished order; run tma-prep arrange")
        check_files(path.parent, manifest, "make it again with arrange --overwrite")
        file = pq.ParquetFile(path)
    except UNREADABLE as error:
        raise ArtifactError(f"{path}: cannot be read ({reason_of(error)})") from error
    if not file.schema_arrow.equals(ORDER):
        file.close()
        raise ArtifactError(f"{path}: has other columns than an order")
    return file


def _look_for_order(
    workspace: Workspace, name: str, found: _Found, stack: contextlib.ExitStack
) -> None:
    if not workspace.order_manifest(name).is_file():
        found.skipped["order"] = f"no finished {workspace.order(name)}"
        return
    try:
        file = stack.enter_context(order_file(workspace, name))
    except ArtifactError as error:
        found.wrong["order"] = str(error)
    else:
        found.order = (pa.Table.from_batches([batch]) for batch in file.iter_batches(_ROWS_AT_ONCE))


def _look_for_input(known: Elsewhere, shards: ShardFolder, found: _Found) -> None:
    try:
        manifest = known.manifest
        if manifest is None:
            found.skipped["input"] = "the workspace holds no finished embeddings"
            return
        if known.sha256 != shards.manifest.inputs.get("embeddings/train"):
            found.wrong["input"] = (
                f"{shards.path}: was arranged from other embeddings than the workspace holds now; "
                "run tma-prep arrange again"
            )
            return
        found.row_store = known.row_store
        found.schema = found.row_store.schema
        found.pool = known.rows
    except ArtifactError as error:
        found.wrong["input"] = str(error)


def _leave_out_leaks(workspace: Workspace, shards: ShardFolder, found: _Found) -> None:
    """Take out of the pool what the order left out as leaking."""
    config = shards.manifest.config
    if found.pool is None or config.get("leakage") != "exclude":
        return
    try:
        left_out = rows_left_out(workspace, shards.manifest.inputs, config)
    except ArtifactError as error:
        found.wrong["selection"] = str(error)
        left_out = None
    else:
        if left_out is None:
            found.skipped["selection"] = (
                "which rows --leakage exclude left out is not known here any more"
            )
    found.pool = None if left_out is None else np.setdiff1d(found.pool, left_out)


def _budget(text: object) -> int | None:
    """A budget of rows, None for any other."""
    try:
        budget = parse_budget(str(text)) if text is not None else None
    except OptionError:
        return None
    return budget.amount if budget is not None and budget.unit == "rows" else None


def _ids_of(
    instance_format: InstanceFormat, part: TextPart
) -> Callable[[pa.Table], list[str | None]]:
    columns = [*instance_format.columns, *instance_format.optional]
    reader = SampleReader(instance_format, None)

    def id_of(row: dict[str, object]) -> str | None:
        try:
            return reader.read(row, 0).text_id(part)
        except BadRow:
            return None

    def ids(table: pa.Table) -> list[str | None]:
        read = table.select([name for name in columns if name in table.column_names])
        return [id_of(row) for row in read.to_pylist()]

    return ids
