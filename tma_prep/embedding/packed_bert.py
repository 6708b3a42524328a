"""BERT on a CPU without padding: texts lie one after the other in every matrix product.

The architecture of Devlin et al. (arXiv 1810.04805) with its weights taken from the loaded model;
only attention looks at one length at a time, and what follows a product is fused with it.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

_POOLINGS = ("mean", "cls")
_MOST_SCORES = 1 << 20
"""Attention scores held at once, but for one text's: 2 MB in bfloat16."""
_TYPICAL_TOKENS = 1024
"""Of a batch, for which oneDNN lays out the weights."""


@dataclass(frozen=True)
class _Affine:
    """Weight and bias of a linear map or of a layer norm.

    Attributes:
        fused: The operator of oneDNN that does what follows the product on the fly, as
            `torch.compile` uses it; None where there is none. `weight` is laid out for it.
    """

    weight: "Tensor"
    bias: "Tensor"
    fused: Any

    def __call__(self, inputs: "Tensor") -> "Tensor":
        """The linear map."""
        from torch.nn import functional

        if self.fused is None:
            return functional.linear(inputs, self.weight, self.bias)
        found: Tensor = self.fused(inputs, self.weight, self.bias, "none", [], "")
        return found

    def gelu(self, inputs: "Tensor") -> "Tensor":
        """GELU of the linear map."""
        from torch.nn import functional

        if self.fused is None:
            return functional.gelu(self(inputs))
        found: Tensor = self.fused(inputs, self.weight, self.bias, "gelu", [], "none")
        return found

    def plus(self, inputs: "Tensor", other: "Tensor") -> "Tensor":
        """The linear map plus something."""
        if self.fused is None:
            return self(inputs).add_(other)
        found: Tensor = self.fused.binary(inputs, other, self.weight, self.bias, "add")
        return found


@dataclass(frozen=True)
class _Layer:
    queries_keys_values: _Affine
    attention_out: _Affine
    attention_norm: _Affine
    inner: _Affine
    outer: _Affine
    outer_norm: _Affine


class PackedBert:
    """A BERT encoder with mean or first-token pooling."""

    def __init__(self, model: "SentenceTransformer") -> None:
        """Take the weights of a model that `fits`."""
        bert: Any = model[0].auto_model
        embeddings, config = bert.embeddings, bert.config
        self._heads = int(config.num_attention_heads)
        self._epsilon = float(config.layer_norm_eps)
        self._mean = model[1].pooling_mode == "mean"
        self._words = embeddings.word_embeddings.weight
        self._places = (
            embeddings.position_embeddings.weight + embeddings.token_type_embeddings.weight[0]
        )
        self._norm = _norm(embeddings.LayerNorm)
        self._layers = [_layer(layer, self._heads) for layer in bert.encoder.layer]

    @staticmethod
    def fits(model: "SentenceTransformer") -> bool:
        """Whether the model is what this class computes, and nothing else."""
        names = [type(module).__name__ for module in model]
        bert: Any = getattr(model[0], "auto_model", None)
        config: Any = getattr(bert, "config", None)
        return bool(
            names[:2] == ["Transformer", "Pooling"]
            and set(names[2:]) <= {"Normalize"}
            and type(bert).__name__ == "BertModel"
            and config is not None
            and config.hidden_act == "gelu"
            and not config.is_decoder
            and getattr(config, "position_embedding_type", "absolute") == "absolute"
            and model[1].pooling_mode in _POOLINGS
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

        lengths = [len(text) for text in texts]
        ids = torch.from_numpy(np.concatenate(texts).astype(np.int64))
        places = torch.from_numpy(np.concatenate([np.arange(length) for length in lengths]))
        with torch.inference_mode():
            hidden = self._normed(self._words[ids] + self._places[places], self._norm)
            for layer in self._layers:
                mixed = self._attention(layer.queries_keys_values(hidden), lengths)
                hidden = self._normed(layer.attention_out.plus(mixed, hidden), layer.attention_norm)
                inner = layer.inner.gelu(hidden)
                hidden = self._normed(layer.outer.plus(inner, hidden), layer.outer_norm)
            pooled = [
                text.sum(0, dtype=torch.float32) / len(text) if self._mean else text[0].float()
                for text in torch.split(hidden, lengths)
            ]
            vectors: NDArray[np.float32] = torch.stack(pooled).numpy()
        return vectors

    def _attention(self, parts: "Tensor", lengths: Sequence[int]) -> "Tensor":
        """Every text looks at itself alone; shape (tokens, 3 d) to (tokens, d).

        Two products with all scores of some texts between them, few enough for a core's cache: for
        heads as narrow as these faster than torch's attention.
        """
        import torch

        width = parts.shape[1] // 3
        mixed = torch.empty(len(parts), width, dtype=parts.dtype)
        start = 0
        for length, texts in self._equal_lengths(lengths):
            here = slice(start, start + texts * length)
            shaped = parts[here].view(texts, length, 3, self._heads, width // self._heads)
            by_head = shaped.permute(2, 0, 3, 1, 4).flatten(1, 2)
            queries, keys, values = by_head.contiguous()
            weights = torch.softmax(torch.bmm(queries, keys.transpose(1, 2)), -1)
            found = torch.bmm(weights, values).view(texts, self._heads, length, -1)
            mixed[here] = found.transpose(1, 2).reshape(texts * length, width)
            start = here.stop
        return mixed

    def _equal_lengths(self, lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
        """A length and how many texts of it, of not too many scores."""
        for length, group in itertools.groupby(lengths):
            texts = len(list(group))
            at_once = max(1, _MOST_SCORES // (self._heads * length * length))
            while texts > 0:
                yield length, min(texts, at_once)
                texts -= at_once

    def _normed(self, hidden: "Tensor", norm: _Affine) -> "Tensor":
        from torch.nn import functional

        return functional.layer_norm(
            hidden, hidden.shape[-1:], norm.weight, norm.bias, self._epsilon
        )


def _layer(layer: Any, heads: int) -> _Layer:  # noqa: ANN401 - a BertLayer, not typed by torch
    import torch

    own, out = layer.attention.self, layer.attention.output
    scale = (own.query.weight.shape[0] // heads) ** -0.5
    weights = [own.query.weight * scale, own.key.weight, own.value.weight]
    biases = [own.query.bias * scale, own.key.bias, own.value.bias]
    return _Layer(
        queries_keys_values=_linear(torch.cat(weights).detach(), torch.cat(biases).detach()),
        attention_out=_linear(out.dense.weight.detach(), out.dense.bias.detach()),
        attention_norm=_norm(out.LayerNorm),
        inner=_linear(
            layer.intermediate.dense.weight.detach(), layer.intermediate.dense.bias.detach()
        ),
        outer=_linear(layer.output.dense.weight.detach(), layer.output.dense.bias.detach()),
        outer_norm=_norm(layer.output.LayerNorm),
    )


def _norm(module: Any) -> _Affine:  # noqa: ANN401 - a LayerNorm
    return _Affine(module.weight.detach(), module.bias.detach(), None)


def _linear(weight: "Tensor", bias: "Tensor") -> _Affine:
    """A linear map, for oneDNN where it is there."""
    import torch

    fused = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    if fused is None or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return _Affine(weight, bias, None)
    return _Affine(torch.ops.mkldnn._reorder_linear_weight(weight, _TYPICAL_TOKENS), bias, fused)
