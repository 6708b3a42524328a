"""Unit vectors whose inner products are exact in float64."""

import numpy as np
from numpy.typing import NDArray

GRID = 2.0**-26
"""Stored components are multiples of this."""


def unit_vectors(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale rows to length 1 and round components to multiples of 2**-26.

    A component below 1/4 in size loses at most 2**-27; one above is a float32 and so on the grid
    already. Products of such components are multiples of 2**-52 and their partial sums stay below
    2, so a float64 inner product of two rows is exact in whatever order it is added.

    Args:
        vectors: Shape (rows, d), finite, no row all zeros.

    Returns:
        Shape (rows, d), float32.

    Raises:
        ValueError: A row is not finite or has no direction; the text begins with its number.
    """
    wide = np.asarray(vectors, dtype=np.float64)
    # Scaled first by the largest component, so that squares neither overflow nor vanish.
    largest = np.abs(wide).max(axis=1, keepdims=True)
    bad = np.flatnonzero(~np.isfinite(largest[:, 0]) | (largest[:, 0] == 0))
    if len(bad):
        zero = largest[bad[0], 0] == 0
        raise ValueError(f"{bad[0]} {'is all zeros' if zero else 'holds NaN or infinity'}")
    wide = wide / largest
    wide /= np.sqrt(np.einsum("rd,rd->r", wide, wide))[:, None]
    return on_grid(wide)


def on_grid(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    """Round the components of rows of length 1 to multiples of 2**-26."""
    rounded: NDArray[np.float32] = (np.round(vectors / GRID) * GRID).astype(np.float32)
    return rounded
