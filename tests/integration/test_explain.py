"""What explain says of every position, against Algorithm 1 written down again."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.brute_force import CASES, similarity_matrix
from tests.integration.explained import (
    ROWS,
    TASKS,
    TESTS,
    make_order,
    make_workspace,
    named_in_rounds,
    next_ones,
    prompt_of,
)
from tma_prep.embeddings.sides import open_sides
from tma_prep.embeddings.unit import unit_vectors
from tma_prep.errors import ArtifactError, InputError, OptionError
from tma_prep.explain.row import RowExplanation
from tma_prep.explain.stage import Explainer, explain
from tma_prep.options import ExplainOptions
from tma_prep.workspace import Workspace


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with doubles on both sides, and several orders."""
    work = make_workspace(tmp_path_factory.mktemp("explain"), "duplicated")
    make_order(work)
    make_order(work, "rt", orders=["rt"], shards=False)
    make_order(work, "fft", orders=["fft"], shards=False)
    return work


def similarity_of(work: Path) -> np.ndarray:
    """Of every stored test to every stored row, exactly."""
    sides = open_sides(Workspace(work))
    return similarity_matrix(sides.test.array(), sides.train.array())


def order_of(work: Path, name: str) -> pl.DataFrame:
    """The order as it stands on disk."""
    return pl.read_parquet(work / "orders" / name / "order.parquet")


def check_named(
    told: RowExplanation,
    similarity: np.ndarray,
    remaining: list[int],
    named: list[int],
    *,
    farthest: bool = False,
) -> None:
    """Who named a row, how near, who came next and where those ended up."""
    assert [found.test.test_row for found in told.named_by] == named
    assert told.remaining == len(remaining)
    for found in told.named_by:
        test = found.test.test_row
        assert found.test.similarity == similarity[test, told.tma_row]
        expected = next_ones(similarity, test, told.tma_row, remaining, farthest=farthest)
        assert [other.tma_row for other in found.next] == expected
        assert [other.similarity for other in found.next] == [
            similarity[test, row] for row in expected
        ]


@pytest.mark.parametrize("case", CASES)
def test_every_position_of_algorithm_1(tmp_path: Path, case: str) -> None:
    """Round, tests, how near, competitors and their places, with ties and doubles."""
    work = make_workspace(tmp_path, case)
    make_order(work, shards=False)
    similarity = similarity_of(work)
    rounds, remaining, named = named_in_rounds(similarity, range(ROWS))
    order = order_of(work, "nft")
    positions = {row: place for place, row in enumerate(order["tma_row"])}
    explainer = Explainer(work)
    for position, row in enumerate(order["tma_row"].to_list()):
        told = explainer.at(position)
        assert (told.tma_row, told.position, told.round) == (row, position, rounds[row])
        check_named(told, similarity, remaining[rounds[row]], named[row])
        for found in told.named_by:
            for other in found.next:
                assert other.tma_row is not None
                assert other.position == positions[other.tma_row]
                assert other.round == rounds[other.tma_row]
        assert told.similarity == similarity[:, row].max()
        assert told.nearest_tests[0].test_row == int(similarity[:, row].argmax())
        assert explainer.row(row) == told


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("both", {"select": "both-ends", "budget": "31", "orders": ["nft"]}),
        ("max", {"select": "farthest", "budget": "20", "orders": ["fft"]}),
        ("window", {"select": "farthest", "rounds": "1:3"}),
    ],
)
@pytest.mark.parametrize("case", ["duplicated", "coarse"])
def test_farthest_picks(tmp_path: Path, case: str, name: str, options: dict[str, object]) -> None:
    """Every row of a farthest-pick round, and the nearest ones beside them."""
    work = make_workspace(tmp_path, case)
    make_order(work, name, shards=False, **options)
    similarity = similarity_of(work)
    order = order_of(work, name)
    near = set(order.filter(pl.col("tma_round") > 0)["tma_row"])
    rounds, remaining, named = named_in_rounds(similarity, range(ROWS))
    left = [row for row in range(ROWS) if row not in near]
    _, far_remaining, far_named = named_in_rounds(similarity, left, farthest=True)
    explainer = Explainer(work, name)
    seen = set()
    for position, (row, number) in enumerate(order.select("tma_row", "tma_round").iter_rows()):
        told = explainer.at(position)
        seen.add(number > 0)
        if number > 0:
            assert number == rounds[row]
            check_named(told, similarity, remaining[number], named[row])
        else:
            check_named(told, similarity, far_remaining[-number], far_named[row], farthest=True)
            assert f"farthest-pick round {-number}" in told.why[0]
    assert seen == ({True, False} if name == "both" else {False})


@pytest.mark.parametrize("granularity", ["task", "kmeans:7"])
def test_units(tmp_path: Path, granularity: str) -> None:
    """The unit is said, and tests name units by their mean."""
    work = make_workspace(tmp_path)
    make_order(work, granularity=granularity)
    explainer = Explainer(work)
    told = [explainer.row(row) for row in range(ROWS)]
    units = sorted({str(row.unit) for row in told})
    if granularity == "task":
        assert [row.unit for row in told] == [f"task-{row % TASKS}" for row in range(ROWS)]
    sides = open_sides(Workspace(work))
    vectors = sides.train.array().astype(np.float64)
    means = [vectors[[row.unit == unit for row in told]].sum(axis=0) for unit in units]
    similarity = similarity_matrix(sides.test.array(), unit_vectors(np.array(means)))
    rounds, remaining, named = named_in_rounds(similarity, range(len(units)))
    for row in told:
        thing = units.index(str(row.unit))
        assert row.round == rounds[thing]
        assert [found.test.test_row for found in row.named_by] == named[thing]
        for found in row.named_by:
            test = found.test.test_row
            left = remaining[rounds[thing]]
            expected = next_ones(similarity, test, thing, left, farthest=False)
            assert [other.name for other in found.next] == [units[other] for other in expected]
            assert found.test.similarity == pytest.approx(similarity[test, thing], abs=1e-6)
            for other in found.next:
                rows = [each for each in told if each.unit == other.name]
                assert other.position == min(int(each.position or 0) for each in rows)


@pytest.mark.parametrize("ranking", ["wsd", "min", "avg", "max", "centroid", "ot"])
@pytest.mark.parametrize("granularity", ["instance", "task"])
def test_rankings_by_distance(work: Path, ranking: str, granularity: str) -> None:
    """Distance, and how many are nearer."""
    name = f"{ranking}-{granularity}"
    make_order(work, name, ranking=ranking, granularity=granularity, shards=False)
    folder = ranking if granularity == "instance" else f"{ranking}.task"
    table = pl.read_parquet(work / "rankings" / folder / "ranking.parquet")
    distance = table["distance"].to_numpy()
    explainer = Explainer(work, name)
    for row in range(0, ROWS, 7):
        told = explainer.row(row)
        assert told.distance == distance[row]
        assert (told.round, told.remaining, told.named_by) == (None, None, [])
        items = distance if granularity == "instance" else np.array(distance[:TASKS])
        nearer = int((items < distance[row]).sum())
        as_near = int((items == distance[row]).sum()) - 1
        assert f"{nearer} are nearer, and {as_near} as near" in " ".join(told.why)


def test_tests_per_task_leave_tests_out(work: Path) -> None:
    """Those neither name anything nor are counted."""
    make_order(work, "capped", tests_per_task=1, shards=False)
    explainer = Explainer(work, "capped")
    used = [row for row in range(TESTS) if explainer.test(row).was_used]
    assert len(used) == TASKS
    similarity = similarity_of(work)[used]
    rounds, remaining, named = named_in_rounds(similarity, range(ROWS))
    for row in range(ROWS):
        told = explainer.row(row)
        assert told.round == rounds[row]
        assert [found.test.test_row for found in told.named_by] == [
            used[test] for test in named[row]
        ]
    unused = next(row for row in range(TESTS) if row not in used)
    told_test = explainer.test(unused)
    assert told_test.coverage is None
    assert told_test.why[0] == "It took no part in the ranking."
    assert {near.named for near in told_test.neighbours} == {None}


@pytest.mark.parametrize("granularity", ["instance", "task"])
def test_leaks_are_told_and_what_was_left_out_takes_no_part(
    tmp_path: Path, granularity: str
) -> None:
    """Marks of a row and of a test; Algorithm 1 over the rows that are left."""
    work = make_workspace(tmp_path)
    make_order(work, shards=False, leak_similarity=0.4)
    make_order(
        work,
        "clean",
        shards=False,
        leakage="exclude",
        leak_similarity=0.4,
        granularity=granularity,
    )
    pairs = pl.read_parquet(work / "leakage" / "leakage.parquet")
    out = set(pairs["tma_row"])
    assert 3 < len(out) < 40
    plain, clean = Explainer(work), Explainer(work, "clean")
    similarity = similarity_of(work)
    kept = [row for row in range(ROWS) if row not in out]
    rounds, remaining, named = named_in_rounds(similarity, kept)
    for row in range(ROWS):
        told = plain.row(row)
        expected = pairs.filter(pl.col("tma_row") == row).select("test_row", "kind", "score")
        assert [(leak.test_row, leak.kind, leak.score) for leak in told.leaks] == expected.rows()
        assert told.leakage_known and told.position is not None
        told = clean.row(row)
        assert (told.position is None) == (row in out)
        if row in out:
            assert told.why[0].startswith("It was not ranked") and told.round is None
        elif granularity == "instance":
            assert told.round == rounds[row]
            check_named(told, similarity, remaining[rounds[row]], named[row])
        else:
            assert told.unit == f"task-{row % TASKS}" and told.named_by
    test = int(pairs["test_row"][0])
    rows = pairs.filter(pl.col("test_row") == test)["tma_row"].to_list()
    assert [leak.tma_row for leak in plain.test(test).leaks] == rows
    gone = next(near for near in clean.test(test).neighbours if near.tma_row in out)
    assert (gone.position, gone.round) == (None, None)
    assert gone.named is (False if granularity == "instance" else None)


@pytest.mark.parametrize("with_neighbors", [True, False])
def test_tests(work: Path, tmp_path: Path, with_neighbors: bool) -> None:
    """Neighbours in exact order, where they ended up, and which of them the test named."""
    if not with_neighbors:
        work = make_workspace(tmp_path, "duplicated")
        make_order(work, shards=False)
        shutil.rmtree(work / "neighbors")
    similarity = similarity_of(work)
    order = order_of(work, "nft")
    place = {row: position for position, row in enumerate(order["tma_row"])}
    explainer = Explainer(work, "nft")
    _, _, named = named_in_rounds(similarity, range(ROWS))
    coverage: list[float] = []
    for test in range(TESTS):
        told = explainer.test(test)
        nearest = sorted(range(ROWS), key=lambda row: (-similarity[test, row], row))
        assert [near.tma_row for near in told.neighbours] == nearest
        assert [near.similarity for near in told.neighbours] == similarity[test, nearest].tolist()
        assert [near.position for near in told.neighbours] == [place[row] for row in nearest]
        assert [near.named for near in told.neighbours] == [test in named[row] for row in nearest]
        equal = (similarity == similarity[test]).all(axis=1)
        assert told.equal_tests == [row for row in np.flatnonzero(equal).tolist() if row != test]
        assert told.coverage is not None
        coverage.append(told.coverage)
        assert told.coverage == pytest.approx(similarity[test, nearest[:10]].mean())
        assert told.text.prompt == prompt_of("test", test)
        assert told.texts[nearest[0]].prompt == prompt_of("train", nearest[0])
    assert explainer.test(3).covered_less == sum(other < coverage[3] for other in coverage)


def test_texts_come_from_shards_or_the_input(work: Path) -> None:
    """Whole, beside those of the tests."""
    for name in ("nft", "rt"):
        told = Explainer(work, name).at(7)
        assert told.text.prompt == prompt_of("train", told.tma_row)
        assert told.text.response == f"answer {told.tma_row}"
        assert told.notes == []
        for test in [*(found.test for found in told.named_by), *told.nearest_tests]:
            assert test.text.prompt == prompt_of("test", test.test_row)


def test_texts_are_told_where_the_input_is_gone(tmp_path: Path) -> None:
    """They stand in the workspace."""
    work = make_workspace(tmp_path)
    make_order(work)
    (tmp_path / "test.jsonl").unlink()
    (tmp_path / "train.jsonl").unlink()
    told = Explainer(work).at(3)
    assert told.text.prompt == prompt_of("train", told.tma_row)
    assert not told.notes
    assert told.named_by and told.named_by[0].test.text.problem is None


def test_orders_say_what_they_do(work: Path) -> None:
    """Shuffled rows, rows after --shuffle-after, tasks in turn, rows left out."""
    make_order(work, "then", shuffle_after=0.2, shards=False)
    make_order(work, "turns", orders=["round-robin"], shards=False)
    make_order(work, "together", orders=["cluster"], shards=False)
    make_order(work, "few", budget="5", shards=False)
    assert "rt shuffles the rows (seed 0)" in Explainer(work, "rt").at(3).why[-1]
    assert "nft puts rounds nearest first" in Explainer(work, "then").at(11).why[-1]
    assert "From position 12 on the order is shuffled" in Explainer(work, "then").at(12).why[-1]
    assert "all reversed" in Explainer(work, "fft").at(0).why[-1]
    turns = Explainer(work, "turns").at(TASKS + 1)
    assert f"row 2 of task '{turns.task}'" in turns.why[-1]
    together = Explainer(work, "together").at(2)
    assert f"row 3 of task '{together.task}'" in together.why[-1]
    few = Explainer(work, "few")
    assert few.at(0).why[-2] == "It is kept by --budget 5."
    left = next(row for row in range(ROWS) if few.row(row).position is None)
    assert few.row(left).why[-1] == "It is left out of this order: --budget 5 keeps other rows."
    assert few.row(left).round is not None


@pytest.mark.parametrize(
    ("asked", "error", "text"),
    [
        ({}, OptionError, "give one of --position, --row, --test and --id"),
        ({"row": 1, "test": 1}, OptionError, "give one of"),
        ({"position": ROWS}, InputError, "from position 0 to 59"),
        ({"row": ROWS}, InputError, "numbered 0 to 59; they end before that"),
        ({"test": 999}, InputError, "9 test rows"),
        ({"row": 1, "name": "none"}, ArtifactError, "no order named none; it holds "),
    ],
)
def test_refusals(work: Path, asked: dict[str, object], error: type[Exception], text: str) -> None:
    """One line each, with what there is."""
    with pytest.raises(error) as caught:
        explain(ExplainOptions.model_validate({"work": work, **asked}))
    assert text in str(caught.value) and "\n" not in str(caught.value)


def test_nothing_to_explain(tmp_path: Path) -> None:
    """No workspace, no order, a ranking that is gone, embeddings that are other ones."""
    with pytest.raises(ArtifactError, match="run tma-prep embed"):
        Explainer(tmp_path / "none")
    work = make_workspace(tmp_path)
    with pytest.raises(ArtifactError, match="holds no order; run tma-prep arrange first"):
        Explainer(work)
    make_order(work, "only", shards=False)
    assert Explainer(work).at(0).order == "only"
    ranking = work / "rankings" / "tma"
    ranking.rename(work / "elsewhere")
    with pytest.raises(ArtifactError, match="is not there any more"):
        Explainer(work)
