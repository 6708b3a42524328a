"""Small array idioms that more than one stage needs."""

import numpy as np
from numpy.typing import NDArray


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers start, start + 1, … of every range, one range after the other."""
    ends = np.cumsum(lengths)
    shifts = np.repeat(starts - (ends - lengths), lengths)
    numbers: NDArray[np.int64] = np.arange(ends[-1] if len(ends) else 0) + shifts
    return numbers
