"""Workspaces with an order of any rows, in every format, without a model."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tma_prep.arrange import arrange
from tma_prep.embeddings.stage import embed
from tma_prep.options import ArrangeOptions, EmbedOptions

UserRow = dict[str, Any]

HOSTILE = [
    "a \"quoted\" 'one' \\ and \\n",
    "lines\nof\r\ntext\u2028and\x85more",
    "# no comment: {braces} %s ${x} @ROWS@\t",
    '"""; import os; os.abort() #',
    "</script><b>&amp;</b> - yaml: [1, 2]",
    "ünïcode 日本語 🎉 \x00 end",
]
"""Texts that would break a configuration which holds them unquoted."""


def exchanges(count: int) -> list[tuple[str, str]]:
    """Prompts that differ, and their answers; hostile ones among them."""
    return [
        (f"ask {n}: {HOSTILE[n % len(HOSTILE)]}", f"say {n} {HOSTILE[(n + 1) % len(HOSTILE)]}")
        for n in range(count)
    ]


def prompt_rows(count: int) -> list[UserRow]:
    """The same as rows of `prompt` and `response`."""
    return [{"prompt": prompt, "response": response} for prompt, response in exchanges(count)]


def arranged(
    root: Path,
    *files: Sequence[UserRow],
    rows_per_shard: int = 7,
    **options: Any,  # noqa: ANN401
) -> Path:
    """A workspace in which these rows are arranged as `nft`, in an order that is not theirs.

    Args:
        root: Where files and workspace go.
        files: Training rows; the first two are the tests too.
        rows_per_shard: As of `arrange`.
        options: More of `embed`.
    """
    root.mkdir(parents=True, exist_ok=True)
    count = sum(map(len, files))
    places = (n * 7 + 3 for n in range(count))
    vectors = [[1.0, place % count / count] for place in places]
    of_tests = vectors[:2]
    names = [f"train-{number}.jsonl" for number in range(len(files))]
    for name, rows in zip([*names, "test.jsonl"], [*files, files[0][:2]], strict=True):
        held = of_tests if name == "test.jsonl" else vectors
        lines = [json.dumps(row | {"v": held.pop(0)}) for row in rows]
        (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    work = root / "work"
    embed(
        EmbedOptions(
            train=[str(root / name) for name in names],
            test=[str(root / "test.jsonl")],
            out=work,
            vectors_column="v",
            **options,
        )
    )
    arrange(ArrangeOptions(work=work, rows_per_shard=rows_per_shard))
    return work


def order_of(work: Path) -> list[int]:
    """Row of the input at every position, from the order alone."""
    rows: list[int] = (
        pq.read_table(work / "orders" / "nft" / "order.parquet").column("tma_row").to_pylist()
    )
    assert rows != sorted(rows)
    return rows
