"""Pure functions from similarities to orders; one algorithm a file."""

from tma_prep.arrangement.orders import ORDERS, order_positions, then_shuffle
from tma_prep.arrangement.per_task import PER_TASK, keep_per_task
from tma_prep.arrangement.ranked import Ranked, WithinRound, nearest_first
from tma_prep.arrangement.rounds import Rounds, tma_rounds
from tma_prep.arrangement.schedule import Stage, stages
from tma_prep.arrangement.selection import (
    SELECTIONS,
    Budget,
    Enough,
    FarthestRounds,
    RoundWindow,
    parse_budget,
    parse_rounds,
    select,
)
from tma_prep.arrangement.units import unit_means

__all__ = [
    "ORDERS",
    "PER_TASK",
    "SELECTIONS",
    "Budget",
    "Enough",
    "FarthestRounds",
    "Ranked",
    "RoundWindow",
    "Rounds",
    "Stage",
    "WithinRound",
    "keep_per_task",
    "nearest_first",
    "order_positions",
    "parse_budget",
    "parse_rounds",
    "select",
    "stages",
    "then_shuffle",
    "tma_rounds",
    "unit_means",
]
