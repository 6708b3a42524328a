"""How many tokens each training row has, for budgets of tokens and for the schedule."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tma_prep.durable import sha256_of
from tma_prep.embeddings.store import EmbeddingStore
from tma_prep.errors import DependencyError
from tma_prep.progress import Progress

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_TEXTS_AT_ONCE = 1024


def counted_by(train: EmbeddingStore, tokenizer: Path | None) -> str:
    """Who counts: `encoder`, `words`, or the name of the tokenizer file."""
    if tokenizer is not None:
        return tokenizer.name
    return "words" if train.manifest.encoder is None else "encoder"


def open_tokenizer(tokenizer: Path) -> "Tokenizer":
    """A `tokenizer.json`, or that of a folder.

    Raises:
        DependencyError: The file is no tokenizer.
    """
    from tokenizers import Tokenizer

    path = _file(tokenizer)
    try:
        # The library raises bare exceptions.
        loaded = Tokenizer.from_file(str(path))
    except Exception as error:
        raise DependencyError(
            f"--tokenizer {path}: is no tokenizer ({str(error)[:80]}); name a tokenizer.json, or a "
            "folder that holds one"
        ) from error
    loaded.no_truncation()
    return loaded


def tokenizer_sha256(tokenizer: Path) -> str:
    """SHA-256 of what `open_tokenizer` opens."""
    return sha256_of(_file(tokenizer))


def _file(tokenizer: Path) -> Path:
    return tokenizer / "tokenizer.json" if tokenizer.is_dir() else tokenizer


def tokens_of_rows(
    train: EmbeddingStore, tokenizer: Path | None, progress: Progress
) -> NDArray[np.int64]:
    """Tokens of prompt and response of each stored row, special tokens apart.

    Args:
        train: The training side.
        tokenizer: A `tokenizer.json`, or a folder that holds one; None for what `embed` counted.
        progress: Told of the stage.

    Raises:
        DependencyError: The file is no tokenizer.
    """
    if tokenizer is None:
        tokens: NDArray[np.int64] = train.instances("tokens").column("tokens").to_numpy()
        return tokens
    loaded = open_tokenizer(tokenizer)
    counts: list[int] = []
    texts = (sample.whole_text for sample in train.row_store.samples(train.rows))
    with progress.stage("Counting tokens", train.shape[0], "rows") as advance:
        while batch := list(itertools.islice(texts, _TEXTS_AT_ONCE)):
            encoded = loaded.encode_batch_fast(batch, add_special_tokens=False)
            counts += [len(found.ids) for found in encoded]
            advance(len(batch))
    return np.array(counts, dtype=np.int64)
