"""`tma-prep train-check`: shards to test-loss curves and a report."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tma_prep.artifacts import (
    MANIFEST,
    Workspace,
    check_files,
    file_entry,
    find_finished,
    read_manifest,
    sha256_of,
    staged_folder,
    sync,
    write_manifest,
    write_text,
)
from tma_prep.config import TrainCheckOptions
from tma_prep.embedding.store import EmbeddingStore
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.instances import FORMATS, InstancePool
from tma_prep.pipeline.inputs import check_inputs
from tma_prep.pipeline.libraries import library_versions, tool_version
from tma_prep.progress import Progress, Silent, Stopwatch
from tma_prep_schemas import CheckManifest, CheckSummary, EmbeddingsManifest, ShardsManifest

_LIBRARIES = ("numpy", "pyarrow", "torch", "transformers", "tokenizers")
_TOKENIZER_ROWS = 20_000  # enough for a few thousand merges, whatever the size of the pool
_NOT_RECORDED = ("work", "name", "overwrite")


@dataclass(frozen=True)
class TrainCheckResult:
    """What `train-check` measured, and where it stands."""

    workspace: str
    folder: str
    report: str
    summary: CheckSummary
    kept: bool
    seconds: dict[str, float]


def train_check(options: TrainCheckOptions, progress: Progress | None = None) -> TrainCheckResult:
    """Train the same start weights on each order's shards and measure the test loss on the way.

    Raises:
        TmaPrepError: In one line: what is wrong, and the remedy.
    """
    progress = progress or Silent()
    clock = Stopwatch()
    workspace = Workspace(options.work)
    with workspace.locked():
        with clock("open"):
            stores = {side: _embedded(workspace, side) for side in ("train", "test")}
            shards = _open_shards(workspace, options)
            options = options.model_copy(update={"orders": list(shards)})
            folder = workspace.check(options.name or "-".join(shards))
            inputs = {
                **{f"shards/{name}": _sha256(workspace.shards(name)) for name in shards},
                "embeddings/test": _sha256(workspace.embeddings("test")),
            }
            config = options.recorded(*_NOT_RECORDED)
            kept = find_finished(
                folder / MANIFEST, CheckManifest, config, inputs, overwrite=options.overwrite
            )
        if kept is not None:
            text = (folder / "summary.json").read_text(encoding="utf-8")
            summary = CheckSummary.model_validate_json(text)
        else:
            with staged_folder(folder) as partial:
                with clock("train"):
                    summary = _measure(partial, workspace, shards, stores, options, progress)
                names = ("curves.parquet", "summary.json", "report.html")
                rows = {"curves.parquet": pq.read_metadata(partial / "curves.parquet").num_rows}
                manifest = CheckManifest(
                    tool_version=tool_version(),
                    libraries=library_versions(*_LIBRARIES),
                    config=config,
                    inputs=inputs,
                    rows=rows["curves.parquet"],
                    files=[file_entry(partial / name, rows.get(name, 0)) for name in names],
                    orders=list(shards),
                )
                write_manifest(partial / MANIFEST, manifest)
    return TrainCheckResult(
        workspace=str(options.work),
        folder=str(folder),
        report=str(folder / "report.html"),
        summary=summary,
        kept=kept is not None,
        seconds=clock.seconds,
    )


def _open_shards(workspace: Workspace, options: TrainCheckOptions) -> dict[str, ShardsManifest]:
    """The shards asked for, by name; all that are there if none is named."""
    folder = workspace.shards("x").parent
    there = sorted(path.parent.name for path in folder.glob(f"[!.]*/{MANIFEST}"))
    if not there:
        raise ArtifactError(
            f"{workspace.root}: holds no shards; run tma-prep arrange {workspace.root} first"
        )
    if len(set(options.orders)) < len(options.orders):
        raise OptionError("an --order is named twice; name each once")
    opened = {}
    for name in options.orders or there:
        manifest = read_manifest(workspace.shards(name) / MANIFEST, ShardsManifest)
        if manifest is None:
            raise ArtifactError(
                f"--order {name}: {workspace.shards(name)} holds no finished shards; "
                f"there are {', '.join(there)}"
            )
        check_files(workspace.shards(name), manifest, "run arrange again with --overwrite")
        opened[name] = manifest
    for name, manifest in opened.items():
        for side in ("train", "test"):
            if manifest.inputs[f"embeddings/{side}"] != _sha256(workspace.embeddings(side)):
                raise ArtifactError(
                    f"{workspace.shards(name)}: was arranged from other {side} embeddings than the "
                    "workspace holds now; run arrange again with --overwrite"
                )
    return opened


def _embedded(workspace: Workspace, side: str) -> EmbeddingStore:
    folder = workspace.embeddings(side)
    manifest = read_manifest(folder / MANIFEST, EmbeddingsManifest)
    if manifest is None:
        raise ArtifactError(f"{folder}: holds no finished embeddings; run tma-prep embed first")
    check_inputs(manifest.source)
    return EmbeddingStore(folder, manifest)


def _sha256(folder: Path) -> str:
    return sha256_of(folder / MANIFEST)


def _measure(
    folder: Path,
    workspace: Workspace,
    shards: dict[str, ShardsManifest],
    stores: dict[str, EmbeddingStore],
    options: TrainCheckOptions,
    progress: Progress,
) -> CheckSummary:
    """Train on every order, and write curves, summary and report into the folder."""
    with progress.stage("Loading torch and transformers", 0, ""):
        from tma_prep.report import render_check_report
        from tma_prep.training.curves import check_summary, curves_table
        from tma_prep.training.data import encode_tests, train_tokenizer
        from tma_prep.training.loop import TrainSettings, train_order
        from tma_prep.training.model import tiny_llama

    with progress.stage("Training the tokenizer", 0, ""):
        tokenizer = train_tokenizer(_sample(stores["train"]), options.vocabulary)
    tests = encode_tests(tokenizer, _test_rows(stores["test"]), options.max_tokens)
    start = tiny_llama(len(tokenizer), options.max_tokens, options.seed)
    rows = min(manifest.rows for manifest in shards.values())
    settings = TrainSettings(
        steps=max(1, min(options.steps, rows // options.batch_size)),
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        max_tokens=options.max_tokens,
        seed=options.seed,
        device=_device(options.device),
    )
    if settings.steps < options.steps:
        progress.note(f"the shards hold {rows:,} rows: {settings.steps} steps, not {options.steps}")
    evaluations = []
    for name, manifest in shards.items():
        with progress.stage(f"Training on {name}", settings.steps, "steps") as advance:
            evaluations += train_order(
                name,
                _exchanges(workspace.shards(name), manifest),
                tests.scored,
                start,
                tokenizer,
                settings,
                on_step=lambda: advance(1),
            )
    curves = curves_table(evaluations, tests.scored)
    summary = check_summary(
        curves,
        settings,
        parameters=start.num_parameters(),
        unscored_test_rows=tests.unscored_rows,
    )
    pq.write_table(curves, folder / "curves.parquet", compression="zstd")
    sync(folder / "curves.parquet")
    write_text(folder / "summary.json", summary.model_dump_json(indent=2) + "\n")
    shown = options.recorded(*_NOT_RECORDED)
    write_text(folder / "report.html", render_check_report(summary, curves, shown))
    return summary


def _device(name: str) -> str:
    from tma_prep.devices import resolve_device

    return resolve_device(name)


def _sample(train: EmbeddingStore) -> Iterator[str]:
    """Prompts and responses of up to `_TOKENIZER_ROWS` rows, evenly spaced over the pool."""
    stride = -(-train.shape[0] // _TOKENIZER_ROWS)
    pool = InstancePool.from_source(train.manifest.source)
    for row in pool.instances(train.rows[::stride]):
        yield row.prompt
        yield f" {row.response}"


def _test_rows(test: EmbeddingStore) -> Iterator[tuple[int, str | None, str, str]]:
    for row in InstancePool.from_source(test.manifest.source).instances(test.rows):
        yield row.row, row.task, row.prompt, row.response


def _exchanges(folder: Path, manifest: ShardsManifest) -> Iterator[tuple[str, str]]:
    """Prompt and response of every row of the shards, read by their public columns alone."""
    from tma_prep.training.data import read_shards

    exchange = FORMATS[manifest.format].exchange
    for row in read_shards(folder, [entry.file for entry in manifest.files]):
        yield exchange(row)
