"""Equal texts are found by their ids, within a side and in an earlier store."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tma_prep.embeddings.known import halves_of, halves_of_column, known_texts
from tma_prep.rows import text_id

texts = st.lists(st.sampled_from("abcdefgh"), max_size=30)


def ids_of(found: list[str]) -> list[str]:
    """`tma_id` of each."""
    return [text_id(text) for text in found]


@given(now=texts, before=st.none() | texts)
def test_against_dictionaries(now: list[str], before: list[str] | None) -> None:
    """First of equals, its place in the earlier store, what is new and what is gone."""
    earlier = None if before is None else halves_of(ids_of(before))
    known = known_texts(halves_of(ids_of(now)), earlier)
    old = before or []
    assert known.first.tolist() == [now.index(text) for text in now]
    assert known.earlier.tolist() == [old.index(text) if text in old else -1 for text in now]
    assert known.is_new.tolist() == [
        text not in old and text not in now[:place] for place, text in enumerate(now)
    ]
    assert known.gone == len(set(old) - set(now))


@given(
    ids=st.lists(st.binary(min_size=16, max_size=16).map(bytes.hex), max_size=9),
    cut=st.integers(0, 9),
)
def test_halves_hold_the_whole_id(ids: list[str], cut: int) -> None:
    """From strings, and from a column in pieces that begin somewhere in their buffers."""
    halves = halves_of(ids)
    assert [f"{high:016x}{low:016x}" for high, low in halves.tolist()] == ids
    column = pa.array(["f" * 32, *ids], pa.string()).slice(1)
    pieces = pa.chunked_array([column.slice(0, cut), column.slice(cut)], pa.string())
    assert np.array_equal(halves_of_column(pieces), halves)


def test_a_column_without_a_row() -> None:
    """No ids."""
    assert halves_of_column(pa.chunked_array([], pa.string())).shape == (0, 2)
