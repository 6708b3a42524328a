"""`tma-prep train-check`."""

from pathlib import Path
from typing import Annotated

import typer

from tma_prep_cli.console import TerminalProgress, print_json, print_next, print_table, show_path

HELP = """
Train a small model on each order's shards and measure the test loss on the way.

Every order starts from the same weights and takes the same number of steps; the loss is that of
response tokens only. Curves, summary and a report go to WORK/checks.

[bold]Example[/]

  tma-prep train-check work --order nft --order rt --order fft

  tma-prep train-check work --steps 200 --device cuda
"""


def train_check(
    work: Annotated[Path, typer.Argument(help="The workspace that arrange wrote shards to.")],
    order: Annotated[
        list[str] | None,
        typer.Option(help="Name of arranged shards; repeatable. All that are there if not given."),
    ] = None,
    steps: Annotated[int, typer.Option(help="Updates of the weights, for every order.")] = 60,
    batch_size: Annotated[int, typer.Option(help="Rows a step.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="Of AdamW, after ten steps of warm-up.")] = (
        2e-3
    ),
    max_tokens: Annotated[
        int, typer.Option(help="Most tokens of a row; the prompt's beginning gives way.")
    ] = 160,
    vocabulary: Annotated[
        int, typer.Option(help="Tokens of the byte-level BPE tokenizer trained on the pool.")
    ] = 4096,
    seed: Annotated[int, typer.Option(help="Of the start weights.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    name: Annotated[
        str | None, typer.Option(help="Name of the check; else its orders, joined by dashes.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace what was made differently.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Parse, call, print."""
    from tma_prep.config import TrainCheckOptions
    from tma_prep.pipeline.train_check import train_check as run
    from tma_prep_cli.console import validated

    options = validated(
        TrainCheckOptions,
        work=work,
        orders=order or [],
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        max_tokens=max_tokens,
        vocabulary=vocabulary,
        seed=seed,
        device=device,
        name=name,
        overwrite=overwrite,
    )
    result = run(options, TerminalProgress())
    if json:
        print_json(result)
        return
    summary = result.summary
    print_table(
        f"Test loss in nats a response token, {summary.steps} steps of {summary.batch_size} rows "
        "(lower is better)",
        ["order", "start", "mean over steps", "end", "lowest"],
        [
            (found.order, found.start_loss, found.auc_steps, found.final_loss, found.best_loss)
            for found in summary.orders
        ],
    )
    print_next(
        "One seed and a tiny model, and no check for training rows that contain test rows: an "
        "observation, not a finding.\nThe report:",
        show_path(result.report),
    )
