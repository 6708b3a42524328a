"""Products of bytes against those of NumPy, and how near they are to products of floats."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.embeddings.cpu import WITH_BYTES
from tma_prep.embeddings.int8_bert import ByteFeedForward, ByteProjection, texts_to_try
from tma_prep.embeddings.packed_bert import FeedForward, Linear

WIDTH, INNER, TOKENS = 64, 256, 50


def made(*shape: int, scale: float = 1.0, seed: int = 0) -> torch.Tensor:
    """Normal numbers."""
    return torch.from_numpy(
        np.random.default_rng([seed, *shape]).normal(0, scale, shape).astype(np.float32)
    )


@pytest.fixture
def hidden() -> torch.Tensor:
    """States, of which one channel reaches ten times as far."""
    states = made(TOKENS, WIDTH)
    states[:, 7] *= 10
    return states


def reach(states: torch.Tensor) -> torch.Tensor:
    """Of each channel."""
    return states.abs().amax(0)


def by_integers(
    states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor
) -> NDArray[np.float64]:
    """Both sides rounded as their docstrings say, multiplied by NumPy."""
    furthest = reach(states).double().numpy()
    steps = furthest**0.8 * (furthest**0.2).max() * 1.25 / 127
    inputs = np.rint(states.double().numpy() / steps).clip(-128, 127).astype(np.int64)
    smoothed = weight.double().numpy() * steps
    weight_steps = np.abs(smoothed).max(1) / 127
    weights = np.rint(smoothed / weight_steps[:, None]).astype(np.int64)
    found: NDArray[np.float64] = inputs @ weights.T * weight_steps + bias.double().numpy()
    return found


@WITH_BYTES
def test_a_projection_is_the_product_of_the_rounded_numbers(hidden: torch.Tensor) -> None:
    """But for numbers that lie halfway between two bytes."""
    weight, bias = made(96, WIDTH, scale=0.1), made(96)
    found = ByteProjection(Linear(weight, bias), reach(hidden))(hidden)
    expected = by_integers(hidden, weight, bias)
    off = np.abs(found.double().numpy() - expected)
    assert found.shape == (TOKENS, 96) and found.dtype == torch.float32
    assert np.quantile(off, 0.95) < 1e-4 and off.max() < 0.05


@WITH_BYTES
def test_beyond_what_was_seen_a_channel_is_cut_off(hidden: torch.Tensor) -> None:
    """By 1.25 times the reach, on both sides; nothing wraps round."""
    one = ByteProjection(Linear(torch.eye(WIDTH), torch.zeros(WIDTH)), reach(hidden))
    far = torch.stack([hidden[0], hidden[0]])
    far[:, 7] = torch.tensor([1e4, -1e4])
    found = one(far)[:, 7] / reach(hidden)[7]
    assert found[0].item() == pytest.approx(1.25, abs=0.02)
    assert found[1].item() == pytest.approx(-1.25, abs=0.02)


@WITH_BYTES
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_feed_forward_network_is_near_the_one_in_floats(
    hidden: torch.Tensor, kind: torch.dtype
) -> None:
    """Though an eighth of its channels reaches forty times as far as the others."""
    inner, outer = made(INNER, WIDTH, scale=0.1), made(WIDTH, INNER, scale=0.1, seed=1)
    inner[::8] *= 40
    outer[:, ::8] /= 40
    biases = made(INNER, scale=0.1), made(WIDTH, scale=0.1)
    whole = FeedForward(
        Linear(inner.to(kind), biases[0].to(kind)), Linear(outer.to(kind), biases[1].to(kind))
    )
    states = hidden.to(kind)
    activated = whole.inner.gelu(states)
    rounded = ByteFeedForward(whole, reach(states).float(), reach(activated).float())
    expected, found = whole(states).double().numpy(), rounded(states).double().numpy()
    changed = expected - states.double().numpy()
    assert np.sqrt(((found - expected) ** 2).mean() / (changed**2).mean()) < 0.03
    assert found.tolist() != expected.tolist()


def test_the_texts_to_try_are_of_many_lengths_and_scripts() -> None:
    """A line each, and some joined to be longer than what a model reads."""
    texts = texts_to_try()
    assert min(map(len, texts)) == 1 and max(map(len, texts)) > 2_500
    assert all(any(letter in text for text in texts) for letter in "é天كक;{")
