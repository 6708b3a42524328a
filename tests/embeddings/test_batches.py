"""Texts of like length share a batch of a number of tokens."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tma_prep.embeddings.tokens import token_batches

lengths_of_texts = st.lists(st.integers(0, 300), max_size=60).map(
    lambda found: np.array(found, dtype=np.int64)
)


@given(lengths=lengths_of_texts, most_tokens=st.integers(1, 1000))
def test_every_text_is_in_one_batch_within_the_bound(lengths: np.ndarray, most_tokens: int) -> None:
    """Longest first; only a text alone may be longer than a batch."""
    before = lengths.copy()
    batches = token_batches(lengths, most_tokens=most_tokens)
    places = [place for batch in batches for place in batch.tolist()]
    assert sorted(places) == list(range(len(lengths)))
    assert lengths[places].tolist() == sorted(lengths.tolist(), reverse=True)
    assert all(
        len(batch) == 1 or len(batch) * lengths[batch[0]] <= most_tokens for batch in batches
    )
    again = token_batches(lengths.copy(), most_tokens=most_tokens)
    assert [batch.tolist() for batch in again] == [batch.tolist() for batch in batches]
    assert (lengths == before).all()


def test_real_texts_are_hardly_padded() -> None:
    """A window of 4,096 texts, with lengths as in instruction data, cut where the model ends."""
    drawn = np.random.default_rng(0).lognormal(4.3, 0.8, 4096).astype(np.int64)
    lengths = np.clip(drawn, 3, 256)
    computed = sum(
        len(batch) * int(lengths[batch[0]]) for batch in token_batches(lengths, most_tokens=2048)
    )
    assert 1 - lengths.sum() / computed < 0.05
