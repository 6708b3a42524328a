"""`tma-prep embed`: instances to embeddings."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from tma_prep.artifacts import (
    MANIFEST,
    Workspace,
    file_entry,
    find_finished,
    sha256_of,
    staged_folder,
    sync,
    write_manifest,
)
from tma_prep.config import EmbedOptions
from tma_prep.embedding.model import ResolvedModel, resolve_model
from tma_prep.embedding.store import InstanceWriter, StoreWriter
from tma_prep.embedding.unit import unit_vectors
from tma_prep.errors import InputError
from tma_prep.instances import (
    InstancePool,
    SkippedRow,
    VectorColumn,
    find_files,
    render,
    text_id,
)
from tma_prep.pipeline.libraries import library_versions, tool_version
from tma_prep.progress import Progress, Silent, Stopwatch
from tma_prep_schemas import EmbeddingsManifest, FileEntry
from tma_prep_schemas.manifests import Option

if TYPE_CHECKING:
    from tma_prep.embedding.encoder import Encoder

Side = Literal["train", "test"]
SIDES: tuple[Side, Side] = ("test", "train")

_NOT_RECORDED = ("train", "test", "out", "overwrite")
_LIBRARIES = ("numpy", "pyarrow", "torch", "transformers", "tokenizers", "sentence-transformers")


@dataclass(frozen=True)
class SideResult:
    """What became of one side.

    Attributes:
        kept: Whether a finished store was found and left as it was.
    """

    rows: int
    files: int
    format: str
    dimension: int
    skipped_rows: int
    truncated_rows: int
    response_cut_rows: int
    kept: bool


@dataclass(frozen=True)
class EmbedResult:
    """What `embed` did; `encoder` is None where vectors were given."""

    workspace: str
    train: SideResult
    test: SideResult
    encoder: dict[str, Option] | None
    seconds: dict[str, float]


def embed(options: EmbedOptions, progress: Progress | None = None) -> EmbedResult:
    """Embed both sides into the workspace; what is finished already is kept.

    Raises:
        TmaPrepError: In one line: the file and row, or the option, and the remedy.
    """
    progress = progress or Silent()
    clock = Stopwatch()
    # The test side first: it is small, and its mistakes show before the hours are spent.
    pools = {side: _pool(side, options) for side in SIDES}
    workspace = Workspace(options.out)
    with workspace.locked(create=True):
        model = None if options.vectors_column else resolve_model(options.model)
        plans = {
            side: _plan(side, pools[side], options, model, workspace, progress) for side in SIDES
        }
        source: Encoder | VectorColumn | None = None
        if any(plan.finished is None for plan in plans.values()):
            with clock("load"):
                source = _vector_source(options, model, progress)
        manifests: dict[Side, EmbeddingsManifest] = {}
        for side, plan in plans.items():
            with clock(side):
                manifests[side] = plan.finished or _embed_side(
                    plan, options, source, manifests.get("test"), progress
                )
    results = {side: _result(manifests[side], plans[side]) for side in plans}
    return EmbedResult(
        workspace=str(options.out),
        train=results["train"],
        test=results["test"],
        encoder=manifests["train"].encoder,
        seconds=clock.seconds,
    )


@dataclass(frozen=True)
class _Plan:
    """One side, before any work on it.

    Attributes:
        states: Size and time of change (nanoseconds) of each file, before it was read.
        hashes: Size and SHA-256 of each file.
    """

    side: Side
    folder: Path
    pool: InstancePool
    states: list[tuple[int, int]]
    hashes: list[tuple[int, str]]
    config: dict[str, Option]
    inputs: dict[str, str]
    finished: EmbeddingsManifest | None


def _pool(side: Side, options: EmbedOptions) -> InstancePool:
    files = find_files(options.train if side == "train" else options.test)
    return InstancePool(
        files,
        format_name=options.format,
        task_column=options.task_column,
        task_optional=side == "test",
    )


def _plan(
    side: Side,
    pool: InstancePool,
    options: EmbedOptions,
    model: ResolvedModel | None,
    workspace: Workspace,
    progress: Progress,
) -> _Plan:
    states = [(path.stat().st_size, path.stat().st_mtime_ns) for path in pool.files]
    total = sum(size for size, _ in states)
    with progress.stage(f"Checking {side} files", total, "bytes") as advance:
        hashes = [(path.stat().st_size, sha256_of(path, on_bytes=advance)) for path in pool.files]
    inputs = {str(path): sha256 for path, (_, sha256) in zip(pool.files, hashes, strict=True)}
    config = options.recorded(*_NOT_RECORDED) | {"model_sha256": model.sha256 if model else None}
    manifest_path = workspace.embeddings(side) / MANIFEST
    finished = find_finished(
        manifest_path,
        EmbeddingsManifest,
        config,
        inputs,
        overwrite=options.overwrite,
        same=_same_embeddings,
    )
    return _Plan(side, manifest_path.parent, pool, states, hashes, config, inputs, finished)


def _same_embeddings(option: str, existing: EmbeddingsManifest) -> bool:
    """What was to happen with bad rows does not matter where there were none."""
    return option == "on_bad_row" and existing.skipped_rows == 0


def _vector_source(
    options: EmbedOptions, model: ResolvedModel | None, progress: Progress
) -> "Encoder | VectorColumn":
    if model is None:
        return VectorColumn(str(options.vectors_column))
    with progress.stage("Loading the model", 0, ""):
        from tma_prep.embedding.encoder import Encoder

        return Encoder(
            model,
            device=options.device,
            dtype=options.dtype,
            batch_size=options.batch_size,
            max_length=options.max_length,
            prefix=options.prefix,
            truncate=options.truncate,
        )


def _embed_side(
    plan: _Plan,
    options: EmbedOptions,
    source: "Encoder | VectorColumn | None",
    test: EmbeddingsManifest | None,
    progress: Progress,
) -> EmbeddingsManifest:
    column = source if isinstance(source, VectorColumn) else None
    encoder = None if isinstance(source, VectorColumn) else source
    total = 0 if encoder is None else _count_rows(plan, options, progress)
    truncated = response_cut = rows = 0
    skipped: list[SkippedRow] = []
    with staged_folder(plan.folder) as folder:
        writer = StoreWriter(folder, options.rows_per_part)
        instances = InstanceWriter(folder)
        with progress.stage(f"Embedding {plan.side}", total, "rows") as advance:
            for batch in plan.pool.batches(options.on_bad_row, column):
                skipped += batch.skipped
                if not batch.instances:
                    continue
                texts = [render(row.prompt, row.response, options.text) for row in batch.instances]
                if encoder is None:
                    vectors = unit_vectors(np.stack(batch.vectors))
                    tokens = [len((prompt + response).split()) for prompt, response in texts]
                    advance(len(vectors))
                else:
                    encoded = encoder.encode(texts, on_done=advance)
                    vectors, tokens = encoded.vectors, encoded.tokens
                    truncated += encoded.truncated
                    response_cut += encoded.response_cut
                if test is not None and vectors.shape[1] != test.dimension:
                    raise InputError(
                        f"train vectors have {vectors.shape[1]} components and test vectors "
                        f"{test.dimension}; embed both with one model, or give vectors of one "
                        "length"
                    )
                ids = [text_id(prompt + response) for prompt, response in texts]
                numbers = [row.row for row in batch.instances]
                writer.add(numbers, ids, vectors)
                instances.add(
                    numbers,
                    [row.name for row in batch.instances],
                    [row.task for row in batch.instances],
                    tokens,
                )
                rows += len(ids)
        if rows == 0:
            raise InputError(
                f"--{plan.side}: no usable row is left ({len(skipped)} skipped); check the input"
            )
        _check_unchanged(plan)
        manifest = EmbeddingsManifest(
            tool_version=tool_version(),
            libraries=library_versions(*_LIBRARIES),
            config=plan.config,
            inputs=plan.inputs,
            rows=rows,
            files=writer.finish(),
            instances=instances.finish(),
            side=plan.side,
            source=plan.pool.source(plan.hashes),
            dimension=vectors.shape[1],
            encoder=None if encoder is None else encoder.described,
            skipped_rows=len(skipped),
            skipped=_write_skipped(folder, skipped),
            truncated_rows=truncated,
            response_cut_rows=response_cut,
        )
        write_manifest(folder / MANIFEST, manifest)
    return manifest


def _count_rows(plan: _Plan, options: EmbedOptions, progress: Progress) -> int:
    """Validate every row before the first is embedded, and count the good ones."""
    count = 0
    with progress.stage(f"Reading {plan.side}", 0, "rows") as advance:
        for batch in plan.pool.batches(options.on_bad_row):
            count += len(batch.instances)
            advance(len(batch.instances))
    return count


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


def _check_unchanged(plan: _Plan) -> None:
    """Refuse inputs that were written to while they were read."""
    for path, (size, modified) in zip(plan.pool.files, plan.states, strict=True):
        found = path.stat()
        if (found.st_size, found.st_mtime_ns) != (size, modified):
            raise InputError(f"{path}: changed while it was embedded; run embed again")


def _result(manifest: EmbeddingsManifest, plan: _Plan) -> SideResult:
    return SideResult(
        rows=manifest.rows,
        files=len(manifest.source.files),
        format=manifest.source.format,
        dimension=manifest.dimension,
        skipped_rows=manifest.skipped_rows,
        truncated_rows=manifest.truncated_rows,
        response_cut_rows=manifest.response_cut_rows,
        kept=plan.finished is not None,
    )
