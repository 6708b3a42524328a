"""The texts of a check: what leaks, and what the processes that train read."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tma_prep.checks.data import EncodedTests, encode_tests, train_tokenizer
from tma_prep.checks.orders import PlannedRun
from tma_prep.checks.tasks import (
    TESTS,
    TESTS_SCHEMA,
    TEXTS,
    TEXTS_SCHEMA,
    TOKENIZER,
    Work,
    write_texts,
)
from tma_prep.durable import write_text
from tma_prep.embeddings import EmbeddingStore, Sides
from tma_prep.leakage import Leaks, leaks_by_words
from tma_prep.options import TrainCheckOptions
from tma_prep.progress import Progress
from tma_prep.rows import RowStore
from tma_prep.workspace import Workspace

_TOKENIZER_ROWS = 10_000  # enough for a few thousand merges, whatever the size of the pool


def leaks_of(
    workspace: Workspace, sides: Sides, options: TrainCheckOptions, progress: Progress
) -> Leaks | None:
    """What leaks by its words, where base training or the control needs to know."""
    if not options.base_steps and "no-leak" not in (options.controls or []):
        return None
    return leaks_by_words(sides, options.leak_ngrams, workspace.root, progress)


def lay_out_texts(
    work: Work,
    train: EmbeddingStore,
    test: EmbeddingStore,
    runs: Sequence[PlannedRun],
    base: dict[int, NDArray[np.int64]],
    options: TrainCheckOptions,
    progress: Progress,
) -> EncodedTests:
    """Lay out the texts that the processes read; the tests as tokens."""
    from tma_prep.checks.worker import load_tokenizer

    pool = train.row_store
    if work.model is None:
        with progress.stage("Training the tokenizer", 0, ""):
            tokenizer = train_tokenizer(_sample(train, pool), options.vocabulary)
            write_text(work.folder / TOKENIZER, tokenizer.backend_tokenizer.to_str())
    drawn = [run.rows for run in runs if run.shards is None] + list(base.values())
    wanted = np.unique(np.concatenate(drawn)) if drawn else np.empty(0, dtype=np.int64)
    texts = ((row.row, row.turns) for row in pool.samples(wanted))
    write_texts(work.folder / TEXTS, TEXTS_SCHEMA, texts if len(wanted) else iter(()))
    rows = [(row.row, row.task, row.turns) for row in test.row_store.samples(test.rows)]
    write_texts(work.folder / TESTS, TESTS_SCHEMA, rows)
    return encode_tests(load_tokenizer(work), rows, options.max_tokens)


def _sample(train: EmbeddingStore, pool: RowStore) -> Iterator[str]:
    """Turns of up to `_TOKENIZER_ROWS` rows, evenly spaced over the pool."""
    stride = -(-train.shape[0] // _TOKENIZER_ROWS)
    for row in pool.samples(train.rows[::stride]):
        first, *others = row.turns
        yield first
        yield from (f" {text}" for text in others)
