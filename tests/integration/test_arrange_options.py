"""Every choice of `arrange` from options to files, against definitions written down again."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.brute_force import rounds_of, similarity_matrix
from tma_prep.arrange import arrange, plan_arrange
from tma_prep.embeddings.stage import embed
from tma_prep.embeddings.unit import unit_vectors
from tma_prep.errors import OptionError
from tma_prep.options import ArrangeOptions, EmbedOptions
from tma_prep_schemas import RankingManifest, Schedule

ROWS, TESTS = 90, 12


@pytest.fixture(scope="module")
def similarity() -> np.ndarray:
    """Of every test to every training row of the workspace, exactly."""
    train, test = vectors()
    return similarity_matrix(unit_vectors(np.array(test)), unit_vectors(np.array(train)))


def vectors() -> tuple[list[list[float]], list[list[float]]]:
    """Train and test vectors, with doubles in both."""
    draw = np.random.default_rng(5)
    train = draw.standard_normal((ROWS, 8)).round(2)
    train[60:70] = train[10:20]
    test = draw.standard_normal((TESTS, 8)).round(2)
    test[7] = test[2]
    return train.tolist(), test.tolist()


def task_of(row: int) -> str:
    """Six tasks, one row in turn of each."""
    return f"task-{row % 6}"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with vectors of its own."""
    folder = tmp_path_factory.mktemp("options")
    for side, rows in zip(("train", "test"), vectors(), strict=True):
        lines = [
            json.dumps(
                {
                    "prompt": "word " * (1 + number % 5),
                    "response": "yes",
                    "task": task_of(number),
                    "vector": vector,
                }
            )
            for number, vector in enumerate(rows)
        ]
        (folder / f"{side}.jsonl").write_text("\n".join(lines))
    options = EmbedOptions(
        train=[str(folder / "train.jsonl")],
        test=[str(folder / "test.jsonl")],
        out=folder / "work",
        vectors_column="vector",
    )
    embed(options)
    return folder / "work"


def order(work: Path, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """The order that these options make."""
    name = f"case-{abs(hash(json.dumps(options, sort_keys=True)))}"
    arrange(ArrangeOptions(work=work, name=name, shards=False, **options))
    return pl.read_parquet(work / "orders" / name / "order.parquet")


def rows_of(work: Path, **options: Any) -> list[int]:  # noqa: ANN401
    """Row numbers in the order that these options make."""
    rows: list[int] = order(work, **options)["tma_row"].to_list()
    return rows


def test_the_papers_min_max_and_budgeted_orders(work: Path, similarity: np.ndarray) -> None:
    """MIN, MAX, and NFT, FFT and RT under a budget, as FACTS defines them."""
    near = similarity.max(axis=0)
    rounds = rounds_of(similarity)
    by_nearest = sorted(range(ROWS), key=lambda row: (rounds[row], -near[row], row))
    assert rows_of(work, select="nearest", budget="25") == by_nearest[:25]

    far_rounds = rounds_of(-similarity)
    by_farthest = sorted(range(ROWS), key=lambda row: (far_rounds[row], -near[row], row))
    farthest = by_farthest[:25]
    found = order(work, select="farthest", budget="25", orders=["fft"])
    assert sorted(found["tma_row"]) == sorted(farthest)
    picked = [-far_rounds[row] for row in found["tma_row"]]
    assert found["tma_round"].to_list() == picked == sorted(picked, reverse=True)

    first = by_nearest[:13]
    left = [row for row in range(ROWS) if row not in first]
    of_left = dict(zip(left, rounds_of(-similarity[:, left]), strict=True))
    rest = sorted(left, key=lambda row: (of_left[row], -near[row], row))[:12]
    nft = rows_of(work, select="both-ends", budget="25")
    assert nft[:13] == first
    assert nft[13:] == sorted(rest, key=lambda row: (-of_left[row], -near[row], row))
    assert rows_of(work, select="both-ends", budget="25", orders=["fft"]) == nft[::-1]
    shuffled = rows_of(work, select="both-ends", budget="25", orders=["rt"])
    assert sorted(shuffled) == sorted(nft) and shuffled != nft


def test_early_selected_rounds(work: Path, similarity: np.ndarray) -> None:
    """`2:5` is rounds 3, 4 and 5."""
    rounds = rounds_of(similarity)
    found = order(work, rounds="2:5")
    assert sorted(found["tma_row"]) == [row for row in range(ROWS) if rounds[row] in (3, 4, 5)]
    assert found["tma_round"].is_sorted()


@pytest.mark.parametrize("ranking", ["wsd", "min", "avg", "max", "centroid"])
def test_distances_order_the_pool(work: Path, similarity: np.ndarray, ranking: str) -> None:
    """Smaller first; no rounds, and the nearest test all the same."""
    least, mean = -similarity.max(axis=0), -similarity.mean(axis=0)
    distance = {
        "min": least,
        "avg": mean,
        "max": -similarity.min(axis=0),
        "centroid": mean,
        "wsd": least + least.mean() / mean.mean() * mean,
    }[ranking]
    found = order(work, ranking=ranking)
    in_order = distance[found["tma_row"].to_numpy()]
    assert (np.diff(in_order) >= -1e-12).all()
    assert found["tma_round"].null_count() == ROWS
    assert found["tma_similarity"].to_list() == [
        float(np.float32(-least[row])) for row in found["tma_row"]
    ]


def test_transport_orders_the_pool(work: Path) -> None:
    """Every row has a cost, and how it ended is told."""
    assert sorted(rows_of(work, ranking="ot")) == list(range(ROWS))
    path = work / "rankings" / "ot" / "manifest.json"
    facts = RankingManifest.model_validate_json(path.read_bytes()).facts
    assert facts.transport is not None and facts.transport["exact"] is True


def test_tasks_are_ranked_whole(work: Path) -> None:
    """Coarse-grained: the instances of a task stay together, and share its round."""
    coarse = order(work, ranking="wsd", granularity="task")
    tasks = [task_of(row) for row in coarse["tma_row"]]
    changes = sum(one != other for one, other in zip(tasks, tasks[1:], strict=False))
    assert changes == 5
    by_round = order(work, granularity="task")
    rounds = dict(zip(by_round["tma_row"], by_round["tma_round"], strict=True))
    assert all(rounds[row] == rounds[row % 6] for row in range(ROWS))


def test_cells_are_ranked_whole_and_seeded(work: Path) -> None:
    """k-means: the same seed, the same cells."""
    one = order(work, granularity="kmeans:4", seed=3)
    again = order(work, granularity="kmeans:4", seed=3, orders=["fft"])
    assert one["tma_row"].to_list() == again["tma_row"].to_list()[::-1]
    assert 1 <= one["tma_round"].n_unique() <= 4


def test_round_robin_and_cluster(work: Path) -> None:
    """One row of each task in turn; all of a task together."""
    nft = rows_of(work)
    tasks = list(dict.fromkeys(task_of(row) for row in nft))
    by_task = {task: [row for row in nft if task_of(row) == task] for task in tasks}
    robin = rows_of(work, orders=["round-robin"])
    assert robin == [by_task[task][turn] for turn in range(15) for task in tasks]
    assert rows_of(work, orders=["cluster"]) == [row for task in tasks for row in by_task[task]]


@pytest.mark.parametrize("rule", ["nearest", "random", "polar", "uniform"])
def test_rows_of_every_task(work: Path, rule: str) -> None:
    """Four of each."""
    rows = rows_of(work, per_task=f"4:{rule}")
    assert sorted(map(task_of, rows)) == sorted(f"task-{task}" for task in range(6) for _ in "1234")
    nft = [row for row in rows_of(work) if task_of(row) == "task-0"]
    mine = [row for row in rows if task_of(row) == "task-0"]
    if rule == "nearest":
        assert mine == nft[:4]
    if rule == "polar":
        assert mine == [*nft[:2], *nft[-2:]]


def test_tests_of_each_task_are_capped(work: Path, similarity: np.ndarray) -> None:
    """One test of each of the six tasks makes the rounds."""
    result = arrange(ArrangeOptions(work=work, name="capped", tests_per_task=1, seed=2))
    assert result.test_rows == 6
    found = pl.read_parquet(work / "orders" / "capped" / "order.parquet")
    tests = sorted({int(target) for target in found["tma_target"]})
    assert len({test % 6 for test in tests}) == len(tests)
    used = list(range(12))
    capped = {
        tuple(sorted(used[task + 6 * draw] for task, draw in enumerate(draws)))
        for draws in np.ndindex(2, 2, 2, 2, 2, 2)
    }
    expected = dict(zip(found["tma_row"], found["tma_round"], strict=True))
    assert any(
        rounds_of(similarity[list(some)]) == [expected[row] for row in range(ROWS)]
        for some in capped
    )


def test_then_shuffle_keeps_the_beginning(work: Path) -> None:
    """The first fifth is the order's own."""
    nft = rows_of(work)
    mixed = rows_of(work, shuffle_after=0.2)
    assert mixed[:18] == nft[:18]
    assert mixed[18:] != nft[18:] and sorted(mixed) == sorted(nft)


def test_a_budget_of_tokens_is_not_exceeded(work: Path) -> None:
    """The longest beginning that fits."""
    nft = rows_of(work)
    tokens = [2 + row % 5 for row in nft]
    kept = len(rows_of(work, budget="100tok"))
    assert sum(tokens[:kept]) <= 100 < sum(tokens[: kept + 1])


def test_the_schedule_covers_the_order(work: Path) -> None:
    """Stages follow each other, hold all rows and tokens, and are about equal."""
    arrange(ArrangeOptions(work=work, name="staged"))
    text = (work / "shards" / "staged" / "schedule.json").read_text()
    schedule = Schedule.model_validate_json(text)
    assert schedule.tokens_counted_by == "words"
    assert len(schedule.stages) == 10
    assert schedule.stages[0].first_position == 0
    assert schedule.stages[-1].last_position == ROWS - 1
    for one, other in zip(schedule.stages, schedule.stages[1:], strict=False):
        assert other.first_position == one.last_position + 1
    total = sum(2 + row % 5 for row in range(ROWS))
    assert sum(stage.tokens for stage in schedule.stages) == total
    assert max(stage.tokens for stage in schedule.stages) < total / 5


def test_a_second_order_needs_no_search(work: Path) -> None:
    """The ranking is kept."""
    arrange(ArrangeOptions(work=work, name="one", shards=False))
    again = arrange(ArrangeOptions(work=work, name="two", orders=["fft"], shards=False))
    assert again.searched is False


def test_facts_are_told(work: Path, similarity: np.ndarray) -> None:
    """Rounds, winners, hubs and coverage, as the matrix has them."""
    facts = arrange(ArrangeOptions(work=work, name="facts", shards=False)).facts
    rounds = rounds_of(similarity)
    assert facts.rounds == max(rounds)
    assert facts.largest_round == max(map(rounds.count, set(rounds)))
    assert facts.shared_winners == pytest.approx(1 - ROWS / (max(rounds) * TESTS))
    assert facts.never_first_choice == ROWS - len(set(similarity.argmax(axis=1).tolist()))
    top = np.sort(similarity, axis=1)[:, ::-1][:, :10]
    assert facts.coverage == pytest.approx(top.mean())
    assert set(facts.coverage_by_task) == {f"task-{task}" for task in range(6)}
    assert facts.hubs[0].tests == TESTS


def test_a_plan_does_nothing(work: Path) -> None:
    """It says what the work would take."""
    before = sorted(path.name for path in work.rglob("*"))
    plan = plan_arrange(ArrangeOptions(work=work, name="planned"))
    assert (plan.rows, plan.tests, plan.orders) == (ROWS, TESTS - 1, ["planned"])
    assert 0 < plan.memory_bytes and 0 <= plan.floor_seconds < 5
    assert sorted(path.name for path in work.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ranking": "best"}, "--ranking best is not known; it is one of tma, wsd"),
        ({"select": "some"}, "--select some is not known"),
        ({"orders": ["up"]}, "--order up is not known"),
        ({"orders": ["nft", "nft"]}, "named twice"),
        ({"rounds": "2:5", "ranking": "wsd"}, "--ranking wsd has none; use --budget"),
        ({"rounds": "five"}, "--rounds"),
        ({"budget": "91"}, "more than the pool holds; ask for 90"),
        ({"budget": "lots"}, "--budget takes rows"),
        ({"select": "both-ends"}, "--budget"),
        ({"per_task": 3, "budget": "5"}, "use one or the other"),
        ({"per_task": "3:best"}, "the rule of --per-task best is not known; it is one of nearest"),
        ({"shuffle_after": 0.5, "orders": ["rt"]}, "is shuffled"),
        ({"granularity": "kmeans:91"}, "more cells than there are rows; ask for 90"),
    ],
)
def test_what_has_no_meaning_is_refused_with_the_reason(
    work: Path, options: dict[str, Any], message: str
) -> None:
    """Before anything is written."""
    with pytest.raises(OptionError, match=message):
        arrange(ArrangeOptions(work=work, name="refused", **options))
    assert not (work / "orders" / "refused" / "order.parquet").exists()


def test_shards_do_not_depend_on_memory(work: Path) -> None:
    """Blocks, lists and runs follow the budget; the bytes do not."""
    folders = []
    for name, memory in (("roomy", None), ("tight", "20kB")):
        arrange(ArrangeOptions(work=work, name=name, memory_budget=memory, overwrite=True))
        folders.append(work / "shards" / name)
    parts = [sorted(path.name for path in folder.glob("*.parquet")) for folder in folders]
    assert parts[0] == parts[1]
    for part in parts[0]:
        assert (folders[0] / part).read_bytes() == (folders[1] / part).read_bytes()


def test_shards_do_not_depend_on_threads(work: Path) -> None:
    """One thread or two in every library that has a say."""
    shards = []
    for threads in ("1", "2"):
        name = f"threads-{threads}"
        limits = {f"{library}_NUM_THREADS": threads for library in ("OMP", "OPENBLAS", "MKL")}
        subprocess.run(
            [
                *(sys.executable, "-m", "tma_prep_cli", "arrange", work, "--name", name),
                *("--ranking", "wsd", "--overwrite"),
            ],
            env=os.environ | limits,
            check=True,
            capture_output=True,
        )
        files = sorted((work / "shards" / name).glob("*.parquet"))
        shards.append([path.read_bytes() for path in files])
    assert shards[0] == shards[1]
