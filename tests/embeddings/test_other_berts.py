"""BERT models that are not the default: random weights, other shapes, pooled in another way."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import AutoTokenizer, BertConfig, BertModel

from tma_prep.embeddings.encoder import Encoder, EncoderSettings
from tma_prep.embeddings.model import resolve_model

pytestmark = pytest.mark.slow

TEXTS = [
    "Name the capital city of France, and that of a country beside it. Paris, and Rome.",
    "A text that is longer than the others. " * 20,
    "yes",
    "Sort the numbers 3, 1 and 2 from the least of them to the greatest. 1, 2, 3",
]


def saved(folder: Path, pooling: str, inner: int = 200) -> SentenceTransformer:
    """A model of two layers and 48 positions, in a folder."""
    tokenizer = AutoTokenizer.from_pretrained(resolve_model("all-MiniLM-L6-v2").location)
    torch.manual_seed(0)
    bert = BertModel(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=96,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=inner,
            max_position_embeddings=48,
        )
    )
    bert.save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"), max_seq_length=48)
    model = SentenceTransformer(modules=[transformer, Pooling(96, pooling)], device="cpu")
    model.save(str(folder / "model"))
    return model


def encoder(folder: Path) -> Encoder:
    """Of the saved model."""
    return Encoder(EncoderSettings(resolve_model(str(folder / "model")), "cpu", "float32"))


@pytest.mark.parametrize(("pooling", "packed"), [("mean", True), ("cls", True), ("max", False)])
@pytest.mark.parametrize("inner", [5, 200])
def test_vectors_are_those_of_sentence_transformers(
    tmp_path: Path, pooling: str, packed: bool, inner: int
) -> None:
    """Numbers of channels that no instruction's width divides; each pooling, packed or not."""
    expected = saved(tmp_path, pooling, inner).encode(TEXTS, normalize_embeddings=True)
    ours = encoder(tmp_path)
    assert (ours._packed is not None) == packed
    found = ours.vectors(ours.tokenised([(text, "") for text in TEXTS]).ids)
    assert found.shape == (4, 96)
    assert np.einsum("rd,rd->r", found, expected).min() > 1 - 1e-5


def test_a_model_that_is_not_finite_fails_on_a_text(tmp_path: Path) -> None:
    """In one line."""
    model = saved(tmp_path, "mean")
    model.state_dict()["0.model.encoder.layer.1.attention.output.dense.bias"][3] = float("nan")
    model.save(str(tmp_path / "model"))
    broken = encoder(tmp_path)
    with pytest.raises(ValueError, match="holds NaN or infinity"):
        broken.vectors(broken.tokenised([(text, "") for text in TEXTS]).ids)
