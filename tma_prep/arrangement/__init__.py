"""Pure functions from similarities to orders; one algorithm a file."""

from tma_prep.arrangement.orders import ORDERS, Ranked, WithinRound, order_positions
from tma_prep.arrangement.rounds import Rounds, tma_rounds

__all__ = ["ORDERS", "Ranked", "Rounds", "WithinRound", "order_positions", "tma_rounds"]
