"""From a ranking to a sequence: nearest first, farthest first, or shuffled.

A new order is one function and one line in `ORDERS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tma_prep.errors import OptionError

WithinRound = Literal["similarity", "index", "shuffle"]


@dataclass(frozen=True)
class Ranked:
    """What an order is made from; all arrays have one entry a training row, in row order.

    Attributes:
        round_of_row: int32, from 1.
        similarity: float64, to the nearest test.
        within_round: Sequence of the rows inside a round.
        seed: For whatever is shuffled.
    """

    round_of_row: NDArray[np.int32]
    similarity: NDArray[np.float64]
    within_round: WithinRound
    seed: int


def nearest_first(ranked: Ranked) -> NDArray[np.int64]:
    """NFT: rounds forward. Ties inside a round go to the lower row."""
    rows = np.arange(len(ranked.round_of_row), dtype=np.int64)
    if ranked.within_round == "index":
        return np.lexsort((rows, ranked.round_of_row))
    if ranked.within_round == "shuffle":
        drawn = np.random.default_rng(ranked.seed).permutation(len(rows))
        return np.lexsort((drawn, ranked.round_of_row))
    return np.lexsort((rows, -ranked.similarity, ranked.round_of_row))


def farthest_first(ranked: Ranked) -> NDArray[np.int64]:
    """FFT: `nearest_first` reversed, row for row."""
    return nearest_first(ranked)[::-1]


def shuffled(ranked: Ranked) -> NDArray[np.int64]:
    """RT: the same rows in a random sequence."""
    return np.random.default_rng(ranked.seed).permutation(len(ranked.round_of_row))


ORDERS: dict[str, Callable[[Ranked], NDArray[np.int64]]] = {
    "nft": nearest_first,
    "fft": farthest_first,
    "rt": shuffled,
}


def order_positions(name: str, ranked: Ranked) -> NDArray[np.int64]:
    """The training rows in the sequence of the named order, int64.

    Raises:
        OptionError: There is no order of that name.
    """
    if name not in ORDERS:
        raise OptionError(f"--order {name} is not known; it is one of {', '.join(ORDERS)}")
    return ORDERS[name](ranked)
