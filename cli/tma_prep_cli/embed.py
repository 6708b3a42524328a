"""`tma-prep embed`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tma_prep.options import EmbedOptions
from tma_prep_cli.console import TerminalProgress, print_line, print_next, print_table, show_path
from tma_prep_cli.from_model import Plan

if TYPE_CHECKING:
    from tma_prep.embeddings import EmbedResult


def embed(options: EmbedOptions, plan: Plan = False) -> object:
    """Embed training and test rows into a workspace.

    Reads JSONL, JSON, CSV, TSV, Parquet, Arrow and Hugging Face `save_to_disk` folders, plain or
    .gz/.zst: conversations with tools, Alpaca, question and answer and many more, see
    docs/layouts.md.

    [bold]Examples[/]

      tma-prep embed --train 'pool/*.jsonl' --test target.json --out work

      tma-prep embed --train a.parquet --test b.parquet --out w --model BAAI/bge-m3
    """
    from tma_prep.embeddings import embed as run
    from tma_prep.embeddings import plan_embedding

    progress = TerminalProgress()
    if plan:
        planned = plan_embedding(options, progress)
        for side, found in (("train", planned.train), ("test", planned.test)):
            told = (
                f"{side}: finished already" if found is None else found.told(side, planned.encoder)
            )
            print_line(told)
        return planned
    result = run(options, progress)
    print_result(result)
    print_next(
        "Next, put them in order:",
        f"tma-prep arrange {show_path(options.out)} --order nft --order rt",
    )
    return result


def print_result(result: "EmbedResult") -> None:
    """The table of both sides, and what is worth a line beside it."""
    print_table(
        f"Embeddings in {result.workspace}/embeddings",
        [
            (
                *(side, each.rows, each.format, each.skipped_rows),
                *(each.embedded_texts, each.dimension, each.kept),
            )
            for side, each in (("train", result.train), ("test", result.test))
        ],
        *("side", "rows", "read as", "skipped", "embedded", "dimension", "reused"),
    )
    for line in _told(result):
        TerminalProgress().note(line)


def _told(result: "EmbedResult") -> Iterator[str]:
    """What is worth a line beside the table."""
    for side, found in (("train", result.train), ("test", result.test)):
        if found.resumed_rows:
            yield (
                f"{side}: {found.resumed_rows:,} of {found.rows:,} rows "
                f"({found.resumed_rows / found.rows:.0%}) were there from an interrupted run"
            )
        if found.stayed_texts or found.gone_texts:
            yield (
                f"{side}: {found.embedded_texts:,} texts came, {found.stayed_texts:,} stayed, "
                f"{found.gone_texts:,} went"
            )
        if found.truncated_rows:
            yield (
                f"{side}: {found.truncated_rows:,} rows ({found.truncated_rows / found.rows:.0%}) "
                f"are longer than the model reads, which lost {found.tokens_lost:,} of "
                f"{found.tokens:,} tokens; of {found.response_cut_rows:,} rows the response was "
                "not read"
            )
        if found.skipped_rows:
            yield (
                f"{side}: the {found.skipped_rows:,} rows that were skipped are listed in "
                f"{result.workspace}/rows/{side}/skipped.jsonl"
            )
    if result.train.response_cut_rows > result.train.rows // 100:
        yield "--truncate prompt shortens the prompt instead, so that every response is read"
