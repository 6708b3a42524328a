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
    """What became of the log of a training: what is wrong, its numbers, what should be known."""

    log: str
    findings: list[str]
    facts: ConsumedFacts | None
    warnings: list[str] = field(default_factory=list)


def verify_consumed(
    log: Path, folder: Path, rows: int | None, workspace: Workspace | None
) -> ConsumedResult:
    """Whether a training took the rows of shards in order, and all that it was to take.

    `rows` were to be trained, from the first; None for all, or for as many as an export of these
    shards, in the workspace, holds.
    """
    try:
        shards = open_shards(folder)
        found = compare(log, shards)
        findings, warnings = found.findings, list[str]()
        # Rows out of order are told already, and are the greater trouble.
        if not findings:
            findings, warnings = _ended(log, found.facts, shards, rows, workspace)
        return ConsumedResult(str(log), findings, found.facts, warnings)
    except (ArtifactError, OSError) as error:
        return ConsumedResult(str(log), [told(error)], None)


def told(error: ArtifactError | OSError) -> str:
    """An error as a finding."""
    if isinstance(error, ArtifactError):
        return str(error)
    return f"{error.filename}: cannot be read ({error.strerror}); check what lies there"


def _ended(
    log: Path,
    facts: ConsumedFacts,
    shards: ShardFolder,
    rows: int | None,
    workspace: Workspace | None,
) -> tuple[list[str], list[str]]:
    """What is wrong with rows that never came, and what should be known of them."""
    if rows is not None and rows != facts.rows:
        came = f"{log}: {facts.rows} of {shards.rows} rows came"
        return [f"{came}, and {rows} were to be trained (--consumed-rows)"], []
    if not facts.rows_missing:
        return [], []
    never = (
        f"{log}: rows from tma_position {facts.rows} on never came "
        f"({facts.rows_missing} of {shards.rows})"
    )
    if rows is not None:
        return [], [f"{never}, as --consumed-rows says"]
    export = None if workspace is None else _export_of(workspace, shards, facts.rows)
    if export is not None:
        return [], [f"{never}; {export} left them out"]
    finding = (
        f"{never}: the training is not finished, or left them out; if it was to train no more, say "
        f"--consumed-rows {facts.rows}"
    )
    return [finding], []


def _export_of(workspace: Workspace, shards: ShardFolder, rows: int) -> Path | None:
    """An export of exactly the first so many rows of these shards."""
    for path in sorted(workspace.root.glob(f"exports/*/{MANIFEST}")):
        try:
            manifest = read_manifest(path, ExportManifest)
        except ArtifactError:
            continue  # a damaged export explains nothing
        if manifest is None or manifest.skipped_rows or manifest.total_rows != shards.rows:
            continue
        held = manifest.total_rows - manifest.cut_rows
        if shards.sha256 in manifest.inputs.values() and held == rows:
            return path.parent
    return None
