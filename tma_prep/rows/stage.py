"""From the user's files to the row store of one side; nothing after it opens a file of theirs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tma_prep.artifact import (
    MANIFEST,
    Artifact,
    check_files,
    library_versions,
    read_manifest,
    tool_version,
)
from tma_prep.durable import file_entry, sha256_of, sync
from tma_prep.errors import ArtifactError, InputError
from tma_prep.files import AnyPath, file_state
from tma_prep.options import EmbedOptions
from tma_prep.progress import Progress
from tma_prep.rows.inputs_log import (
    UPDATE,
    InputsLog,
    absolute_names,
    all_gone,
    read_log,
    write_log,
)
from tma_prep.rows.read_rows import ReadOptions, ReadRows, SkippedRow
from tma_prep.rows.reading import read_files
from tma_prep.rows.recognition import columns_option, known_format
from tma_prep.rows.sources import find_files, partitions_of
from tma_prep.rows.store import RowStore
from tma_prep.workspace import Workspace
from tma_prep_schemas import FileEntry, InputFile, RowsManifest
from tma_prep_schemas.manifests import Option

Side = Literal["train", "test"]

_LIBRARIES = ("numpy", "pyarrow")


@dataclass(frozen=True)
class SideRows:
    """The row store of one side.

    Attributes:
        reused: Whether it was there already.
        inputs_gone: Whether the files that it was read from are not there any more.
    """

    store: RowStore
    reused: bool
    inputs_gone: bool = False

    @property
    def sha256(self) -> str:
        """Of its manifest."""
        return sha256_of(self.store.folder / MANIFEST)


def open_rows(workspace: Workspace, side: str) -> RowStore:
    """The finished row store of a side.

    Raises:
        ArtifactError: There is none, or a file of it is damaged.
    """
    artifact = workspace.rows(side)
    return RowStore(artifact.folder, artifact.open())


def take_in(
    side: Side, options: EmbedOptions, workspace: Workspace, progress: Progress
) -> SideRows:
    """Read the files of a side into its row store, unless they are there already.

    Files that were read before are known by their paths with size and time of change, or else by
    their SHA-256. Where all of them are gone, what was read is reused.

    Raises:
        InputError: A file or a row cannot be used; file, row, what is wrong and the remedy.
        ArtifactError: Other rows are there, or damaged ones, and they are not to be replaced.
    """
    folder = workspace.rows(side).folder
    patterns = options.train if side == "train" else options.test
    named = absolute_names(patterns)
    read_options = _read_options(side, options)
    config = _config(read_options)
    replace = options.overwrite or options.update
    found = _finished(folder, replace=options.overwrite)
    log = read_log(folder)
    if (
        found is not None
        and log is not None
        and log.named == named
        and all_gone(log, replace=replace)
    ):
        _refuse_other_options(folder, found, config, replace=replace)
        progress.note(f"{side}: the input files are gone; the rows that were read are reused")
        return SideRows(RowStore(folder, found), reused=True, inputs_gone=True)
    files = find_files(patterns)
    if found is not None and _is_same(found, config, files, log, progress, side):
        write_log(folder, named, files)
        return SideRows(RowStore(folder, found), reused=True)
    if found is not None and not replace:
        raise ArtifactError(_difference(folder, found, config, files, log))
    return SideRows(_make(side, folder, named, files, read_options, config, progress), reused=False)


def _make(
    side: Side,
    folder: Path,
    named: list[str],
    files: Sequence[AnyPath],
    options: ReadOptions,
    config: dict[str, Option],
    progress: Progress,
) -> RowStore:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        Artifact(folder, RowsManifest, "embed", folder.parent.parent).making() as making,
        progress.stage(f"Reading {side}", 0, "rows") as advance,
    ):
        states = [file_state(path) for path in files]
        partitions = partitions_of(named, files)
        read = read_files(files, making.folder, options, advance, partitions)
        if not read.rows:
            raise InputError(
                f"--{side}: no usable row is left ({len(read.skipped)} skipped); check the input"
            )
        manifest = _manifest(side, files, config, read, _write_skipped(making.folder, read.skipped))
        write_log(making.folder, named, files, states)
        making.finish(manifest)
    for note in read.notes:
        progress.note(f"{side}: {note}")
    return RowStore(folder, manifest)


def _manifest(
    side: Side,
    files: Sequence[AnyPath],
    config: dict[str, Option],
    read: ReadRows,
    skipped: FileEntry | None,
) -> RowsManifest:
    assert read.schema is not None
    inputs = [
        InputFile(name=path.name, bytes=one.bytes, sha256=one.sha256, rows=one.rows)
        for path, one in zip(files, read.inputs, strict=True)
    ]
    return RowsManifest(
        tool_version=tool_version(),
        libraries=library_versions(*_LIBRARIES),
        config=config,
        rows=read.rows,
        files=read.files,
        side=side,
        input_files=inputs,
        layouts=read.layouts,
        traits=read.traits,
        columns=[f"{column.name}: {column.type}" for column in read.schema],
        skipped_rows=len(read.skipped),
        skipped=skipped,
    )


def _config(options: ReadOptions) -> dict[str, Option]:
    """The options that bear on the rows."""
    columns = ",".join(f"{role}={name}" for role, name in options.columns.items())
    return {
        "format": options.format,
        "columns": columns or None,
        "task_column": options.task_column,
        "on_bad_row": options.on_bad_row,
        "vectors_column": options.vectors_column,
        "ni_examples": options.examples,
        "answered": options.answered,
    }


def _read_options(side: Side, options: EmbedOptions) -> ReadOptions:
    train = side == "train"
    prefix = "--" if train else "--test-"
    name = options.format if train else options.test_format
    known_format(name, f"{prefix}format")
    columns = options.columns if train else options.test_columns
    return ReadOptions(
        format=name,
        columns=columns_option(columns, f"{prefix}columns"),
        task_column=options.task_column,
        task_optional=not train,
        on_bad_row=options.on_bad_row,
        vectors_column=options.vectors_column,
        answered=train and options.text != "prompt",
        examples=options.ni_examples,
        ids_name_rows=not train,
    )


def _finished(folder: Path, *, replace: bool) -> RowsManifest | None:
    """What is there, whole; None where there is nothing, or it is damaged and to be replaced."""
    try:
        manifest = read_manifest(folder / MANIFEST, RowsManifest)
        if manifest is not None:
            check_files(folder, manifest, "make it again with --overwrite")
    except ArtifactError:
        if replace:
            return None
        raise
    return manifest


def _other_options(found: RowsManifest, config: dict[str, Option]) -> list[str]:
    """Options that lead to other rows; what becomes of bad ones matters where there were some."""
    other = [name for name in config if found.config.get(name) != config[name]]
    if not found.skipped_rows:
        other = [name for name in other if name != "on_bad_row"]
    if not (found.traits.unanswered if config["answered"] else found.skipped_rows):
        other = [name for name in other if name != "answered"]
    return other


def _refuse_other_options(
    folder: Path, found: RowsManifest, config: dict[str, Option], *, replace: bool
) -> None:
    if not _other_options(found, config):
        return
    remedy = "put them back" if replace else f"put them back, and {UPDATE}"
    raise ArtifactError(
        f"{_difference(folder, found, config, [], None)}; the input files are not there any more: "
        f"{remedy}"
    )


def _is_same(
    found: RowsManifest,
    config: dict[str, Option],
    files: Sequence[AnyPath],
    log: InputsLog | None,
    progress: Progress,
    side: Side,
) -> bool:
    """Whether these files with these options were read: by size and time of change, else SHA-256.

    Whether the files moved does not matter, nor their names: their content and order do.
    """
    if _other_options(found, config) or len(files) != len(found.input_files):
        return False
    states = [file_state(path) for path in files]
    if [size for size, _ in states] != [file.bytes for file in found.input_files]:
        return False
    known = [] if log is None else [(file.path, file.bytes, file.state) for file in log.files]
    if known == [(str(path), *state) for path, state in zip(files, states, strict=True)]:
        return True
    total = sum(size for size, _ in states)
    with progress.stage(f"Checking {side} files", total, "bytes") as advance:
        return all(
            sha256_of(path, on_bytes=advance) == file.sha256
            for path, file in zip(files, found.input_files, strict=True)
        )


def _difference(
    folder: Path,
    found: RowsManifest,
    config: dict[str, Option],
    files: Sequence[AnyPath],
    log: InputsLog | None,
) -> str:
    """What is there, and what is wanted, in a line."""
    shown = {"answered": "text"}
    options = [
        f"--{shown.get(name, name).replace('_', '-')} was {found.config.get(name) or 'unset'}, "
        f"now {config[name] or 'unset'}"
        for name in _other_options(found, config)
    ]
    before = [file.name for file in found.input_files]
    now = [path.name for path in files]
    if files and before != now:
        options.append(f"made from {_listed(before)}, now {_listed(now)}")
    elif files and not options:
        options.append(f"{_listed(now)} changed since it was read")
    return f"{folder}: holds rows made differently ({'; '.join(options)}); {UPDATE}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def _write_skipped(folder: Path, skipped: Sequence[SkippedRow]) -> FileEntry | None:
    if not skipped:
        return None
    path = folder / "skipped.jsonl"
    lines = [
        json.dumps(
            {"row": bad.row, "place": bad.place, "reason": bad.reason},
            ensure_ascii=False,
        )
        for bad in skipped
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sync(path)
    return file_entry(path, len(skipped))
