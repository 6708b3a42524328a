"""`tma-prep arrange`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tma_prep_cli.console import TerminalProgress, print_json, print_next, print_table, show_path

HELP = """
Order the training rows by how near they are to the test rows, and write Parquet shards.

Test-centric Multi-turn Arrangement (arXiv 2406.11721): in every round each test row names its
nearest remaining training row. One search serves every order.

[bold]Example[/]

  tma-prep arrange work --order nft --order fft --order rt

  tma-prep arrange work --order nft --within-round index --name as-published
"""


def arrange(
    work: Annotated[Path, typer.Argument(help="The workspace that embed made.")],
    order: Annotated[
        list[str] | None,
        typer.Option(
            help="nft (nearest first), fft (farthest first) or rt (shuffled); repeatable."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="For whatever is shuffled.")] = 0,
    within_round: Annotated[
        Literal["similarity", "index", "shuffle"],
        typer.Option(
            help="Rows inside a round: most similar first, by row number (as the published "
            "script does), or shuffled."
        ),
    ] = "similarity",
    rows_per_shard: Annotated[int, typer.Option(help="Rows of every shard but the last.")] = 50_000,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the result in place of the order's; a prefix for several."),
    ] = None,
    shards: Annotated[
        bool, typer.Option("--shards/--no-shards", help="Write shards, or the order alone.")
    ] = True,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="Where FAISS searches.")
    ] = "auto",
    overwrite: Annotated[bool, typer.Option(help="Replace what was made differently.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Parse, call, print."""
    from tma_prep.config import ArrangeOptions
    from tma_prep.pipeline.arrange import arrange as run
    from tma_prep_cli.console import validated

    options = validated(
        ArrangeOptions,
        work=work,
        orders=order or ["nft"],
        seed=seed,
        within_round=within_round,
        rows_per_shard=rows_per_shard,
        name=name,
        shards=shards,
        device=device,
        overwrite=overwrite,
    )
    result = run(options, TerminalProgress())
    if json:
        print_json(result)
        return
    print_table(
        f"{result.train_rows:,} training rows in {result.rounds:,} rounds "
        f"of up to {result.largest_round:,}, around {result.test_rows:,} test rows",
        ["order", "rows", "shards", "where", "was there"],
        [
            (found.name, found.rows, found.shards, found.folder or "orders only", found.kept)
            for found in result.orders
        ],
    )
    if options.shards:
        orders = " ".join(f"--order {found.name}" for found in result.orders)
        print_next(
            "Next, see whether the order helps:",
            f"tma-prep train-check {show_path(work)} {orders}",
        )
