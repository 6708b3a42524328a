"""`tma-prep embed`: instances to embeddings."""

import contextlib
from collections.abc import Iterator

import pyarrow.compute as pc

from tma_prep.embeddings.given_vectors import write_given_vectors
from tma_prep.embeddings.model import ResolvedModel, resolve_model
from tma_prep.embeddings.parts import PartsFolder
from tma_prep.embeddings.results import EmbedPlan, EmbedResult, SidePlan, SideResult
from tma_prep.embeddings.side import (
    EmbedSide,
    finish_side,
    open_side,
    side_config,
    side_result,
    view_of,
)
from tma_prep.embeddings.store import EmbeddingStore
from tma_prep.embeddings.texts_side import LoadedModel, TextsOfSide
from tma_prep.embeddings.update import check_updatable
from tma_prep.errors import OptionError
from tma_prep.options import EmbedOptions
from tma_prep.progress import Progress, Silent, Stopwatch
from tma_prep.rows import RowStore, Side, take_in
from tma_prep.workspace import Workspace
from tma_prep_schemas.manifests import Option

LEAST_MEMORY_BYTES = 10**9
"""Measured with all-MiniLM-L6-v2: 0.8 GB, of rows of 20 kB as of rows of 700 kB."""

SIDES: tuple[Side, Side] = ("test", "train")
"""The test side first: it is small, and its mistakes show before the hours are spent."""


def embed(options: EmbedOptions, progress: Progress | None = None) -> EmbedResult:
    """Embed both sides into the workspace; what is finished already is kept.

    Raises:
        TmaPrepError: In one line: the file and row, or the option, and the remedy.
    """
    progress = progress or Silent()
    clock = Stopwatch()
    check_options(options)
    workspace = Workspace(options.out)
    results: dict[Side, SideResult] = {}
    encoder: dict[str, Option] | None = None
    with workspace.locked(create=True), contextlib.ExitStack() as stack:
        model = (
            None
            if options.vectors_column
            else resolve_model(options.model, trusted=options.trust_remote_code)
        )
        if options.update and model is not None:
            _check_updatable(options, model, workspace, progress)
        with clock("read"):
            rows = {side: take_in(side, options, workspace, progress) for side in SIDES}
        sides = [open_side(side, rows[side], options, model, workspace) for side in SIDES]
        opened: LoadedModel | None = None
        dimension: int | None = None
        for side in sides:
            if side.finished is None and model is not None and opened is None:
                with clock("load"):
                    opened = stack.enter_context(_open_model(options, model, progress))
            with clock(side.side):
                if side.finished is not None:
                    results[side.side] = side_result(side.finished, side)
                elif opened is None:
                    results[side.side] = embed_vectors(side, options, dimension, progress)
                else:
                    results[side.side] = TextsOfSide(side, options, opened, progress).embed()
            dimension = results[side.side].dimension
            if side.side == "test":
                _tell_equal_tests(workspace, rows["test"].store, options, progress)
            if opened is not None:
                encoder = opened.runner.described
            elif side.finished is not None:
                encoder = side.finished.encoder
    return EmbedResult(
        workspace=str(options.out),
        train=results["train"],
        test=results["test"],
        encoder=encoder,
        seconds=clock.seconds,
    )


def _tell_equal_tests(
    workspace: Workspace, rows: RowStore, options: EmbedOptions, progress: Progress
) -> None:
    """Tests with one text lead to one and the same order."""
    artifact = workspace.embeddings("test")
    store = EmbeddingStore(artifact.folder, artifact.finished(), rows)
    count, texts = store.shape[0], pc.count_distinct(store.ids).as_py()
    if texts < count:
        other = "" if view_of("test", options).exchange == "last" else " --test-exchange last or"
        remedy = f";{other} all may tell them apart" if rows.manifest.traits.conversation else ""
        progress.note(f"test: {count:,} rows have {texts:,} different texts{remedy}")


def plan_embedding(options: EmbedOptions, progress: Progress | None = None) -> EmbedPlan:
    """What `embed` would take; every row is read into `rows/`, and nothing is embedded.

    Raises:
        TmaPrepError: In one line: the file and row, or the option, and the remedy.
    """
    progress = progress or Silent()
    check_options(options)
    if options.vectors_column:
        raise OptionError("--plan judges the work of a model, and --vectors-column needs none")
    workspace = Workspace(options.out)
    model = resolve_model(options.model, trusted=options.trust_remote_code)
    plans: dict[Side, SidePlan | None] = dict.fromkeys(SIDES)
    with workspace.locked(create=True), _open_model(options, model, progress) as opened:
        for name in SIDES:
            rows = take_in(name, options, workspace, progress)
            side = open_side(name, rows, options, model, workspace)
            if side.finished is None:
                plans[name] = TextsOfSide(side, options, opened, progress).plan()
        return EmbedPlan(plans["train"], plans["test"], opened.runner.described)


def _check_updatable(
    options: EmbedOptions, model: ResolvedModel, workspace: Workspace, progress: Progress
) -> None:
    """Refuse an update in another way while the rows that it would replace are still there.

    Raises:
        ArtifactError: The text says what differs.
    """
    for side in SIDES:
        config = side_config(side, options, model)
        folder, found = workspace.embeddings(side).folder, workspace.embeddings(side).read()
        if found is not None and found.config != config:
            with _open_model(options, model, progress) as opened:
                check_updatable(folder, found, config, opened.runner.described)


def check_options(options: EmbedOptions) -> None:
    """Refuse combinations that have no meaning.

    Raises:
        OptionError: With the reason.
    """
    if options.update and options.vectors_column:
        raise OptionError(
            "--update takes over what a model made, and --vectors-column reads vectors; give "
            "--overwrite to read them again"
        )
    if options.prefix and options.prompt_name:
        raise OptionError("--prefix is a prompt, and --prompt-name names another; give one")
    if options.update and options.overwrite:
        raise OptionError("--update takes over what is there and --overwrite drops it; give one")
    if options.vectors_column is None and options.memory_bytes < LEAST_MEMORY_BYTES:
        raise OptionError(
            f"--memory-budget {options.memory_budget}: the libraries, a small model and what it "
            "works on take nearly 1 GB; give 1GB or more"
        )


def embed_vectors(
    side: EmbedSide, options: EmbedOptions, dimension: int | None, progress: Progress
) -> SideResult:
    """One side whose rows bring their vectors."""
    parts = PartsFolder(side.folder, {}, rows_per_part=options.rows_per_part, start_anew=True)
    with progress.stage(f"Embedding {side.side}", 0, "rows") as advance:
        count = write_given_vectors(
            side.rows.store,
            str(options.vectors_column),
            parts,
            view=view_of(side.side, options),
            rows_per_part=options.rows_per_part,
            dimension=dimension,
            advance=advance,
        )
    manifest = finish_side(side, parts, count, encoder=None, unique_texts=None, updated_from=[])
    return side_result(manifest, side)


@contextlib.contextmanager
def _open_model(
    options: EmbedOptions, model: ResolvedModel, progress: Progress
) -> Iterator[LoadedModel]:
    with contextlib.ExitStack() as stack:
        with progress.stage("Loading the model", 0, ""):
            from tma_prep.embeddings.encoder import EncoderSettings
            from tma_prep.embeddings.runners import open_runner
            from tma_prep.embeddings.saved import Reading

            settings = EncoderSettings(
                model,
                device=options.device,
                dtype=options.dtype,
                batch_tokens=options.batch_tokens,
                max_length=options.max_length,
                reading=Reading(
                    options.prefix,
                    options.prompt_name,
                    options.pooling,
                    options.layer,
                    options.chat_template,
                ),
                truncate=options.truncate,
            )
            runner = stack.enter_context(open_runner(settings, engine=options.engine))
        if not runner.encoder.saved.to_embed:
            progress.note(_pooled(options, runner.encoder.described))
        yield LoadedModel(runner.encoder, runner)


def _pooled(options: EmbedOptions, encoder: dict[str, Option]) -> str:
    """How the texts of a model are pooled that was not saved to embed any."""
    layer = "the last layer" if options.layer is None else f"layer {options.layer}"
    remedy = "" if options.pooling else "; --pooling takes another"
    return (
        f"--model {options.model} was not saved to embed texts: the hidden states of {layer} are "
        f"pooled by {encoder['pooling']}{remedy}"
    )
