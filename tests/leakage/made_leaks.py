"""A pool that holds some of its tests in every way, with vectors of its own."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.leakage.test_rule import brute_force
from tma_prep.arrange import ArrangeResult, arrange
from tma_prep.embeddings.stage import embed
from tma_prep.embeddings.unit import unit_vectors
from tma_prep.options import ArrangeOptions, EmbedOptions

_STRANGE = "der Straße ﬁn e\u0301te 中文 １２ हिन्दी ÅNGSTRÖM naïve don't x_y —"
_WORDS = f"{_STRANGE} a b c d e f g h i j k l".split()

Pair = tuple[int, int]
"""Training row and test row."""


@dataclass(frozen=True)
class Side:
    """Rows as they are written: prompt and response, and a vector each."""

    rows: list[tuple[str, str]]
    vectors: NDArray[np.float32]

    def without(self, rows: Sequence[int]) -> "Side":
        """All other rows."""
        kept = np.setdiff1d(np.arange(len(self.rows)), rows)
        return Side([self.rows[row] for row in kept], self.vectors[kept])

    def write(self, path: Path) -> Path:
        """As JSONL."""
        lines = [
            json.dumps({"prompt": prompt, "response": response, "v": vector.tolist()})
            for (prompt, response), vector in zip(self.rows, self.vectors, strict=True)
        ]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path


def made_sides(seed: int, rows: int = 120) -> tuple[Side, Side]:
    """A pool and a test set; a third of the pool is made from tests."""
    draw = random.Random(seed)

    def text(fewest: int, most: int) -> str:
        return " ".join(draw.choice(_WORDS) for _ in range(draw.randint(fewest, most)))

    tests = [(text(1, 12), draw.choice(["", text(1, 9)])) for _ in range(14)]
    tests += [tests[3], ("?!", "")]
    pool = [(text(1, 30), text(0, 8)) for _ in range(rows)]
    for row in range(0, rows, 3):
        prompt, response = draw.choice(tests)
        pool[row] = draw.choice(
            [
                (prompt, response),
                (prompt.upper(), f"{response}!"),
                (f"{text(2, 5)} {prompt} {text(0, 3)}".strip(), response),
                (" ".join(f"{prompt} {response}".split()[:10]), "…"),
            ]
        )
    generator = np.random.default_rng(seed)
    test_vectors = generator.standard_normal((len(tests), 8))
    vectors = generator.standard_normal((rows, 8))
    near = generator.integers(len(tests), size=rows // 6)
    vectors[::6] = test_vectors[near] + 0.05 * generator.standard_normal((len(near), 8))
    return Side(pool, vectors.astype(np.float32)), Side(tests, test_vectors.astype(np.float32))


def pairs_by_definition(
    train: Side, test: Side, rule: str = "half", threshold: float = 0.98
) -> dict[Pair, tuple[str, float]]:
    """Kind and score of every pair, by looking at each of them."""
    pool, tests = (
        [(row, f"{prompt} {response}") for row, (prompt, response) in enumerate(side.rows)]
        for side in (train, test)
    )
    found, _, _ = brute_force(pool, tests, rule)
    similarity = unit_vectors(train.vectors).astype(np.float64) @ unit_vectors(
        test.vectors
    ).T.astype(np.float64)
    for row, test_row in zip(*np.nonzero(similarity > threshold), strict=True):
        found.setdefault((row, test_row), ("similarity", similarity[row, test_row]))
    for row, ours in enumerate(train.rows):
        for test_row, theirs in enumerate(test.rows):
            if ours == theirs:
                found[row, test_row] = ("equal", 1.0)
    return {(int(row), int(test)): leak for (row, test), leak in found.items()}


def embedded(folder: Path, train: Side, test: Side, **options: object) -> Path:
    """A workspace of both sides."""
    folder.mkdir(parents=True, exist_ok=True)
    given = {
        "train": [str(train.write(folder / "train.jsonl"))],
        "test": [str(test.write(folder / "test.jsonl"))],
        "out": folder / "work",
        "vectors_column": "v",
    }
    embed(EmbedOptions.model_validate(given | options))
    return folder / "work"


def arranged(work: Path, **options: object) -> ArrangeResult:
    """What `arrange` did there."""
    return arrange(ArrangeOptions.model_validate({"work": work} | options))
