"""Small workspaces for explain and inspect, and what Algorithm 1 says of them word for word."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.brute_force import named_case
from tma_prep.arrange import arrange
from tma_prep.embeddings.stage import embed
from tma_prep.options import ArrangeOptions, EmbedOptions

ROWS, TESTS, TASKS = 60, 9, 5

HOSTILE = ("<script>alert(1)</script>", "\x1b[31mred\x1b[0m", "\u202eright to left", "שלום\n\n—")

Names = dict[int, list[int]]
"""The tests that named each thing in its round, ascending."""


def prompt_of(side: str, row: int) -> str:
    """The prompt of a row; some are hostile."""
    hostile = (
        "<script>alert(1)</script>",
        "\x1b[31mred\x1b[0m",
        "\u202eright to left",
        "שלום\n\n—",
    )
    return f"{side} {row} {hostile[row % 4] if row % 3 == 0 else 'plain'}"


def make_workspace(
    folder: Path, case: str = "random", rows: int = ROWS, tests: int = TESTS
) -> Path:
    """Embed rows with vectors of a named case; nothing is arranged."""
    for side, vectors in zip(("train", "test"), named_case(case, rows, tests), strict=True):
        lines = [
            json.dumps(
                {
                    "prompt": prompt_of(side, row),
                    "response": f"answer {row}",
                    "task": f"task-{row % TASKS}",
                    "v": vector.tolist(),
                }
            )
            for row, vector in enumerate(vectors)
        ]
        (folder / f"{side}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    work = folder / "work"
    embed(
        EmbedOptions(
            train=[str(folder / "train.jsonl")],
            test=[str(folder / "test.jsonl")],
            out=work,
            vectors_column="v",
        )
    )
    return work


def make_order(work: Path, name: str = "nft", **options: Any) -> None:  # noqa: ANN401
    """Arrange once."""
    arrange(ArrangeOptions(work=work, name=name, **options))


def named_in_rounds(
    similarity: np.ndarray, there: Sequence[int], *, farthest: bool = False
) -> tuple[dict[int, int], dict[int, list[int]], Names]:
    """Algorithm 1 over some of the columns, word for word.

    Returns:
        Round of each column; what remained, by round; who named each column.
    """
    sign = -1 if farthest else 1
    rounds: dict[int, int] = {}
    remaining: dict[int, list[int]] = {}
    named: Names = {}
    number = 0
    while len(rounds) < len(there):
        number += 1
        remaining[number] = [thing for thing in there if thing not in rounds]
        for test in range(len(similarity)):
            row = similarity[test]
            nearest = max(remaining[number], key=lambda thing: (sign * row[thing], -thing))
            named.setdefault(nearest, []).append(test)
        for thing in remaining[number]:
            if thing in named:
                rounds[thing] = number
    return rounds, remaining, named


def next_ones(
    similarity: np.ndarray, test: int, thing: int, remaining: Sequence[int], *, farthest: bool
) -> list[int]:
    """The five that a test would have named next."""
    sign = -1 if farthest else 1
    others = [other for other in remaining if other != thing]
    return sorted(others, key=lambda other: (-sign * similarity[test, other], other))[:5]
