"""`tma-prep arrange`."""

from typing import TYPE_CHECKING

from tma_prep.options import ArrangeOptions
from tma_prep_cli.console import TerminalProgress, print_next, print_table, print_warning, show_path
from tma_prep_cli.from_model import Plan

if TYPE_CHECKING:
    from tma_prep.arrange import ArrangePlan, ArrangeResult
    from tma_prep.orders import OrderComparison

_HUBS_SHOWN = 3  # all ten are in --json and in the manifest


def arrange(options: ArrangeOptions, plan: Plan = False) -> object:
    """Order the training rows by how near they are to the test rows, and write Parquet shards.

    Four choices make an order: how near a row is (--ranking), what is ranked (--granularity),
    which rows stay (--select, --budget), and in what sequence (--order). By default: Test-centric
    Multi-turn Arrangement (arXiv 2406.11721), every row, nearest first. One search serves every
    order.

    [bold]Examples[/]

      tma-prep arrange work --order nft --order fft --order rt

      tma-prep arrange work --ranking wsd --granularity task --name coarse

      tma-prep arrange work --select both-ends --budget 30k --name budget

      tma-prep arrange work --leakage exclude --name clean

      tma-prep arrange work --target-fraction 0.5 --by-task --name half
    """
    from tma_prep.arrange import arrange as run
    from tma_prep.arrange import plan_arrange

    progress = TerminalProgress()
    if plan:
        planned = plan_arrange(options)
        _print_plan(planned)
        return planned
    result = run(options, progress)
    print_result(result)
    if options.shards_to is not None:
        print_next("The shards are in:", *(show_path(str(found.folder)) for found in result.orders))
    elif options.shards:
        orders = " ".join(f"--order {found.name}" for found in result.orders)
        print_next(
            "Next, see whether the order helps:",
            f"tma-prep train-check {show_path(options.work)} {orders}"
            f"{' --eval unseen' if result.unseen_test_rows else ''}",
        )
    else:
        print_next("The orders alone are in:", show_path(options.work / "orders"))
    return result


def _warn_of_leaks(result: "ArrangeResult") -> None:
    leakage = result.leakage
    if leakage is None or not leakage.rows:
        return
    if leakage.excluded:
        print_warning(f"left out: {leakage.text}; see {leakage.file}")
        return
    print_warning(
        f"{leakage.text}; see {leakage.file}. A gain on these tests is no gain on unseen data: "
        "--leakage exclude leaves those rows out"
    )


def _print_plan(plan: "ArrangePlan") -> None:
    print_table(
        f"What --ranking {plan.ranking} over {plan.workspace} would take",
        [
            ("training rows", plan.rows),
            ("distinct test rows", plan.tests),
            ("neighbours kept a test", plan.list_length),
            ("rows a block", plan.rows_per_block),
            ("memory beside the mapped store, MB", plan.memory_bytes / 1e6),
            ("memory budget, MB", plan.memory_budget / 1e6),
            ("product of all similarities, GFLOP", plan.operations / 1e9),
            ("the same in seconds, on this CPU", plan.floor_seconds),
            ("the ranking in seconds, about", plan.rank_seconds),
        ],
    )


def print_result(result: "ArrangeResult") -> None:
    """What the ranking found, and every order; on stderr, if the pool holds test rows."""
    _warn_of_leaks(result)
    facts = result.facts
    rows: list[tuple[str, object]] = [
        ("training rows that are no test's nearest", facts.never_first_choice),
        ("training rows that no test lists among its nearest", facts.never_listed),
        ("mean similarity of a test's ten nearest", facts.coverage),
    ]
    if facts.rounds is not None:
        rows = [
            ("rounds", facts.rounds),
            ("rows a round: median", facts.median_round),
            ("rows a round: largest", facts.largest_round),
            ("picks that another test made too, share", facts.shared_winners),
            *rows,
        ]
    if facts.least_covered:
        test, covered = next(iter(facts.least_covered.items()))
        rows.append((f"the same of test row {test}, the least covered", covered))
    if facts.coverage_by_task:
        task = min(facts.coverage_by_task, key=lambda name: facts.coverage_by_task[name])
        rows.append((f"the same of task {task}, the least covered", facts.coverage_by_task[task]))
    rows += [
        (f"tests that list row {hub.tma_row}, a hub", hub.tests) for hub in facts.hubs[:_HUBS_SHOWN]
    ]
    if result.leakage is not None:
        counts = result.leakage.counts
        rows += [
            (f"rows that hold a test row{', left out' * result.leakage.excluded}", counts.rows),
            ("of those, equal", counts.equal),
            ("equal but for case, space and punctuation", counts.normalised),
            ("by n-grams", counts.ngram),
            ("by similarity alone", counts.similarity),
        ]
    if facts.transport is not None:
        rows.append(("exact transport", facts.transport["exact"]))
        rows.append(("marginal error", f"{facts.transport['marginal_error']:.2e}"))
    held_out = f" ({result.unseen_test_rows:,} held out)" if result.unseen_test_rows else ""
    print_table(
        f"{result.train_rows:,} training rows, {result.test_rows:,} {result.target_role} rows"
        f"{held_out}, {result.ranking}",
        rows,
        *("what the ranking found", ""),
    )
    print_table(
        "Orders",
        [
            (found.name, found.rows, found.shards, found.folder or "orders only", found.kept)
            for found in result.orders
        ],
        *("order", "rows", "shards", "where", "reused"),
    )
    for order in result.orders:
        if order.change is not None:
            TerminalProgress().note(_changed(order.name, order.change))


def _changed(name: str, change: "OrderComparison") -> str:
    tau = "" if change.kendall_tau is None else f"Kendall's tau {change.kendall_tau:.3f}, "
    kept = "".join(
        f"{kept:.0%} of the first {share} kept, " for share, kept in change.overlap.items()
    )
    return (
        f"{name} against the order before the update: {tau}{kept}{change.rows_only_after:,} rows "
        f"came, {change.rows_only_before:,} went"
    )
