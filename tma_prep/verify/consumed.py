"""The log of a training held against shards, and against how many rows were to be trained."""

from dataclasses import dataclass, field
from pathlib import Path

from tma_prep.artifact import MANIFEST, read_manifest
from tma_prep.errors import ArtifactError
from tma_prep.shards import ShardFolder, open_shards
from tma_prep.trainers import ConsumedFacts, compare
from tma_prep.workspace import Workspace
from tma_prep_schemas import ExportManifest


@dataclass(frozen=True)
class ConsumedResult:
    """What became of the log of a training.

    Attributes:
        log: Its folder.
        findings: What is wrong, a line each.
        facts: What it says in numbers; None where it cannot be read.
        warnings: What is not wrong, and should be known.
    """

    log: str
    findings: list[str]
    facts: ConsumedFacts | None
    warnings: list[str] = field(default_factory=list)


def verify_consumed(
    log: Path, folder: Path, rows: int | None, workspace: Workspace | None
) -> ConsumedResult:
    """Whether a training took the rows of shards in order, and all that it was to take.

    Args:
        log: What the training wrote.
        folder: Of the shards.
        rows: How many were to be trained, from the first; None for all, or for as many as an export
            of these shards holds.
        workspace: Where such exports lie.
    """
    try:
        shards = open_shards(folder)
        found = compare(log, shards)
        result = ConsumedResult(str(log), found.findings, found.facts)
        # Rows out of order are told already, and are the greater trouble.
        return result if found.findings else _ended(result, found.facts, shards, rows, workspace)
    except (ArtifactError, OSError) as error:
        return ConsumedResult(str(log), [told(error)], None)


def told(error: ArtifactError | OSError) -> str:
    """An error as a finding."""
    if isinstance(error, ArtifactError):
        return str(error)
    return f"{error.filename}: cannot be read ({error.strerror}); check what lies there"


def _ended(
    result: ConsumedResult,
    facts: ConsumedFacts,
    shards: ShardFolder,
    rows: int | None,
    workspace: Workspace | None,
) -> ConsumedResult:
    """The same, and what is to be said of rows that never came."""
    came = f"{result.log}: {facts.rows} of {shards.rows} rows came"
    if rows is not None and rows != facts.rows:
        finding = f"{came}, and {rows} were to be trained (--consumed-rows)"
        return ConsumedResult(result.log, [finding], facts)
    if not facts.rows_missing:
        return result
    never = (
        f"{result.log}: rows from tma_position {facts.rows} on never came "
        f"({facts.rows_missing} of {shards.rows})"
    )
    if rows is not None:
        return ConsumedResult(result.log, [], facts, [f"{never}, as --consumed-rows says"])
    export = None if workspace is None else _export_of(workspace, shards, facts.rows)
    if export is not None:
        return ConsumedResult(result.log, [], facts, [f"{never}; {export} left them out"])
    finding = (
        f"{never}: the training is not finished, or left them out; if it was to train no more, say "
        f"--consumed-rows {facts.rows}"
    )
    return ConsumedResult(result.log, [finding], facts)


def _export_of(workspace: Workspace, shards: ShardFolder, rows: int) -> Path | None:
    """An export of exactly the first so many rows of these shards."""
    manifest_sha256 = shards.sha256
    for path in sorted(workspace.root.glob(f"exports/*/{MANIFEST}")):
        try:
            manifest = read_manifest(path, ExportManifest)
        except ArtifactError:
            continue  # a damaged export explains nothing
        if manifest is None or manifest.skipped_rows or manifest.total_rows != shards.rows:
            continue
        if manifest_sha256 in manifest.inputs.values():
            if manifest.total_rows - manifest.cut_rows == rows:
                return path.parent
    return None
