"""A small workspace for train-check: made-up sums with vectors of their own, arranged."""

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.forked import forked_workers
from tma_prep_cli.main import run

ROWS, TESTS = 240, 12

Finished = subprocess.CompletedProcess[str]


def tma_prep(*arguments: object) -> Finished:
    """Run the command line here, which saves loading every library again."""
    out, error = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(error),
        forked_workers(),
    ):
        code = run([str(argument) for argument in arguments])
    return Finished([*map(str, arguments)], code, out.getvalue(), error.getvalue())


def command(*arguments: object) -> list[str]:
    """What a process of its own runs."""
    return [sys.executable, "-m", "tma_prep_cli", *map(str, arguments)]


def exchange(n: int) -> tuple[str, str]:
    """A prompt and its answer; any two share more than eight words in a row."""
    return (
        f"Question {n}: how many apples are {n} and {n % 7} more of the very same kind altogether?",
        f"There are {n + n % 7} apples in all.",
    )


def write_side(path: Path, rows: Sequence[tuple[str, str]], vectors: np.ndarray) -> None:
    """A JSONL file with a task and a vector a row."""
    lines = [
        json.dumps(
            {"prompt": prompt, "response": response, "task": f"t{n % 3}", "v": vector.tolist()}
        )
        for n, ((prompt, response), vector) in enumerate(zip(rows, vectors, strict=True))
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_workspace(root: Path, orders: Sequence[str] = ("nft", "rt", "fft")) -> Path:
    """Embed by given vectors and arrange; rows 0 to 11 equal a test but for punctuation."""
    root.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    tests = [exchange(1000 + n) for n in range(TESTS)]
    leaks = [(prompt.upper().replace(":", " -"), response) for prompt, response in tests]
    others = [
        (f"Add {n} to {n % 5} and say it.", f"The sum is {n + n % 5}.") if n % 2 else exchange(n)
        for n in range(ROWS - TESTS)
    ]
    test_vectors = generator.normal(size=(TESTS, 8))
    vectors = np.concatenate([test_vectors + 0.01, generator.normal(size=(ROWS - TESTS, 8))])
    write_side(root / "train.jsonl", [*leaks, *others], vectors)
    write_side(root / "test.jsonl", tests, test_vectors)
    work = root / "work"
    inputs = ("--train", root / "train.jsonl", "--test", root / "test.jsonl")
    for arguments in (
        ("embed", *inputs, "--vectors-column", "v", "--out", work),
        ("arrange", work, *(f"--order={order}" for order in orders), "--rows-per-shard", 100),
    ):
        done = tma_prep(*arguments)
        assert done.returncode == 0, done.stderr
    return work


SMALL = ("--vocabulary", 320, "--max-tokens", 48, "--batch-size", 8, "--workers", 1)
"""Options of a check that takes seconds."""
