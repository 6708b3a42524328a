"""`tma-prep embed`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tma_prep_cli.console import TerminalProgress, print_json, print_next, print_table, show_path

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
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        typer.Option(
            help="Arithmetic of the model; auto is bfloat16 where the hardware is "
            "fast at it. Stored vectors are float32."
        ),
    ] = "auto",
    batch_size: Annotated[
        int | None, typer.Option(help="Texts a forward pass; 16 on a CPU, 128 elsewhere.")
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
    rows_per_part: Annotated[int, typer.Option(help="Rows a file of the store.")] = 8192,
    overwrite: Annotated[bool, typer.Option(help="Replace what was made differently.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Parse, call, print."""
    from tma_prep.config import EmbedOptions
    from tma_prep.pipeline.embed import embed as run
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
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        max_length=max_length,
        prefix=prefix,
        truncate=truncate,
        vectors_column=vectors_column,
        on_bad_row=on_bad_row,
        rows_per_part=rows_per_part,
        overwrite=overwrite,
    )
    result = run(options, TerminalProgress())
    if json:
        print_json(result)
        return
    columns = ["side", "rows", "skipped", "cut by length", "response cut", "dimension", "was there"]
    print_table(
        f"Embeddings in {options.out}/embeddings",
        columns,
        [
            (
                side,
                found.rows,
                found.skipped_rows,
                found.truncated_rows,
                found.response_cut_rows,
                found.dimension,
                found.kept,
            )
            for side, found in (("train", result.train), ("test", result.test))
        ],
    )
    if result.train.response_cut_rows > result.train.rows // 100:
        TerminalProgress().note(
            f"{result.train.response_cut_rows:,} training rows are so long that their response "
            "was not read; --truncate prompt shortens the prompt instead"
        )
    if result.train.skipped_rows or result.test.skipped_rows:
        TerminalProgress().note(
            f"the rows that were skipped are listed in {options.out}/embeddings/*/skipped.jsonl"
        )
    print_next(
        "Next, put them in order:",
        f"tma-prep arrange {show_path(options.out)} --order nft --order rt",
    )
