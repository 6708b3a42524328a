"""The largest parts of BERT in 8-bit integers, the rest in bfloat16, for CPUs fast at both.

Activations become unsigned bytes and weights signed ones; oneDNN adds their products up in 32 bits.
A channel that reaches far is scaled down before and its weights up (Xiao et al., arXiv 2211.10438).
What reaches far behind a GELU cannot be scaled: those channels stay in floating point (Dettmers et
al., arXiv 2208.07339). How far each reaches is seen on texts of this package, never on a user's: a
vector is a function of its text and of the model.
"""

import copy
import dataclasses
import math
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from tma_prep.embeddings.packed_bert import FeedForward, Linear, PackedBert

if TYPE_CHECKING:
    from torch import Tensor, dtype

_SMOOTHING = 0.8
"""Exponent of a channel's reach by which its weights take it over."""
_HEADROOM, _GELU_HEADROOM = 1.25, 1.7
"""How much further than seen a channel may reach before it is cut off; rare words reach furthest
behind a GELU. Chosen with the smoothing on texts of P3, for the least cosine."""
_FLOATING = 8
"""One in so many channels behind the GELU, those that reach furthest, stays in floating point."""
_LEAST_GELU = -0.17
"""GELU(x) has its least value near x = -0.75."""
_LEAST_INNER = 64
_MOST_BYTE, _MOST_SIGNED, _MIDDLE = 255, 127, 128
_SHORT = 16
"""Texts of fewer tokens are left alone: errors of so few do not cancel out."""


def texts_to_try() -> list[str]:
    """Texts of many kinds: 51 short ones and some that are longer than most models read."""
    file = resources.files("tma_prep.embeddings") / "calibration.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    return [*lines, *(" ".join(lines[start:]) for start in range(0, len(lines) - 8, 16))]


def cpu_multiplies_bytes() -> bool:
    """Whether CPU and torch have the instructions, for bytes and for bfloat16."""
    import torch

    has = torch.cpu.get_capabilities()
    both = (has.get("avx512_vnni") and has.get("avx512_bf16")) or (
        has.get("amx_int8") and has.get("amx_bf16")
    )
    there = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(both and there and hasattr(torch.ops.onednn, "qlinear_pointwise"))


class Int8Bert:
    """A BERT with its largest products in integers, but for short texts.

    Attributes:
        least_cosine: Of a text's vector to what it is without integers, among the texts to try;
            NaN where a model's numbers are not finite or have no direction.
    """

    def __init__(self, bert: PackedBert, texts: Sequence[NDArray[np.int32]]) -> None:
        """Round the weights.

        Args:
            bert: In bfloat16.
            texts: Token ids of `texts_to_try`.
        """
        import torch

        self._floating, self._rounded = bert, copy.copy(bert)
        self._rounded.layers = []
        lengths = [len(text) for text in texts]
        with torch.inference_mode():
            hidden = bert.first(texts)
            for layer in bert.layers:
                attended = bert.attended(layer, hidden, lengths)
                projection = cast("Linear", layer.queries_keys_values)
                both = cast("FeedForward", layer.feed_forward)
                activated = both.inner.gelu(attended)
                changed = dataclasses.replace(
                    layer,
                    queries_keys_values=ByteProjection(projection, _reach(hidden)),
                    feed_forward=ByteFeedForward(both, _reach(attended), _reach(activated)),
                )
                self._rounded.layers.append(changed)
                hidden = bert.fed(layer, attended)
            expected = bert.pooled(hidden, lengths)
        self.least_cosine = _least_cosine(self(texts), expected)

    @staticmethod
    def fits(bert: PackedBert) -> bool:
        """Whether there are channels enough to divide."""
        return bert.inner_width >= _LEAST_INNER

    def __call__(self, texts: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """See `PackedBert.__call__`; what becomes of a text is up to the text alone."""
        short = np.array([len(text) < _SHORT for text in texts])
        vectors = np.empty((len(texts), self._floating.width), dtype=np.float32)
        for bert, wanted in ((self._floating, short), (self._rounded, ~short)):
            places = np.flatnonzero(wanted).tolist()
            if places:
                vectors[places] = bert([texts[place] for place in places])
        return vectors


class ByteProjection:
    """A linear map of layer-normed states; its results are floating-point numbers again."""

    def __init__(self, linear: Linear, reach: "Tensor") -> None:
        """Round the weights.

        Args:
            linear: From d to any number of channels.
            reach: float32, shape (d,), the greatest absolute values of the inputs.
        """
        self._bytes = _ToBytes(reach, linear.bias.dtype)
        self._map = _ByteLinear(linear.dense * self._bytes.steps, linear.bias, 1.0, _MIDDLE)

    def __call__(self, hidden: "Tensor") -> "Tensor":
        """Shape (tokens, d) to (tokens, channels)."""
        return self._map(self._bytes(hidden), hidden.dtype)


class ByteFeedForward:
    """See `FeedForward`; bytes between the two maps too, but for the furthest channels."""

    def __init__(self, whole: FeedForward, reach: "Tensor", activated_reach: "Tensor") -> None:
        """Divide the channels and round the weights of most of them.

        Args:
            whole: What to imitate.
            reach: float32, shape (d,), the greatest absolute values of the inputs.
            activated_reach: float32, shape (inner channels,), those behind the GELU.
        """
        import torch

        channels = torch.argsort(activated_reach, stable=True)
        cut = len(channels) - len(channels) // _FLOATING
        near, far = channels[:cut].sort().values, channels[cut:].sort().values
        inner, outer = whole.inner.dense, whole.outer.dense
        most = float(activated_reach[near].max()) * _GELU_HEADROOM
        self._step = (most - _LEAST_GELU) / _MOST_BYTE
        self._zero = round(-_LEAST_GELU / self._step) if math.isfinite(self._step) else 0
        self._bytes = _ToBytes(reach, whole.inner.bias.dtype)
        self._inner = _ByteLinear(
            inner[near] * self._bytes.steps, whole.inner.bias[near], 1.0, _MIDDLE
        )
        no_bias = torch.zeros_like(whole.outer.bias)
        self._outer = _ByteLinear(outer[:, near], no_bias, self._step, self._zero)
        kind = whole.inner.bias.dtype
        self._far = FeedForward(
            Linear(inner[far].to(kind), whole.inner.bias[far]),
            Linear(outer[:, far].to(kind), whole.outer.bias),
        )

    def __call__(self, hidden: "Tensor") -> "Tensor":
        """Shape (tokens, d) to the same."""
        activated = self._inner.gelu(self._bytes(hidden), self._step, self._zero)
        return self._outer.added_to(self._far(hidden), activated)


class _ToBytes:
    """Layer-normed states to bytes, each channel with a step of its own.

    Attributes:
        steps: float32, shape (d,), what a one of the byte stands for; 128 stands for 0.
    """

    def __init__(self, reach: "Tensor", kind: "dtype") -> None:
        import torch

        reach = reach.clamp(min=1e-5)
        smooth = reach**_SMOOTHING
        steps = smooth * (reach / smooth).max() * (_HEADROOM / _MOST_SIGNED)
        self._per_step = (1 / steps).to(kind)
        self._middle = torch.tensor(_MIDDLE, dtype=kind)
        self.steps = 1 / self._per_step.float()

    def __call__(self, hidden: "Tensor") -> "Tensor":
        import torch

        scaled = torch.addcmul(self._middle, hidden, self._per_step)
        return scaled.round_().clamp_(0, _MOST_BYTE).to(torch.uint8)


class _ByteLinear:
    """A linear map of unsigned bytes by signed ones, and what oneDNN does on the fly behind it."""

    def __init__(self, weight: "Tensor", bias: "Tensor", step: float, zero: int) -> None:
        """Round the weights, each output channel by a step of its own.

        Args:
            weight: float32, shape (out, in).
            bias: Shape (out,).
            step: What a one of an input stands for.
            zero: The byte that stands for 0.
        """
        import torch

        steps = weight.abs().amax(1).clamp(min=1e-12) / _MOST_SIGNED
        rounded = (weight / steps[:, None]).round().to(torch.int8).contiguous()
        packed = torch.ops.onednn.qlinear_prepack(rounded, None)
        self._inputs = (step, zero, packed, steps, torch.zeros(len(weight), dtype=torch.int32))
        self._bias = bias.float().contiguous()

    def __call__(self, inputs: "Tensor", kind: "dtype") -> "Tensor":
        """The map, as floating-point numbers."""
        return self._product(inputs, 1.0, 0, kind, "none", [], "")

    def gelu(self, inputs: "Tensor", step: float, zero: int) -> "Tensor":
        """GELU of the map, as bytes of this step and zero."""
        import torch

        return self._product(inputs, step, zero, torch.uint8, "gelu", [], "none")

    def added_to(self, other: "Tensor", inputs: "Tensor") -> "Tensor":
        """The map plus something, in its place."""
        import torch

        found: Tensor = torch.ops.onednn.qlinear_pointwise.binary(
            inputs,
            *self._inputs,
            other,
            self._bias,
            *(1.0, 0, other.dtype),
            *(1.0, 0, "sum", 1.0),
            *("none", [], ""),
        )
        return found

    def _product(self, inputs: "Tensor", *results: Any) -> "Tensor":  # noqa: ANN401 - as torch
        import torch

        found: Tensor = torch.ops.onednn.qlinear_pointwise(
            inputs, *self._inputs, self._bias, *results
        )
        return found


def _least_cosine(some: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Of the rows of one and of the other."""
    products = np.einsum("rd,rd->r", some, others, dtype=np.float64)
    lengths = np.linalg.norm(some, axis=1) * np.linalg.norm(others, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float((products / lengths).min())


def _reach(states: "Tensor") -> "Tensor":
    """The greatest absolute value of each channel; shape (tokens, channels) to (channels,)."""
    return states.abs().amax(0).float()
