"""The draw of test rows: how many, whole tasks, equal texts, seeds."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tma_prep.embeddings.sides import open_sides
from tma_prep.embeddings.stage import embed
from tma_prep.embeddings.store import EmbeddingStore
from tma_prep.errors import OptionError
from tma_prep.options import ArrangeOptions, EmbedOptions
from tma_prep.rankings.targets import DrawnTargets, draw_targets
from tma_prep.workspace import Workspace

_TASKS: list[str | None] = ["a"] * 9 + ["b"] * 2 + [None] * 4 + ["c"] + ["d"] * 7 + ["b"] * 2
_COUNT = len(_TASKS)
_TWICE = 3
"""A row with the text of the last one, which is of another task."""


def _embedded(root: Path, tasks: Sequence[str | None]) -> EmbeddingStore:
    texts = [f"question {row}" for row in range(len(tasks))]
    texts[-1] = texts[min(_TWICE, len(texts) - 1)]
    for side, rows in (("train", range(1)), ("test", range(len(tasks)))):
        lines = [
            json.dumps(
                {"prompt": texts[row], "response": "", "task": tasks[row], "v": [1.0, float(row)]}
            )
            for row in rows
        ]
        (root / f"{side}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    train, test = (str(root / f"{side}.jsonl") for side in ("train", "test"))
    embed(EmbedOptions(train=[train], test=[test], out=root / "work", vectors_column="v"))
    return open_sides(Workspace(root / "work")).test


@pytest.fixture(scope="module")
def test(tmp_path_factory: pytest.TempPathFactory) -> EmbeddingStore:
    """Tests of five tasks, one without a name, from one row to nine."""
    return _embedded(tmp_path_factory.mktemp("targets"), _TASKS)


def _draw(test: EmbeddingStore, **given: Any) -> DrawnTargets:  # noqa: ANN401
    return draw_targets(test, ArrangeOptions(work=Path("w"), **given))


@pytest.mark.parametrize(
    ("fraction", "count"),
    [(0.5, 12), (0.3, 8), (0.01, 1), (0.001, 1), (0.99, _COUNT - 1), (0.9, 22)],
)
def test_a_part_is_the_nearest_number_of_rows(
    test: EmbeddingStore, fraction: float, count: int
) -> None:
    """At least one and not all; the others are unseen, but for an equal text."""
    for seed in range(20):
        drawn = _draw(test, target_fraction=fraction, seed=seed)
        used, unseen = drawn.used.tolist(), drawn.unseen.tolist()
        assert used == sorted(set(used)) and len(used) == count
        others = set(range(_COUNT)) - set(used)
        equal = {_TWICE, _COUNT - 1}
        if equal & set(used):
            others -= equal
        assert unseen == sorted(others)


@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.5, 0.98])
def test_tasks_stay_whole(test: EmbeddingStore, fraction: float) -> None:
    """The first of a random sequence: so many that their rows come nearest to the fraction."""
    names = list(dict.fromkeys(_TASKS))
    rows_of = {name: [row for row, task in enumerate(_TASKS) if task == name] for name in names}
    seen = set()
    for seed in range(40):
        sequence = [names[task] for task in np.random.default_rng([seed, 5]).permutation(5)]
        parts = [
            sorted(row for name in sequence[:count] for row in rows_of[name])
            for count in range(1, len(names))
        ]
        nearest = min(parts, key=lambda part: abs(len(part) - fraction * _COUNT))
        drawn = _draw(test, target_fraction=fraction, by_task=True, seed=seed)
        assert drawn.used.tolist() == nearest
        assert not {_TASKS[row] for row in nearest} & {_TASKS[row] for row in drawn.unseen}
        seen.add(tuple(nearest))
    assert len(seen) > 3


def test_the_draw_is_a_function_of_the_seed(test: EmbeddingStore) -> None:
    """The same seed draws the same rows, others draw every row some time."""
    for by_task in (False, True):
        draws = [
            _draw(test, target_fraction=0.4, by_task=by_task, seed=seed).used for seed in range(30)
        ]
        again = _draw(test, target_fraction=0.4, by_task=by_task, seed=7).used
        assert np.array_equal(draws[7], again)
        assert set(np.concatenate(draws).tolist()) == set(range(_COUNT))
        assert len({tuple(draw.tolist()) for draw in draws}) > 5


def test_the_cap_of_a_task_is_drawn_inside_the_part(test: EmbeddingStore) -> None:
    """What it leaves out is neither used nor unseen."""
    for by_task in (False, True):
        half = _draw(test, target_fraction=0.5, by_task=by_task, seed=1)
        capped = _draw(test, target_fraction=0.5, by_task=by_task, seed=1, tests_per_task=2)
        tasks = [_TASKS[row] for row in half.used]
        assert set(capped.used.tolist()) < set(half.used.tolist())
        assert len(capped.used) == sum(min(2, tasks.count(task)) for task in set(tasks))
        assert np.array_equal(capped.unseen, half.unseen)
    alone = _draw(test, tests_per_task=2)
    assert len(alone.used) == 9 and not len(alone.unseen)


def test_every_row_is_used_where_nothing_is_drawn(test: EmbeddingStore) -> None:
    """And the manifests then name none."""
    assert _draw(test).used.tolist() == list(range(_COUNT))
    assert _draw(test).recorded(test) is None
    half = _draw(test, target_fraction=0.5).recorded(test)
    assert half is not None and len(half.rows) == 12


def test_what_cannot_be_parted_is_refused(tmp_path: Path) -> None:
    """One row; one task; no task."""
    for name, tasks, by_task, message in (
        ("row", ["a"], False, "needs two test rows or more; there is one"),
        ("task", ["a", "a"], True, "two tasks or more; all are of a; leave it out"),
        ("none", [None, None], True, "--by-task needs tasks, and no row names one"),
    ):
        (tmp_path / name).mkdir()
        store = _embedded(tmp_path / name, tasks)
        with pytest.raises(OptionError, match=message):
            _draw(store, target_fraction=0.5, by_task=by_task)
