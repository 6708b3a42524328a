"""Stored vectors have unit length, and their inner products are exact in float64."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tma_prep.embeddings.unit import GRID, unit_vectors

vectors = st.lists(
    st.floats(-1e30, 1e30, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-30),
    min_size=4,
    max_size=4,
).filter(any)


@settings(max_examples=200)
@given(first=vectors, second=vectors)
def test_products_are_exact_in_any_order(first: list[float], second: list[float]) -> None:
    """float64 equals arithmetic on fractions, forwards, backwards and by BLAS."""
    a, b = unit_vectors(np.array([first, second])).astype(np.float64)
    exact = sum(Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True))
    assert sum(x * y for x, y in zip(a, b, strict=True)) == exact
    assert sum(x * y for x, y in zip(a[::-1], b[::-1], strict=True)) == exact
    assert Fraction(float(a @ b)) == exact


def test_products_are_exact_at_the_size_of_real_embeddings() -> None:
    """For 384 components, against Python's exact sum."""
    rows = unit_vectors(np.random.default_rng(0).standard_normal((50, 384))).astype(np.float64)
    for row in rows[1:]:
        products = (Fraction(x) * Fraction(y) for x, y in zip(rows[0], row, strict=True))
        assert Fraction(float(rows[0] @ row)) == sum(products)


def test_rows_have_unit_length_on_the_grid() -> None:
    """To within the rounding of their components."""
    rows = unit_vectors(np.random.default_rng(1).standard_normal((200, 384)).astype(np.float32))
    assert rows.dtype == np.float32
    assert np.abs(np.linalg.norm(rows.astype(np.float64), axis=1) - 1).max() < 1e-6
    scaled = rows.astype(np.float64) / GRID
    assert (scaled == np.round(scaled)).all()


def test_length_of_the_input_does_not_matter() -> None:
    """Tiny and huge rows have a direction too."""
    row = np.array([[3.0, -4.0]])
    for scale in (1e-300, 1.0, 1e300):
        assert unit_vectors(row * scale).tolist() == unit_vectors(row).tolist()
    assert math.isclose(unit_vectors(row)[0, 0], 0.6, abs_tol=1e-7)


@pytest.mark.parametrize(("value", "reason"), [(0.0, "all zeros"), (math.nan, "NaN")])
def test_a_row_without_direction_is_named(value: float, reason: str) -> None:
    """By its number."""
    with pytest.raises(ValueError, match=f"^1 .*{reason}"):
        unit_vectors(np.array([[1.0, 1.0], [value, 0.0]]))
