"""`tma-prep export`."""

from tma_prep.options import ExportOptions
from tma_prep_cli.console import TerminalProgress, print_next, print_table, show_path


def export(options: ExportOptions) -> object:
    """Write ordered rows for a trainer, with exactly the settings that keep their order.

    For transformers and TRL: a script to run as it is, which also checks the order while it
    trains. For Axolotl, LLaMA-Factory and torchtune: the configuration, to which model and output
    are added. The rows stand beside it in the form that the trainer reads: messages where they are
    conversations, else prompt and response. For jsonl: the rows as they are. What would lose the
    order all the same is told as warnings and written into the configuration.

    [bold]Examples[/]

      tma-prep export work --for trl --global-batch 16 --tail cut

      tma-prep export work --name nft --for axolotl --packing

      tma-prep export work --name nft --for jsonl --out nft-rows
    """
    from tma_prep.trainers import export as run

    progress = TerminalProgress()
    result = run(options, progress)
    for warning in result.warnings:
        progress.note(f"warning: {warning}")
    print_table(
        f"{result.order} for {result.trainer}",
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
    return result
