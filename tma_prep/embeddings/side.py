"""One side of `tma-prep embed`: what is wanted, what is there, and how its store is finished."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from tma_prep.artifact import library_versions, tool_version
from tma_prep.embeddings.model import ResolvedModel
from tma_prep.embeddings.parts import PartsFolder
from tma_prep.embeddings.results import SideResult
from tma_prep.options import EmbedOptions
from tma_prep.rows import Side, SideRows, TextView
from tma_prep.workspace import Workspace
from tma_prep_schemas import EmbeddingsManifest, FileEntry
from tma_prep_schemas.manifests import Option

_NOT_RECORDED = (
    *("train", "test", "out", "overwrite", "update"),
    *("format", "columns", "test_format", "test_columns", "task_column", "on_bad_row"),
    *("ni_examples", "test_exchange"),
    *("device", "engine", "memory_budget"),
)
LIBRARIES = ("numpy", "pyarrow", "torch", "transformers", "tokenizers", "sentence-transformers")


@dataclass(frozen=True)
class EmbedSide:
    """One side, before any work on it.

    Attributes:
        folder: Where its store belongs.
        rows: Its row store.
        finished: The store that is there already, if it is the one wanted.
    """

    side: Side
    folder: Path
    rows: SideRows
    config: dict[str, Option]
    inputs: dict[str, str]
    finished: EmbeddingsManifest | None


def open_side(
    side: Side,
    rows: SideRows,
    options: EmbedOptions,
    model: ResolvedModel | None,
    workspace: Workspace,
) -> EmbedSide:
    """See whether the store of one side is finished.

    Raises:
        ArtifactError: One is there that was made differently or is damaged.
    """
    inputs = {f"rows/{side}": rows.sha256}
    config = side_config(side, options, model)
    artifact = workspace.embeddings(side)
    update = (
        "give --update to embed only the texts that are new, --overwrite to replace it, or use "
        "another workspace"
    )

    def same_dtype(option: str, existing: EmbeddingsManifest) -> bool:
        # What `auto` came to may be asked for by its name.
        encoder = existing.encoder
        return option == "dtype" and encoder is not None and encoder.get(option) == options.dtype

    finished = artifact.reused(
        config,
        inputs,
        overwrite=options.overwrite or options.update,
        same=same_dtype,
        if_stale=None if model is None else update,
    )
    return EmbedSide(side, artifact.folder, rows, config, inputs, finished)


def side_config(
    side: Side, options: EmbedOptions, model: ResolvedModel | None
) -> dict[str, Option]:
    """The options that bear on the vectors."""
    return options.recorded(*_NOT_RECORDED) | {
        "exchange": view_of(side, options).exchange,
        "model_sha256": model.sha256 if model else None,
    }


def view_of(side: Side, options: EmbedOptions) -> TextView:
    """What of the samples of a side is embedded."""
    exchange = options.test_exchange if side == "test" else None
    return TextView(exchange or options.exchange, options.text)


def finish_side(
    side: EmbedSide,
    parts: PartsFolder,
    count: int,
    *,
    encoder: dict[str, Option] | None,
    unique_texts: int | None,
    updated_from: list[str],
) -> EmbeddingsManifest:
    """Write the manifest and let the store take its place."""

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
            dimension=parts.dimension,
            encoder=encoder,
            unique_texts=unique_texts,
            tokens=pc.sum(table["tokens"]).as_py(),
            tokens_lost=pc.sum(lost).as_py(),
            truncated_rows=pc.sum(pc.greater(lost, 0)).as_py(),
            response_cut_rows=pc.sum(table["response_cut"]).as_py(),
            updated_from=updated_from,
        )

    return parts.finish(count, manifest)


def side_result(manifest: EmbeddingsManifest, side: EmbedSide, **counts: int) -> SideResult:
    """What is told of one side; `counts` are of what this run did."""
    rows = side.rows.store.manifest
    return SideResult(
        rows=manifest.rows,
        files=len(rows.input_files),
        format=", ".join(dict.fromkeys(layout.format for layout in rows.layouts)),
        dimension=manifest.dimension,
        skipped_rows=rows.skipped_rows,
        kept=side.finished is not None,
        unique_texts=manifest.unique_texts,
        tokens=manifest.tokens,
        tokens_lost=manifest.tokens_lost,
        truncated_rows=manifest.truncated_rows,
        response_cut_rows=manifest.response_cut_rows,
        **counts,
    )
