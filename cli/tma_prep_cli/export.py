"""`tma-prep export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tma_prep_cli.console import TerminalProgress, print_json, print_next, print_table, show_path

if TYPE_CHECKING:
    from tma_prep.trainers import ExportResult

HELP = """
Write ordered rows for a trainer, with exactly the settings that keep their order.

For transformers and TRL: a script to run as it is, which also checks the order while it trains. For
Axolotl, LLaMA-Factory and torchtune: the configuration, to which model and output are added. The
rows stand beside it in the form that the trainer reads: messages where they are conversations, else
prompt and response. For jsonl: the rows as they are. What would lose the order all the same is told
as warnings and written into the configuration.

[bold]Examples[/]

  tma-prep export work --for trl --global-batch 16 --tail cut

  tma-prep export work --name nft --for axolotl --packing

  tma-prep export work --name nft --for jsonl --out nft-rows
"""


def export(
    work: Annotated[Path, typer.Argument(help="The workspace that arrange wrote shards to.")],
    trainer: Annotated[
        str,
        typer.Option("--for", help="transformers, trl, axolotl, llamafactory, torchtune or jsonl."),
    ],
    name: Annotated[
        str | None,
        typer.Option(help="Name of the shards; need not be given where there is one order."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the result, else WORK/exports/NAME-for-TRAINER.")
    ] = None,
    global_batch: Annotated[
        int | None,
        typer.Option(help="Rows of an optimizer step, over all processes and accumulation."),
    ] = None,
    tail: Annotated[
        Literal["cut", "keep"] | None,
        typer.Option(
            help="Rows that fill no whole global batch: cut leaves them out, keep hands them on to "
            "whatever the trainer does with them."
        ),
    ] = None,
    packing: Annotated[
        bool,
        typer.Option(
            "--packing",
            help="Several rows in a sequence; refused where the trainer would sort them.",
        ),
    ] = False,
    on_bad_row: Annotated[
        Literal["fail", "skip"],
        typer.Option(
            help="A conversation that the trainer would not train on: stop, or leave out."
        ),
    ] = "fail",
    overwrite: Annotated[bool, typer.Option(help="Replace what was made differently.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Parse, call, print."""
    from tma_prep.options import ExportOptions
    from tma_prep.trainers import export as run
    from tma_prep_cli.console import validated

    options = validated(
        ExportOptions,
        work=work,
        trainer=trainer,
        name=name,
        out=out,
        global_batch=global_batch,
        tail=tail,
        packing=packing,
        on_bad_row=on_bad_row,
        overwrite=overwrite,
    )
    progress = TerminalProgress()
    result = run(options, progress)
    for warning in result.warnings:
        progress.note(f"warning: {warning}")
    if json:
        print_json(result)
        return
    _print_result(result)


def _print_result(result: "ExportResult") -> None:
    print_table(
        f"{result.order} for {result.trainer}",
        ["", ""],
        [
            ("rows", result.rows),
            ("cut off at the end", result.cut_rows),
            ("left out", result.skipped_rows),
            ("files", ", ".join(result.files)),
            ("reused", result.kept),
        ],
    )
    if result.start is None:
        print_next("The rows are in:", show_path(result.folder))
    elif result.start.endswith(".py"):
        print_next(
            "Next, train on them:",
            f"python {show_path(result.start)} --model MODEL --output FOLDER",
        )
    else:
        print_next("The settings, for you to add model and output to:", show_path(result.start))
