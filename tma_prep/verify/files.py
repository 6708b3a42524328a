"""The files of shards, which may hold any bytes whatever: what is there, and what can be read."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tma_prep.artifact import MANIFEST, manifest_text
from tma_prep.durable import sha256_of
from tma_prep.progress import Advance
from tma_prep.shards import ShardFolder, shard_name
from tma_prep.tables import UNREADABLE, reason_of
from tma_prep.verify.findings import Findings
from tma_prep_schemas import SHARD_FIELDS

_ROWS_AT_ONCE = 2048


def check_files(shards: ShardFolder, findings: Findings, advance: Advance) -> set[str]:
    """Compare the manifest with what `arrange` writes, and every file with the manifest.

    Returns:
        Names of the files that are there and do not hold the bytes of another one.
    """
    path, manifest = shards.path / MANIFEST, shards.manifest
    if path.read_bytes() != manifest_text(manifest).encode("utf-8"):
        findings.add(f"{path}: is not written as arrange writes it: it was changed", "files")
    names = [entry.file for entry in manifest.files]
    right = [shard_name(place, len(names)) for place in range(len(names))]
    if names != right or manifest.schedule.rows != manifest.rows:
        findings.add(f"{path}: lists its files otherwise than arrange does", "files")
    entries = {entry.file: entry for entry in manifest.all_files}
    name_of = {entry.sha256: entry.file for entry in entries.values()}
    present = [path for path in sorted(shards.path.iterdir()) if path.name != MANIFEST]
    digests = {path.name: _digest(path, advance) for path in present}
    stray = {digest: name for name, digest in digests.items() if name not in entries}
    own = set()
    for name, entry in entries.items():
        path, found = shards.path / name, digests.get(name)
        if name not in digests:
            wrong = "is missing"
        elif found is None:
            wrong = "cannot be read"
        elif name_of.get(found, name) != name:
            wrong = f"holds the bytes of {name_of[found]}"
        else:
            own.add(name)
            size = path.stat().st_size
            if (found, size) == (entry.sha256, entry.bytes):
                continue
            wrong = "its SHA-256 is not the manifest's: bytes of it were changed"
            if size != entry.bytes:
                wrong = f"has {size:,} bytes, and {entry.bytes:,} by the manifest"
        if name in names:
            first = shards.first_positions[names.index(name)]
            wrong += f" (positions {first} to {first + entry.rows - 1})"
        moved = f"; its bytes are in {stray[entry.sha256]}" if entry.sha256 in stray else ""
        findings.add(f"{path}: {wrong}{moved}", "files")
    for name in [name for name in digests if name not in entries]:
        findings.add(f"{shards.path / name}: is too many: the manifest does not name it", "files")
    return own


def _digest(path: Path, advance: Advance) -> str | None:
    """SHA-256 of a file, None of what is none or may not be read."""
    try:
        return sha256_of(path, on_bytes=advance) if path.is_file() else None
    except OSError:
        return None


class ShardFile:
    """One file, open; `group_rows` are the rows of each row group, as the file says."""

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
        """Stream positions and the tables that begin with them, of these columns, or of all.

        A row group that cannot be read is a finding, and left out from then on.
        """
        ends = accumulate(self.group_rows, initial=self.first)
        for group, (first, end) in enumerate(pairwise(ends)):
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
    """Those of the files in `own` whose columns and rows are right; of others it is told why.

    Of the user's columns only the first file may say what they are.
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
