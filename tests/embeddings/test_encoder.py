"""The real embedding model, on the CPU."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tma_prep.device import Dtype
from tma_prep.embeddings.encoder import Encoder, EncoderSettings
from tma_prep.embeddings.model import resolve_model
from tma_prep.embeddings.saved import Reading
from tma_prep.embeddings.tokens import Truncate
from tma_prep.errors import DependencyError, OptionError

pytestmark = pytest.mark.slow


def encoder(
    dtype: Dtype = "float32",
    *,
    batch_tokens: int | None = None,
    max_length: int | None = None,
    prefix: str = "",
    truncate: Truncate = "text",
    threads: int | None = None,
) -> Encoder:
    """The packaged all-MiniLM-L6-v2."""
    return Encoder(
        EncoderSettings(
            resolve_model("all-MiniLM-L6-v2"),
            device="cpu",
            dtype=dtype,
            batch_tokens=batch_tokens,
            max_length=max_length,
            reading=Reading(prefix),
            truncate=truncate,
            threads=threads,
        )
    )


def vectors(of: Encoder, texts: list[tuple[str, str]]) -> NDArray[np.float32]:
    """Tokenise and embed."""
    return of.vectors(of.tokenised(texts).ids)


def least_cosine(some: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Of the rows of two sets of unit vectors, each with its own."""
    return float((some.astype(np.float64) * others).sum(axis=1).min())


TEXTS = [
    ("What is the capital of France?", " Paris"),
    ("Name the capital city of France.", " It is Paris."),
    ("Sort the numbers 3, 1 and 2.", " 1, 2, 3"),
    ("Grüße! 你好 🙂 " + "long " * 80, ""),
]


@pytest.fixture(scope="module")
def wide() -> Encoder:
    """In float32, with the batches that suit a CPU."""
    return encoder()


@pytest.fixture(scope="module")
def sample(sample_data: Path) -> list[tuple[str, str]]:
    """Some of the sample data, and a text that fills the model."""
    lines = (sample_data / "train.jsonl").read_text(encoding="utf-8").splitlines()
    turns = [json.loads(line)["conversations"] for line in lines[:90]]
    texts = [(prompt["value"], f" {answer['value']}") for prompt, answer in turns]
    return [*texts[:50], ("long " * 400, ""), *texts[50:]]


@pytest.fixture(scope="module")
def expected(wide: Encoder, sample: list[tuple[str, str]]) -> NDArray[np.float32]:
    """Each text of the sample by itself, with nothing else in the batch."""
    return np.concatenate([vectors(wide, [text]) for text in sample])


def test_vectors_are_those_of_sentence_transformers() -> None:
    """In the order of the texts, whatever the batches; like texts are near each other."""
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(resolve_model("all-MiniLM-L6-v2").location, device="cpu")
    expected = plain.encode([prompt + answer for prompt, answer in TEXTS])
    for batch_tokens in (1, 200):
        found = vectors(encoder(batch_tokens=batch_tokens), TEXTS)
        assert found.shape == (4, 384)
        cosine = (found * expected).sum(axis=1) / np.linalg.norm(expected, axis=1)
        assert cosine.min() > 1 - 1e-5
    similarity = found @ found.T
    assert similarity[0, 1] > 0.8 > 0.5 > similarity[0, 2]


@pytest.mark.parametrize("batch_tokens", [64, 512, 4096])
def test_batches_hardly_change_vectors(
    sample: list[tuple[str, str]], expected: NDArray[np.float32], batch_tokens: int
) -> None:
    """And never their order."""
    found = vectors(encoder(batch_tokens=batch_tokens), sample)
    assert least_cosine(found, expected) > 1 - 1e-5


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_threads_do_not_change_a_byte(sample: list[tuple[str, str]], dtype: Dtype) -> None:
    """One, two or three."""
    made = [
        vectors(encoder(dtype, threads=threads), sample[40:70]).tobytes() for threads in (1, 2, 3)
    ]
    assert len(set(made)) == 1


@pytest.mark.parametrize(("dtype", "least"), [("float16", 0.99999), ("bfloat16", 0.9998)])
def test_other_numbers_are_near_float32_and_stored_as_float32(
    sample: list[tuple[str, str]], expected: NDArray[np.float32], dtype: Dtype, least: float
) -> None:
    """Whatever the hardware is fast at."""
    narrow = vectors(encoder(dtype), sample)
    assert narrow.dtype == np.float32
    assert least_cosine(narrow, expected) >= least
    assert narrow.tolist() != expected.tolist()


def test_truncating_the_prompt_keeps_the_response() -> None:
    """With it, the response bears on the vector; without, it does not."""
    texts = [("word " * 30, " yes"), ("word " * 30, " no no no")]
    cutting, keeping = encoder(max_length=16), encoder(max_length=16, truncate="prompt")
    cut, kept = vectors(cutting, texts), vectors(keeping, texts)
    assert cut[0].tolist() == cut[1].tolist()
    assert kept[0].tolist() != kept[1].tolist()
    assert cutting.tokenised(texts).response_cut.tolist() == [True, True]
    assert keeping.tokenised(texts).response_cut.tolist() == [False, False]
    assert keeping.tokenised(texts).read.tolist() == [14, 14]


def test_a_prefix_is_put_before_every_text(wide: Encoder) -> None:
    """It changes the vectors just as if it had stood in the texts."""
    found = vectors(encoder(prefix="query: "), TEXTS[:2])
    written = vectors(wide, [("query: " + prompt, rest) for prompt, rest in TEXTS[:2]])
    assert found.tolist() == written.tolist()


def test_progress_counts_every_text() -> None:
    """Batch by batch."""
    told: list[int] = []
    one = encoder(batch_tokens=1)
    one.vectors(one.tokenised(TEXTS * 3).ids, on_done=told.append)
    assert sum(told) == 12 and len(told) > 1


def test_no_texts(wide: Encoder) -> None:
    """As of a window whose texts are all known."""
    assert vectors(wide, []).shape == (0, 384)
    assert wide.dimension == 384


def test_what_describes_the_encoder_is_resolved(wide: Encoder) -> None:
    """No `auto` and nothing unset that has a number; threads are no part of it."""
    assert wide.described["dtype"] == "float32" and wide.described["device"] == "cpu"
    assert wide.described["max_length"] == 256
    assert isinstance(wide.described["batch_tokens"], int)
    assert encoder(threads=1).described == wide.described


def test_a_length_the_model_does_not_have_is_refused() -> None:
    """With the limits."""
    with pytest.raises(OptionError, match="--max-length 999 must be from 8 to the model's 256"):
        encoder(max_length=999)


def test_a_model_that_cannot_be_had_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network, and without the package."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DependencyError, match=r"--model no/such-model: cannot be loaded"):
        Encoder(EncoderSettings(resolve_model("no/such-model"), device="cpu"))
