"""Texts of like length share a batch of a number of tokens."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tma_prep.embeddings.batches import padding_share, token_batches

lengths_of_texts = st.lists(st.integers(0, 300), max_size=60).map(
    lambda found: np.array(found, dtype=np.int64)
)


@given(
    lengths=lengths_of_texts,
    most_tokens=st.integers(1, 1000),
    most_texts=st.none() | st.integers(1, 9),
)
def test_every_text_is_in_one_batch_within_the_bounds(
    lengths: np.ndarray, most_tokens: int, most_texts: int | None
) -> None:
    """Longest first; only a text alone may be longer than a batch."""
    before = lengths.copy()
    batches = token_batches(lengths, most_tokens=most_tokens, most_texts=most_texts)
    places = [place for batch in batches for place in batch.tolist()]
    assert sorted(places) == list(range(len(lengths)))
    assert lengths[places].tolist() == sorted(lengths.tolist(), reverse=True)
    for batch in batches:
        assert 1 <= len(batch) <= (most_texts or len(lengths))
        assert len(batch) == 1 or len(batch) * lengths[batch[0]] <= most_tokens
    again = token_batches(lengths.copy(), most_tokens=most_tokens, most_texts=most_texts)
    assert [batch.tolist() for batch in again] == [batch.tolist() for batch in batches]
    assert (lengths == before).all()


@given(lengths=lengths_of_texts, most_tokens=st.integers(1, 1000))
def test_padding_is_what_is_computed_and_not_asked_for(
    lengths: np.ndarray, most_tokens: int
) -> None:
    """Counted one text at a time."""
    batches = token_batches(lengths, most_tokens=most_tokens)
    computed = [max(lengths[batch]) for batch in batches for _ in batch]
    wasted = sum(computed) - int(lengths.sum())
    share = padding_share(lengths, batches)
    assert share == pytest.approx(wasted / sum(computed) if sum(computed) else 0)


def test_real_texts_are_hardly_padded() -> None:
    """A window of 4,096 texts, with lengths as in instruction data, cut where the model ends."""
    drawn = np.random.default_rng(0).lognormal(4.3, 0.8, 4096).astype(np.int64)
    lengths = np.clip(drawn, 3, 256)
    assert padding_share(lengths, token_batches(lengths, most_tokens=2048)) < 0.05
