"""The embedding model: texts in, unit vectors out."""

import concurrent.futures
import contextlib
import functools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tma_prep.device import Dtype, resolve_device, resolve_dtype
from tma_prep.embeddings.model import ResolvedModel
from tma_prep.embeddings.packed_bert import PackedBert
from tma_prep.embeddings.saved import Reading, SavedModel
from tma_prep.embeddings.tokens import (
    Tokenised,
    TokenLists,
    TokenReader,
    Truncate,
    token_batches,
)
from tma_prep.embeddings.unit import unit_vectors
from tma_prep.errors import OptionError
from tma_prep.parallel import in_turn
from tma_prep_schemas.manifests import Option

_BATCH_TOKENS = {"cpu": 1024, "mps": 16_384, "cuda": 16_384}
"""Tokens of a batch. On a CPU a batch runs on one core and should fit its caches."""
_UNLIMITED = 2**31 - 1
"""The length of a model that has no limit."""


@dataclass(frozen=True)
class EncoderSettings:
    """What an encoder is made of; travels to other processes.

    Attributes:
        model: What `resolve_model` returned.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        dtype: Of the weights and the arithmetic; see `resolve_dtype`.
        batch_tokens: Tokens a forward pass, None for what suits the device.
        max_length: Tokens read of a text, special ones included; None for the model's own limit.
        reading: Prompt, pooling and so on, where the model leaves them open.
        truncate: What gives way in a long text: its end, or the end of the prompt.
        threads: Of the model on a CPU, None for one a core.
    """

    model: ResolvedModel
    device: str = "auto"
    dtype: Dtype = "auto"
    batch_tokens: int | None = None
    max_length: int | None = None
    reading: Reading = Reading()
    truncate: Truncate = "text"
    threads: int | None = None


class Encoder:
    """A loaded model, which computes what `SentenceTransformer.encode` does.

    On a CPU every batch is computed by one thread, and as many batches at once as there are cores:
    the bytes of a vector do not depend on how many.

    Attributes:
        saved: The model, and how it reads texts.
        described: How texts are encoded, for a manifest.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        """Load the model.

        Raises:
            DependencyError: The model cannot be loaded.
            OptionError: The device is not there, or the model has no such length, or what
                `SavedModel` refuses.
        """
        self.device = resolve_device(settings.device)
        kind = self.device.partition(":")[0]
        self.dtype = resolve_dtype(settings.dtype, self.device)
        self.saved = SavedModel(settings.model, settings.reading, self.device, self.dtype)
        self._model = self.saved.model
        limit = min(self._model.max_seq_length or 512, _UNLIMITED)
        if settings.max_length is not None and self._model.max_seq_length == math.inf:
            raise OptionError("--max-length: the model reads texts whole; leave the option out")
        length = settings.max_length or limit
        if not 8 <= length <= limit:
            raise OptionError(f"--max-length {length} must be from 8 to the model's {limit}")
        if length < _UNLIMITED:
            self._model.max_seq_length = length
        self._batch_tokens = settings.batch_tokens or _BATCH_TOKENS[kind]
        fits = kind == "cpu" and PackedBert.fits(self._model)
        self._packed = PackedBert(self._model) if fits else None
        self._threads = (settings.threads or os.cpu_count() or 1) if kind == "cpu" else 1
        self._reader = TokenReader(
            self._model.tokenizer,
            max_length=length,
            prefix=self.saved.prompt,
            truncate=settings.truncate,
            own_ids=self.saved.token_ids,
        )
        shown = self._reader.read([("a", "")]).ids.text(0)
        self._beside = self.saved.features_beside(self._reader.padded([shown], "cpu"), "a")
        self.described: dict[str, Option] = {
            "model": settings.model.name,
            "model_sha256": settings.model.sha256,
            "device": kind,
            "dtype": self.dtype,
            "batch_tokens": self._batch_tokens,
            "max_length": length,
            "prefix": self.saved.prompt,
            "truncate": settings.truncate,
            "pooling": self.saved.pooling,
            "layer": settings.reading.layer,
            "chat_template": settings.reading.chat_template,
        }

    def tokenised(self, texts: Sequence[tuple[str, str]]) -> Tokenised:
        """Tokenise texts; any thread may, while the model works.

        Args:
            texts: Each in two pieces, prompt and response, that make the text when joined.
        """
        return self._reader.read(texts)

    def vectors(
        self, texts: TokenLists, on_done: Callable[[int], None] = lambda _: None
    ) -> NDArray[np.float32]:
        """Embed tokenised texts.

        Args:
            texts: What `tokenised` made of them.
            on_done: Told how many more texts are embedded.

        Returns:
            float32, shape (texts, d), unit rows on the grid.
        """
        batches = token_batches(texts.lengths, most_tokens=self._batch_tokens)
        vectors = np.empty((len(texts.lengths), self.dimension), dtype=np.float32)

        def one(batch: NDArray[np.int64]) -> int:
            vectors[batch] = unit_vectors(self._forward([texts.text(place) for place in batch]))
            return len(batch)

        with (
            _one_thread_each(self.device),
            concurrent.futures.ThreadPoolExecutor(self._threads) as workers,
        ):
            for done in in_turn(workers, one, batches, ahead=2 * self._threads):
                on_done(done)
        return vectors

    @functools.cached_property
    def dimension(self) -> int:
        """Components of a vector."""
        found = self._model.get_embedding_dimension()
        shortest = self._reader.shortest.text(0)
        return int(found if found is not None else self._forward([shortest]).shape[1])

    def _forward(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """One pass of the model; shape (texts, d)."""
        truncated = slice(self._model.truncate_dim)
        if self._packed is not None:
            return self._packed(ids)[:, truncated]
        import torch

        features = self._beside | self._reader.padded(ids, self.device)
        with torch.inference_mode():
            found = self._model(features)["sentence_embedding"][:, truncated]
        vectors: NDArray[np.float32] = found.float().cpu().numpy()
        return vectors


@contextlib.contextmanager
def _one_thread_each(device: str) -> Iterator[None]:
    """On a CPU, let torch use one thread for each caller."""
    import torch

    threads = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
