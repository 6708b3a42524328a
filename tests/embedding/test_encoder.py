"""The real embedding model, on the CPU."""

from pathlib import Path

import numpy as np
import pytest

from tma_prep.embedding.encoder import Encoder, Truncate
from tma_prep.embedding.model import resolve_model
from tma_prep.errors import DependencyError, OptionError

pytestmark = pytest.mark.slow


def encoder(
    dtype: str = "float32",
    *,
    batch_size: int = 4,
    max_length: int | None = None,
    prefix: str = "",
    truncate: Truncate = "text",
) -> Encoder:
    """The packaged all-MiniLM-L6-v2."""
    return Encoder(
        resolve_model("all-MiniLM-L6-v2"),
        device="cpu",
        dtype=dtype,
        batch_size=batch_size,
        max_length=max_length,
        prefix=prefix,
        truncate=truncate,
    )


TEXTS = [
    ("What is the capital of France?", " Paris"),
    ("Name the capital city of France.", " It is Paris."),
    ("Sort the numbers 3, 1 and 2.", " 1, 2, 3"),
    ("Grüße! 你好 🙂 " + "long " * 80, ""),
]


def test_vectors_are_those_of_sentence_transformers() -> None:
    """In the order of the texts, whatever the batches; like texts are near each other."""
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(resolve_model("all-MiniLM-L6-v2").location, device="cpu")
    expected = plain.encode([prompt + answer for prompt, answer in TEXTS])
    for batch_size in (1, 3):
        found = encoder(batch_size=batch_size).encode(TEXTS).vectors
        assert found.shape == (4, 384)
        cosine = (found * expected).sum(axis=1) / np.linalg.norm(expected, axis=1)
        assert cosine.min() > 1 - 1e-5
    similarity = found @ found.T
    assert similarity[0, 1] > 0.8 > 0.5 > similarity[0, 2]


def test_bfloat16_is_near_float32_and_stored_as_float32() -> None:
    """The default where the hardware is fast at it."""
    narrow, wide = encoder("bfloat16").encode(TEXTS), encoder().encode(TEXTS)
    assert narrow.vectors.dtype == np.float32
    assert (narrow.vectors * wide.vectors).sum(axis=1).min() > 0.99
    assert narrow.vectors.tolist() != wide.vectors.tolist()


def test_truncation_is_counted_and_the_lost_responses_apart() -> None:
    """A long prompt hides its response; a long response is cut but seen."""
    texts = [
        ("word " * 30, " yes"),  # 30 + 1 tokens of 14: the response is gone
        ("word " * 3, " yes" * 30),  # the response is seen in part
        ("short", " yes"),
        ("word " * 30, ""),  # there is no response to lose
    ]
    found = encoder(max_length=16).encode(texts)
    assert (found.truncated, found.response_cut) == (3, 1)


def test_truncating_the_prompt_keeps_the_response() -> None:
    """With it, the response bears on the vector; without, it does not."""
    texts = [("word " * 30, " yes"), ("word " * 30, " no no no")]
    cut = encoder(max_length=16).encode(texts)
    kept = encoder(max_length=16, truncate="prompt").encode(texts)
    assert cut.vectors[0].tolist() == cut.vectors[1].tolist()
    assert kept.vectors[0].tolist() != kept.vectors[1].tolist()
    assert (kept.truncated, kept.response_cut) == (2, 0)


def test_a_prefix_is_put_before_every_text() -> None:
    """It changes the vectors just as if it had stood in the texts."""
    found = encoder(prefix="query: ").encode(TEXTS[:2]).vectors
    written = encoder().encode([("query: " + prompt, rest) for prompt, rest in TEXTS[:2]]).vectors
    assert found.tolist() == written.tolist()


def test_progress_counts_every_text() -> None:
    """Batch by batch."""
    told: list[int] = []
    encoder(batch_size=1).encode(TEXTS * 3, on_done=told.append)
    assert sum(told) == 12 and len(told) > 1


def test_a_length_the_model_does_not_have_is_refused() -> None:
    """With the limits."""
    with pytest.raises(OptionError, match="--max-length 999 must be from 8 to the model's 256"):
        encoder(max_length=999)


def test_pickled_weights_are_never_loaded(tmp_path: Path) -> None:
    """A folder needs safetensors."""
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(DependencyError, match="no .safetensors weights"):
        resolve_model(str(tmp_path))


def test_a_model_that_cannot_be_had_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network, and without the package."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DependencyError, match=r"--model no/such-model: cannot be loaded"):
        Encoder(
            resolve_model("no/such-model"),
            device="cpu",
            dtype="float32",
            batch_size=1,
            max_length=None,
            prefix="",
            truncate="text",
        )
