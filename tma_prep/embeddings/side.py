"""One side of `tma-prep embed`: what is wanted, what is there, and how its store is finished."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from tma_prep.artifact import MANIFEST, Workspace, file_entry, find_finished, sha256_of, sync
from tma_prep.embeddings.model import ResolvedModel
from tma_prep.embeddings.parts import PartsFolder
from tma_prep.embeddings.results import Side, SideResult
from tma_prep.errors import InputError
from tma_prep.options import EmbedOptions
from tma_prep.progress import Progress
from tma_prep.remote import file_state
from tma_prep.rows import InstancePool, SkippedRow
from tma_prep.versions import library_versions, tool_version
from tma_prep_schemas import EmbeddingsManifest, FileEntry
from tma_prep_schemas.manifests import Option

_NOT_RECORDED = (
    *("train", "test", "out", "overwrite", "update"),
    *("device", "engine", "address", "memory_budget"),
)
LIBRARIES = ("numpy", "pyarrow", "torch", "transformers", "tokenizers", "sentence-transformers")


@dataclass(frozen=True)
class EmbedSide:
    """One side, before any work on it.

    Attributes:
        folder: Where its store belongs.
        states: Size of each file and what changes with its content, before it was read.
        hashes: Size and SHA-256 of each file.
        finished: The store that is there already, if it is the one wanted.
    """

    side: Side
    folder: Path
    pool: InstancePool
    states: list[tuple[int, str]]
    hashes: list[tuple[int, str]]
    config: dict[str, Option]
    inputs: dict[str, str]
    finished: EmbeddingsManifest | None


def open_side(
    side: Side,
    pool: InstancePool,
    options: EmbedOptions,
    model: ResolvedModel | None,
    workspace: Workspace,
    progress: Progress,
) -> EmbedSide:
    """Hash the inputs of one side, and see whether its store is finished.

    Raises:
        ArtifactError: One is there that was made differently or is damaged.
    """
    states = [file_state(path) for path in pool.files]
    total = sum(size for size, _ in states)
    with progress.stage(f"Checking {side} files", total, "bytes") as advance:
        hashes = [
            (size, sha256_of(path, on_bytes=advance))
            for path, (size, _) in zip(pool.files, states, strict=True)
        ]
    inputs = {str(path): sha256 for path, (_, sha256) in zip(pool.files, hashes, strict=True)}
    config = options.recorded(*_NOT_RECORDED) | {"model_sha256": model.sha256 if model else None}
    folder = workspace.embeddings(side)
    finished = find_finished(
        folder / MANIFEST,
        EmbeddingsManifest,
        config,
        inputs,
        overwrite=options.overwrite or options.update,
        same=lambda option, existing: _same_embeddings(option, options, existing),
        remedy_for_inputs=None
        if model is None
        else "give --update to embed only the texts that are new, --overwrite to replace it, or "
        "use another workspace",
    )
    return EmbedSide(side, folder, pool, states, hashes, config, inputs, finished)


def _same_embeddings(option: str, options: EmbedOptions, existing: EmbeddingsManifest) -> bool:
    """Whether the store is the one wanted, however this option was given."""
    if option == "on_bad_row":
        # What was to happen with bad rows does not matter where there were none.
        return existing.skipped_rows == 0
    if option == "dtype" and existing.encoder is not None:
        return existing.encoder.get("dtype") == options.dtype
    return False


def finish_side(
    side: EmbedSide,
    parts: PartsFolder,
    count: int,
    skipped: Sequence[SkippedRow],
    *,
    encoder: dict[str, Option] | None,
    unique_texts: int | None,
    updated_from: list[str],
) -> EmbeddingsManifest:
    """Write the manifest and let the store take its place."""
    skipped_file = _write_skipped(parts.folder, skipped)

    def manifest(files: list[FileEntry], instances: FileEntry) -> EmbeddingsManifest:
        table = pq.read_table(
            parts.folder / instances.file, columns=["tokens", "tokens_read", "response_cut"]
        )
        lost = pc.subtract(table["tokens"], table["tokens_read"])
        return EmbeddingsManifest(
            tool_version=tool_version(),
            libraries=library_versions(*LIBRARIES),
            config=side.config,
            inputs=side.inputs,
            rows=instances.rows,
            files=files,
            instances=instances,
            side=side.side,
            source=side.pool.source(side.hashes),
            dimension=parts.dimension,
            encoder=encoder,
            skipped_rows=len(skipped),
            skipped=skipped_file,
            unique_texts=unique_texts,
            tokens=pc.sum(table["tokens"]).as_py(),
            tokens_lost=pc.sum(lost).as_py(),
            truncated_rows=pc.sum(pc.greater(lost, 0)).as_py(),
            response_cut_rows=pc.sum(table["response_cut"]).as_py(),
            updated_from=updated_from,
        )

    return parts.finish(count, manifest)


def _write_skipped(folder: Path, skipped: Sequence[SkippedRow]) -> FileEntry | None:
    if not skipped:
        return None
    path = folder / "skipped.jsonl"
    lines = [
        json.dumps({"row": bad.row, "place": bad.place, "reason": bad.reason}, ensure_ascii=False)
        for bad in skipped
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sync(path)
    return file_entry(path, len(skipped))


def check_unchanged(side: EmbedSide) -> None:
    """Refuse inputs that were written to while they were read."""
    for path, state in zip(side.pool.files, side.states, strict=True):
        if file_state(path) != state:
            raise InputError(
                f"{path}: changed while it was embedded; run embed again, with --overwrite if it "
                "says that the input differs"
            )


def no_row(side: Side, skipped: Sequence[SkippedRow]) -> InputError:
    """What is raised where every row was skipped."""
    return InputError(f"--{side}: no usable row is left ({len(skipped)} skipped); check the input")


def side_result(
    manifest: EmbeddingsManifest,
    side: EmbedSide,
    *,
    embedded_texts: int = 0,
    resumed_rows: int = 0,
    stayed_texts: int = 0,
    gone_texts: int = 0,
) -> SideResult:
    """What is told of one side."""
    return SideResult(
        rows=manifest.rows,
        files=len(manifest.source.files),
        format=manifest.source.format,
        dimension=manifest.dimension,
        skipped_rows=manifest.skipped_rows,
        kept=side.finished is not None,
        unique_texts=manifest.unique_texts,
        embedded_texts=embedded_texts,
        resumed_rows=resumed_rows,
        stayed_texts=stayed_texts,
        gone_texts=gone_texts,
        tokens=manifest.tokens,
        tokens_lost=manifest.tokens_lost,
        truncated_rows=manifest.truncated_rows,
        response_cut_rows=manifest.response_cut_rows,
    )
