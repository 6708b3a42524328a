"""`tma-prep embed`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tma_prep_cli.console import (
    TerminalProgress,
    print_json,
    print_line,
    print_next,
    print_table,
    show_path,
)

if TYPE_CHECKING:
    from tma_prep.embeddings import EmbedPlan, EmbedResult

_WHERE = "Where and how the model runs"

HELP = """
Embed training and test instances into a workspace.

Reads JSONL, JSON, Parquet, Arrow and Hugging Face `save_to_disk` folders, plain or .gz/.zst, and
recognises the row format by its columns.

[bold]Example[/]

  tma-prep embed --train 'pool/*.jsonl' --test target.json --out work

  tma-prep embed --train pool.parquet --test val.parquet --out work --model BAAI/bge-small-en-v1.5
"""


def embed(
    train: Annotated[list[str], typer.Option(help="Training files, folders or globs; repeatable.")],
    test: Annotated[list[str], typer.Option(help="Target files, folders or globs; repeatable.")],
    out: Annotated[Path, typer.Option(help="The workspace folder to make.")],
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(
            help="prompt-response, prompt-completion, messages, conversations, "
            "natural-instructions, alpaca or flan; recognised by the columns if not given."
        ),
    ] = None,
    task_column: Annotated[
        str | None,
        typer.Option(help="Column that names the task; else task, task_name or source."),
    ] = None,
    text: Annotated[
        Literal["both", "prompt", "response"],
        typer.Option(help="What is embedded; both are joined by one space."),
    ] = "both",
    model: Annotated[
        str, typer.Option(help="A sentence-transformers model: hub name or folder.")
    ] = "all-MiniLM-L6-v2",
    trust_remote_code: Annotated[
        bool,
        typer.Option(
            "--trust-remote-code",
            help="Run code that comes with the model, and unpickle weights; else safetensors only.",
        ),
    ] = False,
    device: Annotated[
        str,
        typer.Option(
            help="auto, cpu, mps, cuda or cuda:1. One process a device: all, numbers of CUDA "
            "devices as in 0,1,3, or cpu:2.",
            rich_help_panel=_WHERE,
        ),
    ] = "auto",
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(help="This machine, or a Ray cluster (extra ray).", rich_help_panel=_WHERE),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="Of the Ray cluster, as in auto; one is started here if not given.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        typer.Option(
            help="Arithmetic of the model; auto is bfloat16 where the hardware is fast at it, else "
            "float32. Stored vectors are float32.",
            rich_help_panel=_WHERE,
        ),
    ] = "auto",
    batch_tokens: Annotated[
        int | None,
        typer.Option(
            help="Tokens a forward pass; what suits the device if not given.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    memory_budget: Annotated[
        str | None,
        typer.Option(
            help="As in 8GB; a quarter of the memory if not given.", rich_help_panel=_WHERE
        ),
    ] = None,
    max_length: Annotated[
        int | None, typer.Option(help="Tokens the encoder reads; the model's own limit.")
    ] = None,
    prefix: Annotated[
        str, typer.Option(help="Put before every text, for encoders that want one.")
    ] = "",
    truncate: Annotated[
        Literal["text", "prompt"],
        typer.Option(
            help="What gives way in a long text: its own end, or the end of the prompt, so that "
            "the response is read."
        ),
    ] = "text",
    vectors_column: Annotated[
        str | None, typer.Option(help="Take vectors from this column instead of a model.")
    ] = None,
    on_bad_row: Annotated[
        Literal["fail", "skip"],
        typer.Option(help="fail at the first, or skip them, counted and listed in a file."),
    ] = "fail",
    rows_per_part: Annotated[
        int,
        typer.Option(
            help="Rows a file of the store. A killed run keeps whole windows: 2,048 rows, or a "
            "part if that is more; on a GPU 16,384."
        ),
    ] = 2048,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what it would take, and do nothing.")
    ] = False,
    update: Annotated[
        bool,
        typer.Option(
            "--update", help="The input grew or shrank: embed only the texts that are new."
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace what was made differently.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Parse, call, print."""
    from tma_prep.embeddings import embed as run
    from tma_prep.embeddings import plan_embedding
    from tma_prep.options import EmbedOptions
    from tma_prep_cli.console import validated

    options = validated(
        EmbedOptions,
        train=train,
        test=test,
        out=out,
        format=format,
        task_column=task_column,
        text=text,
        model=model,
        trust_remote_code=trust_remote_code,
        device=device,
        engine=engine,
        address=address,
        dtype=dtype,
        batch_tokens=batch_tokens,
        memory_budget=memory_budget,
        max_length=max_length,
        prefix=prefix,
        truncate=truncate,
        vectors_column=vectors_column,
        on_bad_row=on_bad_row,
        rows_per_part=rows_per_part,
        update=update,
        overwrite=overwrite,
    )
    if plan:
        _show_plan(plan_embedding(options, TerminalProgress()), json=json)
        return
    result = run(options, TerminalProgress())
    if json:
        print_json(result)
        return
    print_result(result)
    print_next(
        "Next, put them in order:",
        f"tma-prep arrange {show_path(options.out)} --order nft --order rt",
    )


def print_result(result: "EmbedResult") -> None:
    """The table of both sides, and what is worth a line beside it."""
    sides = (("train", result.train), ("test", result.test))
    print_table(
        f"Embeddings in {result.workspace}/embeddings",
        ["side", "rows", "skipped", "texts embedded", "dimension", "reused"],
        [
            (
                side,
                found.rows,
                found.skipped_rows,
                found.embedded_texts,
                found.dimension,
                found.kept,
            )
            for side, found in sides
        ],
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
                f"{result.workspace}/embeddings/{side}/skipped.jsonl"
            )
    if result.train.response_cut_rows > result.train.rows // 100:
        yield "--truncate prompt shortens the prompt instead, so that every response is read"


def _show_plan(plan: "EmbedPlan", *, json: bool) -> None:
    if json:
        print_json(plan)
        return
    for side, found in (("train", plan.train), ("test", plan.test)):
        # On stdout: with --plan it is the result.
        print_line(f"{side}: finished already" if found is None else found.told(side, plan.encoder))
