"""`tma-prep inspect`."""

from typing import TYPE_CHECKING

from tma_prep.options import InspectOptions
from tma_prep_cli.console import print_line, print_next, print_table, show_path

if TYPE_CHECKING:
    from tma_prep.report import OrderDetails, OrderFacts, Overview, Stretch

_TASKS = 3
_MOST_HUBS = 5
_MOST_TESTS = 5


def inspect(options: InspectOptions) -> object:
    """Look at a workspace: rows, tests, orders, and what an order holds from first to last.

    In the terminal: similarity by position and by round, tasks by position, rows that many tests
    list, tests that are covered least, leakage. With --html the same as one page with plots and a
    table of rows to search in, which needs no network. Nothing of the workspace is changed.

    [bold]Examples[/]

      tma-prep inspect work

      tma-prep inspect work --name fft --html --out fft.html
    """
    from tma_prep.explain import inspect as run

    found = run(options)
    _print_sides(found)
    if found.order is None:
        print_next(
            "There is no order of these embeddings. Next:",
            f"tma-prep arrange {show_path(found.workspace)}",
        )
        return found
    _print_order(found.order)
    _print_leakage(found)
    if found.page is not None:
        print_next("Open in a browser:", show_path(found.page))
    return found


def _print_sides(found: "Overview") -> None:
    train, test = found.train, found.test
    by = found.encoder or "vectors that the rows had"
    print_line(f"{found.workspace}: embedded by {by}, {found.dimension} dimensions")
    print_table(
        "",
        [
            ("rows", train.rows, test.rows),
            ("bad rows left out", train.skipped_rows, test.skipped_rows),
            ("tasks", train.tasks, test.tasks),
            ("tokens", train.tokens, test.tokens),
            ("rows cut by the model", train.truncated_rows, test.truncated_rows),
            ("of them without response", train.response_cut_rows, test.response_cut_rows),
        ],
        *("", "training", "tests"),
    )
    if found.orders:
        print_table(
            "Orders",
            [(order.name, order.rows, _made_by(order)) for order in found.orders],
            *("name", "rows", "made by"),
        )


def _print_order(order: "OrderDetails") -> None:
    name = order.facts.name
    print_table(
        f"{name} by position",
        [
            (
                f"{part.first:,}",
                *([f"{part.lowest_round} to {part.highest_round}"] if order.rounds else []),
                part.mean_similarity,
                sum(part.leaks) if part.leaks else None,
            )
            for part in order.stretches
        ],
        *("from", *(["rounds"] if order.rounds else []), "similarity", "leaks"),
    )
    if order.rounds:
        print_table(
            f"{name} by round",
            [
                (
                    f"{part.first}" if part.first == part.last else f"{part.first} to {part.last}",
                    part.rows,
                    part.mean_similarity,
                )
                for part in order.rounds
            ],
            *("rounds", "rows", "similarity"),
        )
    if order.task_names:
        print_line(f"Tasks of {name} by position, the most frequent first")
        for part in order.stretches:
            print_line(f"  from {part.first:,}: {_tasks(order, part)}")
        print_line("")
    print_table(
        "Rows that most tests list among their nearest",
        [(f"{hub.tma_row}", hub.tests, hub.position) for hub in order.hubs[:_MOST_HUBS]],
        *("row", "tests", "position"),
    )
    coverage = order.coverage
    print_table(
        f"Tests covered least (mean similarity of the ten nearest rows; all: {coverage.mean:.3f})",
        [(f"{row}", coverage.by_test[row]) for row in coverage.least[:_MOST_TESTS]],
        *("test", "coverage"),
    )


def _print_leakage(found: "Overview") -> None:
    leakage = found.leakage
    if leakage is None:
        print_line("Leakage was not looked for.")
        return
    kinds = ", ".join(f"{rows:,} {kind}" for kind, rows in leakage.kinds.items() if rows)
    print_line(
        f"Leakage: {leakage.rows:,} of {found.train.rows:,} training rows hold one of "
        f"{leakage.tests:,} tests{f' ({kinds})' if kinds else ''}."
    )


def _tasks(order: "OrderDetails", part: "Stretch") -> str:
    first = sorted(range(len(part.tasks)), key=lambda task: -part.tasks[task])[:_TASKS]
    return ", ".join(
        f"{order.task_names[task]} {part.tasks[task] / part.rows:.0%}"
        for task in first
        if part.tasks[task]
    )


def _made_by(order: "OrderFacts") -> str:
    """Order, ranking, and what is not as usual."""
    ranking = order.ranking if order.ranked == "instance" else f"{order.ranking} of {order.ranked}"
    parts = [f"{order.order}, {ranking}", *([order.limits] if order.limits else [])]
    parts += [] if order.shards else ["no shards"]
    parts += [] if order.current else ["OUT OF DATE"]
    return ", ".join(parts)
