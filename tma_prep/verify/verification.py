"""Prove a folder of shards: against its manifest, its order and the input it came from.

Nothing is taken for granted: the files may hold any bytes whatever. All that is wrong is collected.
Beside one row group and the sorted rows of the input, sixteen bytes a row are held.
"""

from pathlib import Path

import pyarrow as pa

from tma_prep.artifact import MANIFEST, sha256_of
from tma_prep.parquet import UNREADABLE, reason_of
from tma_prep.progress import Advance, Progress
from tma_prep.shards import ShardFolder, is_sealed, shard_name
from tma_prep.verify.added_columns import read_added
from tma_prep.verify.findings import Findings, Proof
from tma_prep.verify.reference import Reference
from tma_prep.verify.shard_file import ShardFile
from tma_prep.verify.whole_rows import check_whole_rows
from tma_prep_schemas import SHARD_FIELDS


def verify_shards(
    name: str,
    shards: ShardFolder,
    reference: Reference,
    *,
    memory_bytes: int,
    progress: Progress,
) -> Proof:
    """Check everything that can be checked, and collect all that is wrong.

    Args:
        name: What to call the shards.
        shards: Opened; nothing of them is checked yet.
        reference: What they are held against.
        memory_bytes: About how much memory the rows of the input may take.
        progress: Told of both stages.
    """
    findings = Findings()
    for check, reason in reference.skipped.items():
        findings.skipped[check] = reason
    for check, line in reference.wrong.items():
        findings.add(check, line)
    _check_manifest(shards, findings)
    total = sum(entry.bytes for entry in shards.manifest.all_files)
    with progress.stage(f"Hashing shards of {name}", total, "bytes") as advance:
        own = _check_files(shards, findings, advance)
    files = _open_files(shards, own, reference.schema, findings)
    try:
        added = read_added(shards, files, findings)
        added.check_positions(findings)
        added.check_rows(reference.pool, reference.whole, reference.rows, findings)
        if shards.manifest.schedule.file in own:
            added.check_schedule(findings)
        else:
            findings.failed.add("schedule")
        with progress.stage(f"Comparing rows of {name}", shards.rows, "rows") as advance:
            check_whole_rows(added, reference, findings, memory_bytes, advance)
    finally:
        for file in files.values():
            file.close()
    return Proof(
        name=name,
        folder=str(shards.path),
        rows=shards.rows,
        shards=len(shards.files),
        bytes=total,
        checks=findings.by_check(),
        findings=findings.lines,
        findings_left_out=findings.left_out,
    )


def _check_manifest(shards: ShardFolder, findings: Findings) -> None:
    path, manifest = shards.path / MANIFEST, shards.manifest
    if not is_sealed(path.read_bytes(), manifest):
        findings.add(
            "manifest", f"{path}: its own SHA-256 does not fit it: it was changed after it was made"
        )
    names = [entry.file for entry in manifest.files]
    if names != [shard_name(place, len(names)) for place in range(len(names))]:
        findings.add("manifest", f"{path}: names its files otherwise than arrange does")


def _check_files(shards: ShardFolder, findings: Findings, advance: Advance) -> set[str]:
    """Compare every file with the manifest.

    Returns:
        Names of the files that are there and do not hold the bytes of another one.
    """
    entries = {entry.file: entry for entry in shards.manifest.all_files}
    name_of = {entry.sha256: entry.file for entry in entries.values()}
    present = {path.name: path for path in sorted(shards.path.iterdir())}
    extra = [name for name in present if name not in entries and name != MANIFEST]
    missing = [name for name in entries if name not in present]
    renamed: dict[str, str] = {}
    if missing:
        digests = {name: _digest(present[name], lambda _: None) for name in extra}
        renamed = {name_of[found]: name for name, found in digests.items() if found in name_of}
    for name in missing:
        where = f"; its bytes are in {renamed[name]}" if name in renamed else ""
        findings.add("files", f"{shards.path / name}: is missing{_of_rows(shards, name)}{where}")
    for name in extra:
        findings.add("files", f"{shards.path / name}: is too many: the manifest does not name it")
    own = set()
    for name, entry in entries.items():
        if name in missing:
            continue
        path = present[name]
        found = _digest(path, advance)
        if found == entry.sha256:
            own.add(name)
            continue
        rows = _of_rows(shards, name)
        if found is None:
            findings.add("files", f"{path}: cannot be read{rows}")
        elif found in name_of:
            findings.add("files", f"{path}: holds the bytes of {name_of[found]}{rows}")
        else:
            own.add(name)
            size = path.stat().st_size
            changed = f"has {size:,} bytes, and {entry.bytes:,} by the manifest"
            if size == entry.bytes:
                changed = "its SHA-256 is not the manifest's: bytes of it were changed"
            findings.add("files", f"{path}: {changed}{rows}")
    return own


def _digest(path: Path, advance: Advance) -> str | None:
    """SHA-256 of a file, None of what is none or may not be read."""
    try:
        return sha256_of(path, on_bytes=advance) if path.is_file() else None
    except OSError:
        return None


def _of_rows(shards: ShardFolder, name: str) -> str:
    """The positions that a file should hold, for a message."""
    for entry, first in zip(shards.manifest.files, shards.first_positions, strict=True):
        if entry.file == name:
            return f" (positions {first} to {first + entry.rows - 1})"
    return ""


def _open_files(
    shards: ShardFolder, own: set[str], schema: pa.Schema | None, findings: Findings
) -> dict[int, ShardFile]:
    """Files whose columns and number of rows are right, by the position of their first row."""
    files: dict[int, ShardFile] = {}
    for entry, first in zip(shards.manifest.files, shards.first_positions, strict=True):
        path = shards.path / entry.file
        if entry.file not in own:
            findings.all_rows = False
            continue
        try:
            file = ShardFile(path)
        except UNREADABLE as error:
            findings.add("files", f"{path}: cannot be read as Parquet ({reason_of(error)})")
            findings.all_rows = False
            continue
        if schema is None:
            # Without the input, the first file says what the user's columns are.
            schema = pa.schema(list(file.schema)[: -len(SHARD_FIELDS)])
        wrong = _columns_differ(file.schema, pa.schema([*schema, *SHARD_FIELDS]))
        if wrong:
            findings.add("columns", f"{path}: {wrong}")
        elif sum(file.group_rows) != entry.rows or min(file.group_rows, default=0) < 0:
            rows = f"{sum(file.group_rows):,} rows, and {entry.rows:,} by the manifest"
            findings.add("files", f"{path}: has {rows}")
            wrong = rows
        if wrong:
            findings.all_rows = False
            file.close()
        else:
            files[first] = file
    return files


def _columns_differ(found: pa.Schema, expected: pa.Schema) -> str | None:
    """The first difference between columns, None where there is none."""
    if found.names != expected.names:
        gone = [name for name in expected.names if name not in found.names]
        more = [name for name in found.names if name not in expected.names]
        if gone or more:
            parts = [f"lacks column {name!r}" for name in gone[:3]]
            return ", ".join([*parts, *(f"has another column {name!r}" for name in more[:3])])
        return "its columns stand in another order"
    for here, there in zip(found, expected, strict=True):
        if not here.equals(there):
            return f"column {here.name!r} is {_kind(here)}, and must be {_kind(there)}"
    return None


def _kind(column: pa.Field) -> str:
    return f"{' '.join(str(column.type).split())[:80]}{'' if column.nullable else ' not null'}"
