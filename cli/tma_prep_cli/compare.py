"""`tma-prep compare`."""

from typing import TYPE_CHECKING

from tma_prep.options import CompareOptions
from tma_prep_cli.console import TerminalProgress, print_line, print_table

if TYPE_CHECKING:
    from tma_prep.explain import CompareResult
    from tma_prep_schemas.manifests import Option

_TASKS_SHOWN = 10  # all of them are in --json


def compare(options: CompareOptions) -> object:
    """How far are the orders of two workspaces from each other?

    Both hold the same pool, embedded in another way: with another model, --text or --dtype. Orders
    of one name are compared over the rows in both: Kendall's tau and Spearman's correlation of the
    positions, tau of the rounds, how much of A's first 1, 5, 10 and 25 % is among B's, and which
    tasks moved most. Rows are the same by their row number where both were embedded from the same
    training files, and else by their text.

    [bold]Examples[/]

      tma-prep compare work-float32 work-bfloat16

      tma-prep compare work work-prompt-alone --name nft --json
    """
    from tma_prep.explain import compare as run

    result = run(options, TerminalProgress())
    by = {"tma_row": "row number (the training files are the same)", "tma_id": "text"}
    print_line(f"A is {result.work_a}, B is {result.work_b}")
    print_line(f"Rows are matched by their {by[result.matched_by]}")
    if not result.same_tests:
        print_line("The test files differ")
    print_line(f"Embedded {_told(result.different)}")
    for order in result.orders:
        if order.different:
            print_line(f"{order.name} arranged {_told(order.different)}")
    print_line("")
    print_table("Orders in A against B", _rows(result), "", *(each.name for each in result.orders))
    for order in result.orders:
        moved = [move for move in order.tasks if move.change][:_TASKS_SHOWN]
        if moved:
            print_table(
                f"Tasks of {order.name} that moved most: mean share of the order before their rows",
                [
                    (move.task, move.rows, move.before, move.after, f"{move.change:+.3f}")
                    for move in moved
                ],
                *("task", "rows", "in A", "in B", "change"),
            )
    return result


def _rows(result: "CompareResult") -> list[tuple[object, ...]]:
    found = [order.comparison for order in result.orders]
    return [
        ("rows in both", *(each.rows_in_both for each in found)),
        ("rows only in A", *(each.rows_only_before for each in found)),
        ("rows only in B", *(each.rows_only_after for each in found)),
        ("Kendall's tau of positions", *(each.kendall_tau for each in found)),
        ("Spearman's correlation of positions", *(each.spearman for each in found)),
        ("Kendall's tau of rounds", *(order.kendall_tau_of_rounds for order in result.orders)),
        *(
            (f"of A's first {share} in B's", *(f"{each.overlap[share]:.1%}" for each in found))
            for share in found[0].overlap
        ),
    ]


def _told(different: "dict[str, list[Option]]") -> str:
    """What differs, with both values."""
    if not different:
        return "alike"
    return "with " + "; ".join(
        f"{name} {_value(a)} against {_value(b)}" for name, (a, b) in different.items()
    )


def _value(value: "Option") -> str:
    text = "unset" if value is None or value == "" else str(value)
    return text if len(text) <= 24 else f"{text[:12]}…"
