"""A column of vectors that the input already has."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tma_prep.rows.bad_row import BadRow


class VectorColumn:
    """Reads vectors of one length; the first row read sets it."""

    def __init__(self, name: str) -> None:
        """Name the column."""
        self.name = name
        self.dimension: int | None = None

    def read(self, value: object) -> NDArray[np.float64]:
        """One vector, shape (d,).

        Raises:
            BadRow: It is no list of numbers, of another length, not finite, or all zeros.
        """
        if not isinstance(value, Sequence) or isinstance(value, str) or not value:
            raise BadRow(f"`{self.name}` must be a list of numbers")
        try:
            found = np.asarray(value)
        except ValueError as error:
            raise BadRow(f"`{self.name}` must be a flat list of numbers") from error
        if found.ndim != 1:
            raise BadRow(f"`{self.name}` must be a flat list of numbers")
        # NumPy makes numbers of true and false where numbers stand beside them.
        if found.dtype.kind not in "iuf" or bool in map(type, value):
            raise BadRow(f"`{self.name}` must be a list of numbers, and nothing else in it")
        vector = found.astype(np.float64)
        if not np.isfinite(vector).all():
            raise BadRow(f"`{self.name}` holds NaN or infinity; mend the vector or leave it out")
        if not vector.any():
            raise BadRow(f"`{self.name}` is all zeros and so has no direction; leave the row out")
        # Only a vector that can be used has a say in the length.
        if self.dimension is None:
            self.dimension = len(vector)
        if len(vector) != self.dimension:
            raise BadRow(
                f"`{self.name}` has {len(vector)} components and the rows before have "
                f"{self.dimension}; every vector, train and test, must have one length"
            )
        return vector
