"""`tma-prep arrange`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tma_prep_cli.console import (
    TerminalProgress,
    print_json,
    print_next,
    print_table,
    print_warning,
    show_path,
)

if TYPE_CHECKING:
    from tma_prep.arrange import ArrangePlan, ArrangeResult
    from tma_prep.orders import OrderComparison

HELP = """
Order the training rows by how near they are to the test rows, and write Parquet shards.

Four choices make an order: how near a row is (--ranking), what is ranked (--granularity), which
rows stay (--select, --budget), and in what sequence (--order). By default: Test-centric Multi-turn
Arrangement (arXiv 2406.11721), every row, nearest first. One search serves every order.

[bold]Example[/]

  tma-prep arrange work --order nft --order fft --order rt

  tma-prep arrange work --ranking wsd --granularity task --name coarse

  tma-prep arrange work --select both-ends --budget 30k --name budget --order nft --order rt

  tma-prep arrange work --leakage exclude --name clean

  tma-prep arrange work --target-fraction 0.5 --by-task --name half --order nft --order rt
"""

_HUBS_SHOWN = 3  # all ten are in --json and in the manifest
_RANK, _STAY, _OUT = "Which rows, how near", "Which rows stay", "What is written"
_LEAK = "Training rows that hold a test row"


def arrange(
    work: Annotated[Path, typer.Argument(help="The workspace that embed made.")],
    ranking: Annotated[
        str,
        typer.Option(
            help="tma (rounds), wsd, min, avg, max, centroid (distances), or ot (transport).",
            rich_help_panel=_RANK,
        ),
    ] = "tma",
    granularity: Annotated[
        str,
        typer.Option(help="What is ranked: instance, task, or kmeans:K.", rich_help_panel=_RANK),
    ] = "instance",
    tests_per_task: Annotated[
        int | None,
        typer.Option(
            help="Use so many test rows of each task, drawn by --seed.", rich_help_panel=_RANK
        ),
    ] = None,
    target_fraction: Annotated[
        float | None,
        typer.Option(
            help="Arrange for this share of the test rows, drawn by --seed, and hold the others "
            "out for train-check --eval unseen: 0.5.",
            rich_help_panel=_RANK,
        ),
    ] = None,
    by_task: Annotated[
        bool,
        typer.Option("--by-task", help="Draw whole tasks for that share.", rich_help_panel=_RANK),
    ] = False,
    select: Annotated[
        str,
        typer.Option(
            help="nearest, farthest (farthest-pick rounds under tma), both-ends or random.",
            rich_help_panel=_STAY,
        ),
    ] = "nearest",
    budget: Annotated[
        str | None,
        typer.Option(
            help="Rows (30000, 30k) or tokens (2Mtok) that stay; all if not given.",
            rich_help_panel=_STAY,
        ),
    ] = None,
    rounds: Annotated[
        str | None,
        typer.Option(
            help="A window of rounds, as Python slices count: 2:5 is rounds 3, 4 and 5.",
            rich_help_panel=_STAY,
        ),
    ] = None,
    per_task: Annotated[
        str | None,
        typer.Option(
            help="Rows to keep of every task instead, as in 100 or 100:polar; the rule is nearest, "
            "random, polar (both ends) or uniform.",
            rich_help_panel=_STAY,
        ),
    ] = None,
    order: Annotated[
        list[str] | None,
        typer.Option(
            help="nft (nearest first, the default), fft (farthest first), rt (shuffled), "
            "round-robin or cluster (by task); repeatable.",
            rich_help_panel=_OUT,
        ),
    ] = None,
    within_round: Annotated[
        Literal["similarity", "index", "shuffle"],
        typer.Option(
            help="Rows inside a round: most similar first, by row number (as the published "
            "script does), or shuffled.",
            rich_help_panel=_OUT,
        ),
    ] = "similarity",
    shuffle_after: Annotated[
        float | None,
        typer.Option(
            help="Share of the rows that keeps its order, as in 0.2; the rest is shuffled.",
            rich_help_panel=_OUT,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed.", rich_help_panel=_OUT)] = 0,
    leakage: Annotated[
        Literal["warn", "exclude", "fail", "off"],
        typer.Option(
            help="warn: say how many there are; exclude: rank and order without them; fail: exit "
            "with 3 if there is one, before anything is ordered; off: do not look.",
            rich_help_panel=_LEAK,
        ),
    ] = "warn",
    leak_ngrams: Annotated[
        Literal["half", "any"],
        typer.Option(
            help="half: a row holds a test with half of its word 8-grams; any: with one of them. "
            "Those in over 1 % of the rows do not count.",
            rich_help_panel=_LEAK,
        ),
    ] = "half",
    leak_similarity: Annotated[
        float,
        typer.Option(
            help="Rows whose embedding is more similar than this hold a test too.",
            rich_help_panel=_LEAK,
        ),
    ] = 0.98,
    target_role: Annotated[
        Literal["validation", "test"],
        typer.Option(
            help="What the test rows are to you: data to choose by, or data that results are told "
            "of. Recorded, and shown in reports.",
            rich_help_panel=_LEAK,
        ),
    ] = "test",
    stages: Annotated[
        int,
        typer.Option(help="Stages of schedule.json, of about equal tokens.", rich_help_panel=_OUT),
    ] = 10,
    tokenizer: Annotated[
        Path | None,
        typer.Option(
            help="tokenizer.json that counts tokens, or its folder; else the encoder's counts.",
            rich_help_panel=_OUT,
        ),
    ] = None,
    rows_per_shard: Annotated[
        int, typer.Option(help="Rows of every shard but the last.", rich_help_panel=_OUT)
    ] = 50_000,
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of the result in place of the order's; a prefix for several.",
            rich_help_panel=_OUT,
        ),
    ] = None,
    shards: Annotated[
        bool,
        typer.Option(
            "--shards/--no-shards",
            help="Write shards, or the order alone.",
            rich_help_panel=_OUT,
        ),
    ] = True,
    shards_to: Annotated[
        str | None,
        typer.Option(
            help="Write shards beneath this folder or URL (s3://bucket/prefix) in place of the "
            "workspace.",
            rich_help_panel=_OUT,
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(help="Where FAISS searches: auto, cpu, cuda (every GPU) or cuda:1.")
    ] = "auto",
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(
            help="Where the pool is searched: this machine, or the CPUs of a Ray cluster "
            "(extra ray)."
        ),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(help="Of the Ray cluster, as in auto; one is started here if not given."),
    ] = None,
    memory_budget: Annotated[
        str | None, typer.Option(help="As in 8GB; a quarter of the memory if not given.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what it would take, and do nothing.")
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace what was made differently.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Parse, call, print."""
    from tma_prep.arrange import arrange as run
    from tma_prep.arrange import plan_arrange
    from tma_prep.options import ArrangeOptions
    from tma_prep_cli.console import validated

    options = validated(
        ArrangeOptions,
        work=work,
        ranking=ranking,
        granularity=granularity,
        tests_per_task=tests_per_task,
        target_fraction=target_fraction,
        by_task=by_task,
        select=select,
        budget=budget,
        rounds=rounds,
        per_task=per_task,
        orders=order or ["nft"],
        within_round=within_round,
        leakage=leakage,
        leak_ngrams=leak_ngrams,
        leak_similarity=leak_similarity,
        target_role=target_role,
        shuffle_after=shuffle_after,
        seed=seed,
        stages=stages,
        tokenizer=tokenizer,
        rows_per_shard=rows_per_shard,
        name=name,
        shards=shards,
        shards_to=shards_to,
        device=device,
        engine=engine,
        address=address,
        memory_budget=memory_budget,
        overwrite=overwrite,
    )
    progress = TerminalProgress()
    if plan:
        planned = plan_arrange(options)
        print_json(planned) if json else _print_plan(planned)
        return
    result = run(options, progress)
    warn_of_leaks(result)
    if json:
        print_json(result)
        return
    print_result(result)
    if options.shards_to is not None:
        print_next("The shards are in:", *(show_path(str(found.folder)) for found in result.orders))
    elif options.shards:
        orders = " ".join(f"--order {found.name}" for found in result.orders)
        print_next(
            "Next, see whether the order helps:",
            f"tma-prep train-check {show_path(work)} {orders}"
            f"{' --eval unseen' if result.unseen_test_rows else ''}",
        )
    else:
        print_next("The orders alone are in:", show_path(work / "orders"))


def warn_of_leaks(result: "ArrangeResult") -> None:
    """On stderr, if the pool holds test rows."""
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
        ["", ""],
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
    """What the ranking found, and every order."""
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
        ["what the ranking found", ""],
        rows,
    )
    print_table(
        "Orders",
        ["order", "rows", "shards", "where", "reused"],
        [
            (found.name, found.rows, found.shards, found.folder or "orders only", found.kept)
            for found in result.orders
        ],
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
