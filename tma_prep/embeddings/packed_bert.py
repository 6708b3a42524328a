"""BERT on a CPU without padding: texts lie one after the other in every matrix product.

The architecture of Devlin et al. (arXiv 1810.04805) in the modules of the loaded model; only
attention looks at one length at a time.
"""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor


class PackedBert:
    """A BERT encoder with mean or first-token pooling."""

    def __init__(self, model: "SentenceTransformer") -> None:
        """Take the modules of a model that `fits`."""
        bert: Any = model[0].auto_model
        self._bert = bert
        self._heads = int(bert.config.num_attention_heads)
        self._mean = model[1].pooling_mode == "mean"
        self._projections = [_joined(layer.attention.self) for layer in bert.encoder.layer]

    @staticmethod
    def fits(model: "SentenceTransformer") -> bool:
        """Whether the model is what this class computes, and nothing else."""
        names = [type(module).__name__ for module in model]
        transformer: Any = model[0]
        bert: Any = getattr(transformer, "auto_model", None)
        config: Any = getattr(bert, "config", None)
        return bool(
            names[:2] == ["Transformer", "Pooling"]
            and set(names[2:]) <= {"Normalize"}
            and type(bert).__name__ == "BertModel"
            and config is not None
            and not config.is_decoder
            and getattr(config, "position_embedding_type", "absolute") == "absolute"
            # Its last layer is what is pooled, and no adapter is in it.
            and transformer.modality_config["text"]["method_output_name"] == "last_hidden_state"
            and not getattr(bert, "_hf_peft_config_loaded", False)
            and model[1].pooling_mode in ("mean", "cls")
            and model[1].include_prompt
        )

    def __call__(self, texts: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """Embed a batch.

        Args:
            texts: Token ids of each text, special ones included; equal lengths side by side.

        Returns:
            float32, shape (texts, d), not of unit length.
        """
        import torch
        from torch.nn import functional

        lengths = [len(text) for text in texts]
        with torch.inference_mode():
            ids = torch.from_numpy(np.concatenate(texts).astype(np.int64))[None]
            hidden = self._bert.embeddings(
                input_ids=ids,
                position_ids=torch.cat([torch.arange(length) for length in lengths])[None],
                token_type_ids=torch.zeros_like(ids),
            )[0]
            for layer, (weight, bias) in zip(
                self._bert.encoder.layer, self._projections, strict=True
            ):
                mixed = self._attention(functional.linear(hidden, weight, bias), lengths)
                hidden = layer.attention.output(mixed, hidden)
                hidden = layer.output(layer.intermediate(hidden), hidden)
            pooled = [
                text.mean(0, dtype=torch.float32) if self._mean else text[0].float()
                for text in torch.split(hidden, lengths)
            ]
            vectors: NDArray[np.float32] = torch.stack(pooled).numpy()
        return vectors

    def _attention(self, parts: "Tensor", lengths: Sequence[int]) -> "Tensor":
        """Every text looks at itself alone; shape (tokens, 3 d) to (tokens, d)."""
        import torch
        from torch.nn import functional

        width = parts.shape[1] // 3
        mixed = torch.empty(len(parts), width, dtype=parts.dtype)
        start = 0
        for length, group in itertools.groupby(lengths):
            texts = len(list(group))
            here = slice(start, start + texts * length)
            by_head = parts[here].view(texts, length, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
            found = functional.scaled_dot_product_attention(*by_head)
            mixed[here] = found.transpose(1, 2).reshape(texts * length, width)
            start = here.stop
        return mixed


def _joined(attention: Any) -> "tuple[Tensor, Tensor]":  # noqa: ANN401 - a BertSelfAttention
    """Weight and bias of queries, keys and values, for one product."""
    import torch

    maps = (attention.query, attention.key, attention.value)
    weight = torch.cat([linear.weight for linear in maps])
    return weight.detach(), torch.cat([linear.bias for linear in maps]).detach()
