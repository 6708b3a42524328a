"""The files of shards, which may hold any bytes whatever: what is there, and what can be read."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tma_prep.artifact import MANIFEST, manifest_text, sha256_of
from tma_prep.progress import Advance
from tma_prep.shards import ShardFolder, shard_name
from tma_prep.tables import UNREADABLE, reason_of
from tma_prep.verify.findings import Findings
from tma_prep_schemas import SHARD_FIELDS

_ROWS_AT_ONCE = 2048


def check_files(shards: ShardFolder, findings: Findings, advance: Advance) -> set[str]:
    """Compare every file with the manifest.

    Returns:
        Names of the files that are there and do not hold the bytes of another one.
    """
    _check_manifest(shards, findings)
    entries = {entry.file: entry for entry in shards.manifest.all_files}
    name_of = {entry.sha256: entry.file for entry in entries.values()}
    present = {path.name: path for path in sorted(shards.path.iterdir()) if path.name != MANIFEST}
    digests = {name: _digest(path, advance) for name, path in present.items()}
    extra = [name for name in present if name not in entries]
    stray = {digests[name]: name for name in extra}
    own = set()
    for name, entry in entries.items():
        path, found = shards.path / name, digests.get(name)
        size = path.stat().st_size if found is not None else 0
        if (found, size) == (entry.sha256, entry.bytes):
            own.add(name)
            continue
        if name not in present:
            wrong = "is missing"
        elif found is None:
            wrong = "cannot be read"
        elif name_of.get(found, name) != name:
            wrong = f"holds the bytes of {name_of[found]}"
        else:
            own.add(name)
            wrong = "its SHA-256 is not the manifest's: bytes of it were changed"
            if size != entry.bytes:
                wrong = f"has {size:,} bytes, and {entry.bytes:,} by the manifest"
        moved = f"; its bytes are in {stray[entry.sha256]}" if entry.sha256 in stray else ""
        findings.add(f"{path}: {wrong}{_positions_of(shards, name)}{moved}", "files")
    for name in extra:
        findings.add(f"{shards.path / name}: is too many: the manifest does not name it", "files")
    return own


def _check_manifest(shards: ShardFolder, findings: Findings) -> None:
    path, manifest = shards.path / MANIFEST, shards.manifest
    if path.read_bytes() != manifest_text(manifest).encode("utf-8"):
        findings.add(f"{path}: is not written as arrange writes it: it was changed", "files")
    names = [entry.file for entry in manifest.files]
    right = [shard_name(place, len(names)) for place in range(len(names))]
    if names != right or manifest.schedule.rows != manifest.rows:
        findings.add(f"{path}: lists its files otherwise than arrange does", "files")


def _digest(path: Path, advance: Advance) -> str | None:
    """SHA-256 of a file, None of what is none or may not be read."""
    try:
        return sha256_of(path, on_bytes=advance) if path.is_file() else None
    except OSError:
        return None


def _positions_of(shards: ShardFolder, name: str) -> str:
    """The positions that a file should hold, for a message."""
    for entry, first in zip(shards.manifest.files, shards.first_positions, strict=True):
        if entry.file == name:
            return f" (positions {first} to {first + entry.rows - 1})"
    return ""


class ShardFile:
    """One file, open.

    Attributes:
        path: Where it is.
        first: Position of its first row.
        schema: Of its columns.
        group_rows: Rows of each row group, as the file says.
    """

    def __init__(self, path: Path, first: int, findings: Findings) -> None:
        """Open it.

        Raises:
            UNREADABLE: It is no Parquet file, or its footer is damaged.
        """
        self.path = path
        self.first = first
        self._findings = findings
        self._source = pq.ParquetFile(path)
        metadata = self._source.metadata
        self.schema: pa.Schema = self._source.schema_arrow
        _check_names(self.schema)
        self.group_rows = [
            metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)
        ]
        self._broken: set[int] = set()

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[tuple[int, pa.Table]]:
        """Stream its rows; a row group that cannot be read is a finding, and left out from then on.

        Args:
            columns: Which columns, all if None.

        Yields:
            The position that the table begins with, and the table.
        """
        ends = list(accumulate(self.group_rows, initial=self.first))
        for group, (first, end) in enumerate(zip(ends, ends[1:], strict=False)):
            if group in self._broken:
                continue
            try:
                for batch in self._source.iter_batches(
                    _ROWS_AT_ONCE, row_groups=[group], columns=columns and list(columns)
                ):
                    batch.validate(full=True)
                    if first + batch.num_rows > end:
                        raise ValueError("it holds more rows than its footer says")
                    yield first, pa.Table.from_batches([batch])
                    first += batch.num_rows
                if first < end:
                    raise ValueError("it holds fewer rows than its footer says")
            except UNREADABLE as error:
                self._broken.add(group)
                self._findings.all_rows = False
                span = f"positions {first} to {end - 1} cannot be read"
                self._findings.add(f"{self.path}: {span} ({reason_of(error)})", "files")


def open_files(
    shards: ShardFolder, own: set[str], schema: pa.Schema | None, findings: Findings
) -> Iterator[ShardFile]:
    """Files whose columns and number of rows are right; what is wrong with others is a finding.

    Args:
        shards: Where they lie.
        own: Names of those that may be opened.
        schema: The user's columns; None where only the first file says what they are.
        findings: Told.
    """
    for entry, first in zip(shards.manifest.files, shards.first_positions, strict=True):
        path, file = shards.path / entry.file, None
        if entry.file in own:
            try:
                file = ShardFile(path, first, findings)
            except UNREADABLE as error:
                findings.add(f"{path}: cannot be read as Parquet ({reason_of(error)})", "files")
        if file is not None:
            schema = schema or pa.schema(list(file.schema)[: -len(SHARD_FIELDS)])
            wrong = _columns_differ(file.schema, pa.schema([*schema, *SHARD_FIELDS]))
            rows = sum(file.group_rows)
            if wrong is None and rows == entry.rows and min(file.group_rows, default=0) >= 0:
                yield file
                continue
            file.close()
            if wrong is not None:
                findings.add(f"{path}: {wrong}", "columns")
            else:
                told = f"has {rows:,} rows, and {entry.rows:,} by the manifest"
                findings.add(f"{path}: {told}", "files")
        findings.all_rows = False


def _check_names(schema: pa.Schema) -> None:
    """Refuse names, at any depth, that are no UTF-8: they fail whoever looks at them."""
    fields = list(schema)
    while fields:
        field = fields.pop()
        field.name.encode("utf-8")
        fields += [field.type.field(place) for place in range(field.type.num_fields)]


def _columns_differ(found: pa.Schema, expected: pa.Schema) -> str | None:
    """What is wrong with columns, None where nothing is."""
    if found.equals(expected):
        return None
    here, there = list(found), list(expected)
    gone = [f"lacks column {_shown(column)}" for column in there if column not in here]
    more = [f"has another column {_shown(column)}" for column in here if column not in there]
    return ", ".join([*gone[:3], *more[:3]]) or "its columns stand in another order"


def _shown(column: pa.Field) -> str:
    kind = " ".join(str(column.type).split())[:80]
    return f"{column.name!r} ({kind}{'' if column.nullable else ' not null'})"
