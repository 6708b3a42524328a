"""What inspect says of small workspaces, counted again with polars."""

from pathlib import Path

import polars as pl
import pytest

from tests.integration.explained import (
    ROWS,
    TASKS,
    TESTS,
    make_order,
    make_workspace,
    prompt_of,
)
from tma_prep.embeddings.stage import embed
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.explain.inspect_workspace import inspect
from tma_prep.options import EmbedOptions, InspectOptions
from tma_prep.report.overview import Overview


def look(work: Path, **options: object) -> Overview:
    """Inspect a workspace."""
    return inspect(InspectOptions.model_validate({"work": work, **options}))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two orders by rounds, one by a distance, one of few rows."""
    work = make_workspace(tmp_path_factory.mktemp("inspect"))
    make_order(work)
    make_order(work, "rt", orders=["rt"], shards=False)
    make_order(work, "tasks", ranking="wsd", granularity="task", shards=False)
    make_order(work, "few", select="both-ends", budget="20", shards=False)
    return work


def test_sides_and_orders(work: Path) -> None:
    """As they were made."""
    found = look(work)
    assert (found.train.rows, found.test.rows, found.train.tasks) == (ROWS, TESTS, TASKS)
    assert found.encoder is None and found.dimension == 16
    told = {order.name: order for order in found.orders}
    assert list(told) == ["few", "nft", "rt", "tasks"]
    assert (told["few"].limits, told["few"].rows) == ("--select both-ends --budget 20", 20)
    assert (told["tasks"].ranking, told["tasks"].ranked) == ("wsd", "task")
    assert [order.shards for order in found.orders] == [False, True, False, False]
    assert all(order.current for order in found.orders)
    assert found.order is not None and found.order.facts.name == "nft"


@pytest.mark.parametrize("name", ["nft", "rt", "tasks", "few"])
def test_an_order_from_first_to_last(work: Path, name: str) -> None:
    """Similarity, rounds and tasks of every stretch; rounds; hubs; coverage."""
    order = look(work, name=name).order
    assert order is not None
    table = pl.read_parquet(work / "orders" / name / "order.parquet")
    for part in order.stretches:
        rows = table.slice(part.first, part.rows)
        assert part.mean_similarity == pytest.approx(rows["tma_similarity"].mean(), abs=1e-6)
        assert part.lowest_round == rows["tma_round"].min()
        assert part.highest_round == rows["tma_round"].max()
        counts = {order.task_names[task]: count for task, count in enumerate(part.tasks) if count}
        found = (rows["tma_row"] % TASKS).value_counts().iter_rows()
        assert counts == {f"task-{task}": count for task, count in found}
    assert sum(part.rows for part in order.stretches) == table.height
    if name == "tasks":
        assert (order.round_count, order.rounds) == (None, [])
    else:
        assert order.round_count == table["tma_round"].n_unique()
        assert sum(part.rows for part in order.rounds) == table.height
    neighbors = pl.read_parquet(work / "neighbors" / "part-00000.parquet")
    near = neighbors.filter(pl.col("rank") < 10).group_by("test_row").agg(pl.mean("similarity"))
    coverage = dict(near.iter_rows())
    assert order.coverage.by_test == pytest.approx(coverage, abs=1e-6)
    assert order.coverage.least == sorted(coverage, key=lambda row: coverage[row])
    positions = dict(table.select("tma_row", "tma_position").iter_rows())
    assert all(hub.position == positions.get(hub.tma_row) for hub in order.hubs)


def test_leaking_rows_are_counted_where_they_stand(tmp_path: Path) -> None:
    """Each once, by the strongest kind, as leakage.parquet has it."""
    work = make_workspace(tmp_path, "duplicated")
    make_order(work, leak_similarity=0.9)
    found = look(work)
    pairs = pl.read_parquet(work / "leakage" / "leakage.parquet")
    strongest = pairs.group_by("tma_row", maintain_order=True).first()
    counts = dict(strongest["kind"].value_counts().iter_rows())
    assert found.leakage is not None and found.order is not None
    assert {kind: rows for kind, rows in found.leakage.kinds.items() if rows} == counts
    totals = [sum(part.leaks[kind] for part in found.order.stretches) for kind in range(4)]
    assert dict(zip(found.order.leak_kinds, totals, strict=True)) == found.leakage.kinds


def test_the_page_holds_the_rows(work: Path, tmp_path: Path) -> None:
    """Into the workspace or elsewhere; the texts as text, whether or not there are shards."""
    found = look(work, html=True)
    assert found.page == str(work / "inspect.html")
    for name in ("nft", "rt"):
        out = tmp_path / f"{name}.html"
        assert look(work, name=name, html=True, out=out).page == str(out)
        html = out.read_text(encoding="utf-8")
        assert html.count("<tr><th scope") > ROWS
        assert prompt_of("train", 1) in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert "\x1b" not in html and "\u202e" not in html
        assert "every row of the order" in html
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nft.html", "rt.html"]
    again = look(work, name="nft", html=True, out=tmp_path / "again.html").page
    assert Path(str(again)).read_bytes() == (tmp_path / "nft.html").read_bytes()


def test_refusals(work: Path, tmp_path: Path) -> None:
    """What cannot be drawn, written or found."""
    with pytest.raises(OptionError, match="--out is the file that --html writes"):
        look(work, out=tmp_path / "x.html")
    with pytest.raises(OptionError, match="must be a file in a folder that is there"):
        look(work, html=True, out=tmp_path / "none" / "x.html")
    with pytest.raises(OptionError, match="must be a file"):
        look(work, html=True, out=tmp_path)
    with pytest.raises(ArtifactError, match="no order named x; it holds few, nft, rt, tasks"):
        look(work, name="x")
    bare = make_workspace(tmp_path)
    assert look(bare).order is None
    with pytest.raises(ArtifactError, match="holds no order to draw; run tma-prep arrange"):
        look(bare, html=True)
    with pytest.raises(ArtifactError, match="it holds none; run tma-prep arrange"):
        look(bare, name="nft")


def test_an_order_of_other_embeddings_is_out_of_date(tmp_path: Path) -> None:
    """It is listed, and not looked at."""
    work = make_workspace(tmp_path)
    make_order(work, "old", shards=False)
    lines = (tmp_path / "train.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "train.jsonl").write_text("\n".join(lines[1:]) + "\n", encoding="utf-8")
    inputs = [[str(tmp_path / f"{side}.jsonl")] for side in ("train", "test")]
    embed(
        EmbedOptions(train=inputs[0], test=inputs[1], out=work, vectors_column="v", overwrite=True)
    )
    found = look(work)
    assert [(order.name, order.current) for order in found.orders] == [("old", False)]
    assert found.order is None
    with pytest.raises(ArtifactError, match="other embeddings/.* than the workspace holds now"):
        look(work, name="old")
