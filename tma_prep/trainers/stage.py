"""`tma-prep export`: shards to the rows and settings with which a trainer keeps their order."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from tma_prep.artifact import (
    ARRANGE_AGAIN,
    MANIFEST,
    Artifact,
    check_files,
    library_versions,
    tool_version,
)
from tma_prep.durable import file_entry, write_text
from tma_prep.errors import ArtifactError, OptionError, check_known
from tma_prep.options import ExportOptions
from tma_prep.progress import Progress, Silent, Stopwatch
from tma_prep.shards import ShardFolder, shards_of
from tma_prep.tables import read_schema
from tma_prep.trainers.forms import row_form
from tma_prep.trainers.plan import plan_rows
from tma_prep.trainers.registry import TRAINERS
from tma_prep.trainers.rows import json_line, write_rows
from tma_prep.trainers.templates import rendered
from tma_prep.trainers.trainer import Handoff, Trainer
from tma_prep.trainers.warnings import warnings_of
from tma_prep.workspace import Workspace
from tma_prep_schemas import POSITION, ExportManifest, FileEntry
from tma_prep_schemas.manifests import Option

SKIPPED = "skipped.jsonl"

_LIBRARIES = ("pyarrow",)
_NOT_RECORDED = ("work", "name", "out", "overwrite")


@dataclass(frozen=True)
class ExportResult:
    """What `export` wrote, and what must be known of it.

    Attributes:
        files: What stands in the folder, the rows first.
        start: The file that training begins with, None where there is none.
        warnings: What is true of this export, a sentence each.
        traps: What loses the order in this trainer although the settings are right.
        kept: Whether it was there already.
    """

    workspace: str
    order: str
    trainer: str
    read_at: str
    folder: str
    files: list[str]
    start: str | None
    rows: int
    cut_rows: int
    skipped_rows: int
    warnings: list[str]
    traps: list[str]
    kept: bool
    seconds: dict[str, float]


@dataclass(frozen=True)
class _Export:
    """An export with nothing left open: from where, to where, for whom."""

    shards: ShardFolder
    name: str
    trainer: Trainer
    folder: Path
    options: ExportOptions

    @property
    def artifact(self) -> Artifact[ExportManifest]:
        return Artifact(self.folder, ExportManifest, "export", self.options.work)

    @property
    def config(self) -> dict[str, Option]:
        role = self.shards.manifest.config.get("target_role")
        found: dict[str, Option] = {"folder": str(self.folder), "target_role": role}
        return self.options.recorded(*_NOT_RECORDED) | found

    @property
    def inputs(self) -> dict[str, str]:
        return {f"shards/{self.name}": self.shards.sha256}


def export(options: ExportOptions, progress: Progress | None = None) -> ExportResult:
    """Write what a trainer needs to keep the order; what is finished already is kept.

    Raises:
        TmaPrepError: In one line: what is wrong, and the remedy.
    """
    progress = progress or Silent()
    clock = Stopwatch()
    trainer = _trainer(options)
    workspace = Workspace(options.work)
    with workspace.locked():
        with clock("open"):
            wanted = _open(workspace, trainer, options)
            manifest = wanted.artifact.reused(
                wanted.config,
                wanted.inputs,
                overwrite=options.overwrite,
            )
        kept = manifest is not None
        if manifest is None:
            with clock("rows"):
                manifest = _make(wanted, progress)
    return ExportResult(
        workspace=str(options.work),
        order=wanted.name,
        trainer=trainer.name,
        read_at=trainer.read_at,
        folder=str(wanted.folder),
        files=[entry.file for entry in manifest.all_files],
        start=None if trainer.start is None else str(wanted.folder / trainer.start),
        rows=manifest.rows,
        cut_rows=manifest.cut_rows,
        skipped_rows=manifest.skipped_rows,
        warnings=manifest.warnings,
        traps=list(trainer.traps),
        kept=kept,
        seconds=clock.seconds,
    )


def _trainer(options: ExportOptions) -> Trainer:
    """The trainer, held against options that have no meaning for it."""
    check_known("--for", options.trainer, TRAINERS)
    trainer = TRAINERS[options.trainer]
    if options.packing and not trainer.packs_in_order:
        raise OptionError(f"--packing --for {trainer.name}: {trainer.packing}")
    if options.tail is not None and options.global_batch is None:
        raise OptionError(
            "--tail is about the rows that fill no whole global batch; give --global-batch too"
        )
    if options.on_bad_row == "skip" and trainer.checks_order:
        raise OptionError(
            f"--on-bad-row skip --for {trainer.name}: the check in the exported script would stop "
            "where a row is missing; leave such rows out when you embed (embed --on-bad-row skip)"
        )
    return trainer


def _open(workspace: Workspace, trainer: Trainer, options: ExportOptions) -> _Export:
    shards = shards_of(options.work, options.name)
    name = shards.path.name
    check_files(shards.path, shards.manifest, ARRANGE_AGAIN)
    stale = workspace.shards(name).stale(shards.manifest)
    if stale is not None:
        raise ArtifactError(stale)
    folder = workspace.export(name, trainer.name) if options.out is None else options.out
    folder = Path(os.path.expanduser(folder)).absolute()
    for path in (folder, shards.path.absolute()):
        if not str(path).isprintable():
            raise OptionError(f"{path}: has characters that configurations cannot hold; rename it")
    _check_target(folder)
    return _Export(shards, name, trainer, folder, options)


def _check_target(folder: Path) -> None:
    """Refuse to put an export in the place of anything that is none.

    Raises:
        ArtifactError: There is such a thing.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ArtifactError(f"{folder}: is a file; name a folder for the export")
    present = {path.name for path in folder.iterdir()}
    if not present:
        return
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        known = {MANIFEST, SKIPPED, *(entry["file"] for entry in manifest["files"])}
        is_export = manifest["kind"] == "export"
    except (OSError, ValueError, KeyError, TypeError):
        is_export = False
    if not is_export:
        raise ArtifactError(f"{folder}: holds something other than an export; name another folder")
    others = sorted(present - known)
    if others:
        raise ArtifactError(
            f"{folder}: holds {others[0]!r}, which is not of the export; move it elsewhere, or "
            "name another folder"
        )


def _make(wanted: _Export, progress: Progress) -> ExportManifest:
    """Write rows, configuration and manifest."""
    shards, trainer, options = wanted.shards, wanted.trainer, wanted.options
    schema = read_schema(shards.files[0], remedy=ARRANGE_AGAIN)
    form = row_form(shards.manifest, trainer, schema, options.keep)
    plan = plan_rows(shards, form, options, progress)
    data = "train.jsonl" if trainer.whole_rows else "train.parquet"
    with wanted.artifact.making() as making:
        partial = making.folder
        with progress.stage(f"Writing rows for {trainer.name}", plan.stop, "rows") as advance:
            rows = write_rows(partial / data, shards, form, plan.stop, plan.left_out, advance)
        entries = [file_entry(partial / data, rows)]
        warnings = list(warnings_of(form, plan, options, rows))
        handoff = Handoff(
            order=wanted.name,
            shards=shards.path.absolute(),
            folder=wanted.folder,
            data=data,
            data_sha256=entries[0].sha256,
            rows=rows,
            form=form.name,
            traits=form.traits,
            global_batch=options.global_batch,
            packing=options.packing,
            warnings=warnings,
        )
        for file, text in rendered(trainer, handoff).items():
            write_text(partial / file, text)
            entries.append(file_entry(partial / file, 0))
        manifest = ExportManifest(
            tool_version=tool_version(),
            libraries=library_versions(*_LIBRARIES),
            config=wanted.config,
            inputs=wanted.inputs,
            rows=rows,
            files=entries,
            order=wanted.name,
            trainer=trainer.name,
            form=form.name,
            total_rows=shards.rows,
            cut_rows=plan.cut_rows,
            skipped_rows=len(plan.left_out),
            skipped=_write_skipped(partial / SKIPPED, plan.left_out),
            warnings=warnings,
        )
        making.finish(manifest)
    return manifest


def _write_skipped(path: Path, left_out: dict[int, str]) -> FileEntry | None:
    if not left_out:
        return None
    lines = (json_line({POSITION: at, "reason": reason}) for at, reason in left_out.items())
    write_text(path, "".join(f"{line}\n" for line in lines))
    return file_entry(path, len(left_out))
