"""What `arrange` refuses before it does anything."""

from tma_prep.embeddings import Sides
from tma_prep.errors import OptionError, check_known
from tma_prep.options import ArrangeOptions
from tma_prep.orders.per_task import parse_per_task
from tma_prep.orders.selection import SELECTIONS, parse_budget, parse_rounds
from tma_prep.orders.sequences import ORDERS
from tma_prep.rankings import RANKINGS


def check_options(options: ArrangeOptions) -> None:
    """Refuse what is not known, and combinations that have no meaning.

    Raises:
        OptionError: With the reason.
    """
    check_known("--ranking", options.ranking, RANKINGS)
    check_known("--select", options.select, SELECTIONS)
    for order in options.orders:
        check_known("--order", order, ORDERS)
    if len(set(options.orders)) < len(options.orders):
        raise OptionError("an --order is named twice; name each once")
    if options.budget is not None:
        parse_budget(options.budget)
    elif options.select in ("both-ends", "random"):
        raise OptionError(
            f"--select {options.select} needs --budget, the rows or tokens that stay, as in 30k"
        )
    if options.rounds is not None:
        parse_rounds(options.rounds)
        if options.ranking != "tma":
            raise OptionError(
                f"--rounds needs rounds, and --ranking {options.ranking} has none; use --budget"
            )
    if options.per_task is not None:
        parse_per_task(options.per_task)
    if options.per_task is not None and (
        options.budget is not None or options.rounds is not None or options.select != "nearest"
    ):
        raise OptionError(
            "--per-task chooses rows task by task, and --select, --budget and --rounds over the "
            "whole pool; use one or the other"
        )
    if options.by_task and options.target_fraction is None:
        raise OptionError(
            "--by-task keeps the tasks of the tests whole in a part of them; it needs "
            "--target-fraction, as in --target-fraction 0.5"
        )
    if options.shards_to is not None and not options.shards:
        raise OptionError("--shards-to says where shards go, and --no-shards writes none; give one")
    if options.shuffle_after is not None and "rt" in options.orders:
        raise OptionError(
            "--shuffle-after shuffles the rest of an order, and --order rt is shuffled"
        )


def check_sizes(options: ArrangeOptions, sides: Sides) -> None:
    """Refuse what the pool is too small for.

    Raises:
        OptionError: With the number that it has.
    """
    rows, all_rows = sides.train.shape[0], sides.train.manifest.rows
    held = f"{rows} of {all_rows} rows are left without leaking ones" if rows < all_rows else ""
    if options.kmeans_cells is not None and options.kmeans_cells > rows:
        raise OptionError(
            f"--granularity kmeans:{options.kmeans_cells} asks for more cells than there are rows; "
            f"ask for {rows} or fewer"
        )
    if options.budget is not None:
        budget = parse_budget(options.budget)
        if budget.unit == "rows" and budget.amount > rows:
            raise OptionError(
                f"--budget {budget} is more than the pool holds; "
                f"{held and f'{held}: '}ask for {rows} or fewer"
            )
