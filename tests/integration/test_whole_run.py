"""The three commands on the sample data, from the command line, and what they leave behind."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.brute_force import nearest_first, rounds_of, similarity_matrix
from tests.integration.check_workspace import tma_prep as run_here
from tma_prep.rows.sample import text_id
from tma_prep_schemas import CURVES, NEIGHBORS, ORDER, CheckSummary, ShardsManifest

pytestmark = pytest.mark.slow

ORDERS = ("nft", "fft", "rt")
SHORT = ("--max-length", 64)
"""A quarter of what the model reads, in a quarter of the time."""
CHECK = (
    *("--order", "nft", "--order", "rt", "--steps", 12, "--seeds", 1, "--control", "off"),
    *("--base-steps", 4),
)


def tma_prep(*arguments: object) -> dict[str, object]:
    """Run the command line; what it prints as JSON."""
    done = run_here(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, sample_data: Path) -> Path:
    """A workspace in which all three commands have run."""
    root = tmp_path_factory.mktemp("run") / "work"
    tma_prep(
        *("embed", "--train", sample_data / "train.jsonl", "--test", sample_data / "test.json"),
        *("--out", root, *SHORT),
    )
    tma_prep("arrange", root, *(f"--order={order}" for order in ORDERS), "--rows-per-shard", 400)
    tma_prep("train-check", root, *CHECK)
    return root


def vectors(work: Path, side: str) -> np.ndarray:
    """The stored vectors, read with pyarrow alone."""
    parts = sorted((work / "embeddings" / side).glob("part-*.arrow"))
    tables = [pa.ipc.open_file(str(part)).read_all() for part in parts]
    flat = pa.concat_tables(tables).column("embedding").combine_chunks().flatten()
    array: np.ndarray = flat.to_numpy().reshape(-1, 384)
    return array


def test_the_order_equals_brute_force_on_the_stored_vectors(work: Path, sample_data: Path) -> None:
    """Row by row: rounds, sequence, similarity and target."""
    exact = similarity_matrix(vectors(work, "test"), vectors(work, "train"))
    rounds = rounds_of(exact)
    expected = nearest_first(exact, rounds)
    order = pl.read_parquet(work / "orders" / "nft" / "order.parquet")
    assert order["tma_row"].to_list() == expected
    assert order["tma_round"].to_list() == [rounds[row] for row in expected]
    assert order["tma_similarity"].to_list() == [
        float(np.float32(exact[:, row].max())) for row in expected
    ]
    tests = json.loads((sample_data / "test.json").read_text())
    assert order["tma_target"].to_list() == [
        tests[int(exact[:, row].argmax())]["id"] for row in expected
    ]
    reverse = pl.read_parquet(work / "orders" / "fft" / "order.parquet")
    assert reverse["tma_row"].to_list() == expected[::-1]


def test_neighbours_are_the_exact_ones(work: Path) -> None:
    """Ranks from 0 without gaps, each the brute-force row with its similarity."""
    exact = similarity_matrix(vectors(work, "test"), vectors(work, "train"))
    table = pq.read_table(work / "neighbors" / "part-00000.parquet")
    assert table.schema.remove_metadata().equals(NEIGHBORS)
    for (test,), edges in pl.DataFrame(table).group_by("test_row"):
        assert isinstance(test, int)
        nearest = np.lexsort((np.arange(exact.shape[1]), -exact[test]))[: edges.height]
        assert edges["rank"].to_list() == list(range(edges.height))
        assert edges["tma_row"].to_list() == nearest.tolist()
        assert edges["similarity"].to_list() == exact[test, nearest].astype(np.float32).tolist()


@pytest.mark.parametrize("name", ORDERS)
def test_shards_hold_every_row_of_the_input_in_order(
    work: Path, sample_data: Path, name: str
) -> None:
    """The user's columns untouched, ids and positions right, files as the manifest says."""
    folder = work / "shards" / name
    manifest = ShardsManifest.model_validate_json((folder / "manifest.json").read_bytes())
    assert [entry.rows for entry in manifest.files] == [400, 400, 400, 305]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [entry.file for entry in manifest.files] + ["manifest.json", "schedule.json"]
    )
    rows = pa.concat_tables(pq.read_table(folder / entry.file) for entry in manifest.files)
    assert rows.column("tma_position").to_pylist() == list(range(1505))
    lines = (sample_data / "train.jsonl").read_text().splitlines()
    originals = [json.loads(line) for line in lines]
    for row in rows.to_pylist():
        original = originals[row["tma_row"]]
        assert {key: row[key] for key in original} == original
        prompt, answer = (turn["value"] for turn in original["conversations"])
        assert row["tma_id"] == text_id(f"{prompt} {answer}")
    order = pq.read_table(work / "orders" / name / "order.parquet")
    assert order.schema.remove_metadata().equals(ORDER)
    assert rows.select(ORDER.names).to_pydict() == order.to_pydict()


def test_the_check_measured_both_orders_from_one_start(work: Path) -> None:
    """Curves, summary and report agree, and learning happened."""
    folder = work / "checks" / "nft-rt"
    table = pq.read_table(folder / "curves.parquet")
    assert table.schema.remove_metadata().equals(CURVES)
    curves = pl.DataFrame(table)
    start = curves.filter(step=0).partition_by("order")
    assert start[0]["loss"].to_list() == start[1]["loss"].to_list()
    summary = CheckSummary.model_validate_json((folder / "summary.json").read_bytes())
    for order in summary.orders:
        mean = curves.filter(order=order.order, step=12)["loss"].mean()
        assert order.final_loss == pytest.approx(mean)
        assert order.final_loss < order.start_loss - 0.1
    report = (folder / "report.html").read_text()
    assert "<svg" in report and "<script" not in report and "://" not in report


def test_running_again_does_nothing_and_says_so(work: Path, sample_data: Path) -> None:
    """Same bytes, same times of change, and no search."""
    before = {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.is_file()}
    again = tma_prep(
        *("embed", "--train", sample_data / "train.jsonl", "--test", sample_data / "test.json"),
        *("--out", work, *SHORT),
    )
    assert isinstance(again["train"], dict) and again["train"]["kept"]
    arranged = tma_prep(
        "arrange", work, *(f"--order={order}" for order in ORDERS), "--rows-per-shard", 400
    )
    assert arranged["searched"] is False
    checked = tma_prep("train-check", work, *CHECK)
    assert checked["kept"] is True
    after = {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.is_file()}
    before.pop(work / ".lock"), after.pop(work / ".lock")
    assert before == after
