"""Units larger than a row (tasks, k-means cells): the mean embedding of each."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tma_prep.errors import OptionError


def unit_means(
    slices: Iterable[NDArray[np.float32]], unit_of_row: NDArray[np.int64], names: list[str]
) -> NDArray[np.float64]:
    """Sum of the vectors of each unit's rows, scaled to length 1.

    Stored components are multiples of 2**-26, so sums of up to 2**27 of them are exact in float64,
    in whatever order they are added.

    Args:
        slices: All vectors in row order, pieces of shape (some rows, d).
        unit_of_row: Which unit each row is in.
        names: What each unit is called, for the message; every unit has a row.

    Returns:
        Shape (units, d), float64.

    Raises:
        OptionError: The vectors of a unit cancel, so that their mean has no direction.
    """
    sums: NDArray[np.float64] | None = None
    first = 0
    for part in slices:
        if sums is None:
            sums = np.zeros((len(names), part.shape[1]))
        for start in range(0, len(part), 8192):
            piece = part[start : start + 8192]
            units = unit_of_row[first + start : first + start + len(piece)]
            order = np.argsort(units, kind="stable")
            found, begins = np.unique(units[order], return_index=True)
            sums[found] += np.add.reduceat(piece[order].astype(np.float64), begins, axis=0)
        first += len(part)
    assert sums is not None
    for unit, total in enumerate(sums):
        length = math.sqrt(math.fsum((total * total).tolist()))
        if not length:
            raise OptionError(
                f"the vectors of unit {names[unit]!r} cancel out, so it is near to nothing; "
                "use --granularity instance"
            )
        sums[unit] = total / length
    return sums
