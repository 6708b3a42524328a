"""BERT models that are not the default: random weights, other shapes, pooled in another way."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import AutoTokenizer, BertConfig, BertModel

from tests.embeddings.cpu import WITH_BYTES
from tma_prep.device import Dtype
from tma_prep.embeddings.encoder import Encoder, EncoderSettings
from tma_prep.embeddings.model import resolve_model

pytestmark = pytest.mark.slow

TEXTS = [
    ("Name the capital city of France, and that of a country beside it.", " Paris, and Rome."),
    ("A text that is longer than the others. " * 20, ""),
    ("Sort the numbers 3, 1 and 2 from the least of them to the greatest.", " 1, 2, 3"),
]


def saved(
    folder: Path, *, pooling: str = "mean", width: int = 96, inner: int = 200, positions: int = 512
) -> BertModel:
    """A model of two layers in a folder; its weights."""
    tokenizer = AutoTokenizer.from_pretrained(resolve_model("all-MiniLM-L6-v2").location)
    torch.manual_seed(0)
    bert = BertModel(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=inner,
            max_position_embeddings=positions,
        )
    )
    bert.save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    model = SentenceTransformer(
        modules=[Transformer(str(folder / "bert")), Pooling(width, pooling)], device="cpu"
    )
    model.save(str(folder / "model"))
    return bert


def encoder(folder: Path, dtype: Dtype, max_length: int = 64) -> Encoder:
    """Of the saved model."""
    model = resolve_model(str(folder / "model"))
    return Encoder(EncoderSettings(model, device="cpu", dtype=dtype, max_length=max_length))


def vectors(of: Encoder) -> NDArray[np.float32]:
    """Of the texts."""
    return of.vectors(of.tokenised(TEXTS).ids)


@WITH_BYTES
@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("inner", [64, 200])
def test_integers_are_near_float32(tmp_path: Path, pooling: str, inner: int) -> None:
    """Numbers of channels that no instruction's width divides, and the first token's vector."""
    saved(tmp_path, pooling=pooling, inner=inner)
    default = encoder(tmp_path, "auto")
    assert default.dtype == "int8"
    found, expected = vectors(default), vectors(encoder(tmp_path, "float32"))
    assert (found * expected).sum(axis=1).min() > 0.995
    assert found.tolist() != vectors(encoder(tmp_path, "bfloat16")).tolist()


def test_too_few_channels_stay_in_floating_point(tmp_path: Path) -> None:
    """There is nothing to gain."""
    saved(tmp_path, inner=5)
    default = encoder(tmp_path, "auto")
    assert default.dtype in ("bfloat16", "float32")
    assert vectors(default).shape == (3, 96)


def test_a_model_of_few_positions_is_tried_within_them(tmp_path: Path) -> None:
    """Whatever its length says: what is read of a text is bounded by the positions, too."""
    saved(tmp_path, positions=48)
    found = vectors(encoder(tmp_path, "auto", max_length=40))
    expected = vectors(encoder(tmp_path, "float32", max_length=40))
    assert (found * expected).sum(axis=1).min() > 0.995


def test_a_model_that_is_not_finite_is_left_to_fail_on_a_text(tmp_path: Path) -> None:
    """Its trial says nothing about rows that the user does not have."""
    bert = saved(tmp_path)
    bert.state_dict()["encoder.layer.1.attention.output.dense.bias"][3] = float("nan")
    for folder in (tmp_path / "model").rglob("model.safetensors"):
        bert.save_pretrained(folder.parent)
    broken = encoder(tmp_path, "auto")
    assert broken.dtype in ("bfloat16", "float32")
    with pytest.raises(ValueError, match="holds NaN or infinity"):
        vectors(broken)
