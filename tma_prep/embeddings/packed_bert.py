"""BERT on a CPU without padding: texts lie one after the other in every matrix product.

The architecture of Devlin et al. (arXiv 1810.04805) with its weights taken from the loaded model;
only attention looks at one length at a time, and what follows a product is fused with it.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
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


class Linear:
    """A linear map, by oneDNN where it is there.

    Attributes:
        bias: Shape (out,).
    """

    def __init__(self, weight: "Tensor", bias: "Tensor") -> None:
        """Lay the weight out.

        Args:
            weight: Shape (out, in).
            bias: Shape (out,).
        """
        import torch

        # What does that which follows the product on the fly, as `torch.compile` uses it.
        fused = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
        there = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        if not there or weight.dtype not in (torch.float32, torch.bfloat16):
            fused = None
        self._fused: Any = fused
        self._weight = weight
        if fused is not None:
            self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, _TYPICAL_TOKENS)
        self.bias = bias

    @property
    def dense(self) -> "Tensor":
        """The weight as it was given, float32, shape (out, in)."""
        weight = self._weight.to_dense() if self._weight.is_mkldnn else self._weight
        return weight.float()

    def __call__(self, inputs: "Tensor") -> "Tensor":
        """The linear map."""
        from torch.nn import functional

        if self._fused is None:
            return functional.linear(inputs, self._weight, self.bias)
        found: Tensor = self._fused(inputs, self._weight, self.bias, "none", [], "")
        return found

    def gelu(self, inputs: "Tensor") -> "Tensor":
        """GELU of the linear map."""
        from torch.nn import functional

        if self._fused is None:
            return functional.gelu(self(inputs))
        found: Tensor = self._fused(inputs, self._weight, self.bias, "gelu", [], "none")
        return found

    def plus(self, inputs: "Tensor", other: "Tensor") -> "Tensor":
        """The linear map plus something."""
        if self._fused is None:
            return self(inputs).add_(other)
        found: Tensor = self._fused.binary(inputs, other, self._weight, self.bias, "add")
        return found


@dataclass(frozen=True)
class Norm:
    """Weight and bias of a layer norm, each of shape (d,)."""

    weight: "Tensor"
    bias: "Tensor"


@dataclass(frozen=True)
class FeedForward:
    """The two linear maps with GELU between them, and the residual."""

    inner: Linear
    outer: Linear

    def __call__(self, hidden: "Tensor") -> "Tensor":
        """Shape (tokens, d) to the same."""
        return self.outer.plus(self.inner.gelu(hidden), hidden)


@dataclass(frozen=True)
class Layer:
    """A layer of the encoder; what stands in its places may compute in other numbers."""

    queries_keys_values: "Callable[[Tensor], Tensor]"
    attention_out: Linear
    attention_norm: Norm
    feed_forward: "Callable[[Tensor], Tensor]"
    outer_norm: Norm


class PackedBert:
    """A BERT encoder with mean or first-token pooling.

    Attributes:
        width: Components of a vector.
        inner_width: Channels between the two maps of a feed-forward network.
        most_tokens: Positions that a text may have.
    """

    def __init__(self, model: "SentenceTransformer") -> None:
        """Take the weights of a model that `fits`."""
        bert: Any = model[0].auto_model
        embeddings, config = bert.embeddings, bert.config
        self.width = int(config.hidden_size)
        self.inner_width = int(config.intermediate_size)
        self.most_tokens = int(config.max_position_embeddings)
        self._heads = int(config.num_attention_heads)
        self._epsilon = float(config.layer_norm_eps)
        self._mean = model[1].pooling_mode == "mean"
        self._words = embeddings.word_embeddings.weight
        self._places = (
            embeddings.position_embeddings.weight + embeddings.token_type_embeddings.weight[0]
        )
        self._norm = _norm(embeddings.LayerNorm)
        self.layers = [_layer(layer, self._heads) for layer in bert.encoder.layer]

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
        with torch.inference_mode():
            hidden = self.first(texts)
            for layer in self.layers:
                hidden = self.fed(layer, self.attended(layer, hidden, lengths))
            return self.pooled(hidden, lengths)

    def first(self, texts: Sequence[NDArray[np.int32]]) -> "Tensor":
        """What goes into the first layer, of texts one after the other; shape (tokens, d)."""
        import torch

        ids = torch.from_numpy(np.concatenate(texts).astype(np.int64))
        places = torch.from_numpy(np.concatenate([np.arange(len(text)) for text in texts]))
        return self._normed(self._words[ids] + self._places[places], self._norm)

    def attended(self, layer: Layer, hidden: "Tensor", lengths: Sequence[int]) -> "Tensor":
        """The first half of a layer; shape (tokens, d) to the same."""
        mixed = self._attention(layer.queries_keys_values(hidden), lengths)
        return self._normed(layer.attention_out.plus(mixed, hidden), layer.attention_norm)

    def fed(self, layer: Layer, hidden: "Tensor") -> "Tensor":
        """The second half of a layer; shape (tokens, d) to the same."""
        return self._normed(layer.feed_forward(hidden), layer.outer_norm)

    def pooled(self, hidden: "Tensor", lengths: Sequence[int]) -> NDArray[np.float32]:
        """What comes out of the last layer to one vector a text; shape (texts, d)."""
        import torch

        pooled = [
            text.sum(0, dtype=torch.float32) / len(text) if self._mean else text[0].float()
            for text in torch.split(hidden, list(lengths))
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

    def _normed(self, hidden: "Tensor", norm: Norm) -> "Tensor":
        from torch.nn import functional

        return functional.layer_norm(
            hidden, hidden.shape[-1:], norm.weight, norm.bias, self._epsilon
        )


def _layer(layer: Any, heads: int) -> Layer:  # noqa: ANN401 - a BertLayer, not typed by torch
    import torch

    own, out = layer.attention.self, layer.attention.output
    scale = (own.query.weight.shape[0] // heads) ** -0.5
    weights = [own.query.weight * scale, own.key.weight, own.value.weight]
    biases = [own.query.bias * scale, own.key.bias, own.value.bias]
    return Layer(
        queries_keys_values=Linear(torch.cat(weights).detach(), torch.cat(biases).detach()),
        attention_out=Linear(out.dense.weight.detach(), out.dense.bias.detach()),
        attention_norm=_norm(out.LayerNorm),
        feed_forward=FeedForward(
            Linear(
                layer.intermediate.dense.weight.detach(), layer.intermediate.dense.bias.detach()
            ),
            Linear(layer.output.dense.weight.detach(), layer.output.dense.bias.detach()),
        ),
        outer_norm=_norm(layer.output.LayerNorm),
    )


def _norm(module: Any) -> Norm:  # noqa: ANN401 - a LayerNorm
    return Norm(module.weight.detach(), module.bias.detach())
