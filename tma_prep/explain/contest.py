"""Who took part when a row, or a unit of rows, was named in its round."""

import numpy as np
from numpy.typing import NDArray


def remaining_in_round(rounds: NDArray[np.int32], number: int) -> NDArray[np.bool_]:
    """What remained when a round began: whatever has this round or a later one.

    Args:
        rounds: From 1; 0 for what took no part.
        number: The round.
    """
    remaining: NDArray[np.bool_] = rounds >= number
    return remaining


def remaining_in_farthest_round(
    picked: NDArray[np.int32], takes_part: NDArray[np.bool_], number: int
) -> NDArray[np.bool_]:
    """The same of farthest-pick rounds.

    Args:
        picked: -k for what was picked in the k-th such round; anything else was not.
        takes_part: Mask of what there was before the first of these rounds.
        number: The round, from 1.
    """
    earlier = (picked < 0) & (picked > -number)
    return takes_part & ~earlier


def named_along_list(rounds: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which rows of a test's list, nearest first, the test itself named.

    In round r a test names the first row of its list whose round is r or later, so that it named
    exactly those whose round is later than that of every row before them: rounds 1, 2, 3 and so on.

    Args:
        rounds: Round of each row of the list, from 1.
    """
    before = np.maximum.accumulate(np.concatenate([[0], rounds]))[:-1]
    named: NDArray[np.bool_] = rounds > before
    return named
