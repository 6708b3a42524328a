"""From a ranking to an order: selection, budgets, sequences."""

from tma_prep.orders.arranged import (
    Arranged,
    chosen_order,
    limits_of,
    open_order,
    read_order,
    recomputed_order,
)
from tma_prep.orders.arrays import order
from tma_prep.orders.checks import check_options, check_sizes
from tma_prep.orders.comparison import (
    Matched,
    OrderComparison,
    TaskMove,
    compare_matched,
    kendall_tau,
    match_rows,
    task_moves,
)
from tma_prep.orders.schedule import stages
from tma_prep.orders.selected import SelectedRows, arrange_options
from tma_prep.orders.selection import parse_budget, parse_rounds
from tma_prep.orders.sequences import rows_before_shuffle
from tma_prep.orders.stage import MadeOrder, OrderPlan, Orders, plan_order

__all__ = [
    "Arranged",
    "MadeOrder",
    "Matched",
    "OrderComparison",
    "OrderPlan",
    "Orders",
    "SelectedRows",
    "TaskMove",
    "arrange_options",
    "check_options",
    "check_sizes",
    "chosen_order",
    "compare_matched",
    "kendall_tau",
    "limits_of",
    "match_rows",
    "open_order",
    "order",
    "parse_budget",
    "parse_rounds",
    "plan_order",
    "read_order",
    "recomputed_order",
    "rows_before_shuffle",
    "stages",
    "task_moves",
]
