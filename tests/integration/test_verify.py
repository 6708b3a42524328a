"""`tma-prep verify` on workspaces and on shards alone."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.check_workspace import ROWS, make_workspace, tma_prep
from tests.verify.damage import exchange, flip, forge, put
from tma_prep.durable import sha256_of
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.options import VerifyOptions
from tma_prep.trainers.consumed import ConsumedLog
from tma_prep.verify.findings import CHECKS
from tma_prep.verify.stage import VerifyResult, verify
from tma_prep_schemas import ORDER_FIELDS, ConsumedStart

FILES = [f"part-{number:05d}-of-00003.parquet" for number in range(3)]
ALONE = {"files", "columns", "positions"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with three orders and a budget; nobody changes it."""
    work = make_workspace(tmp_path_factory.mktemp("made"))
    done = tma_prep("arrange", work, "--name", "b", "--budget", 50, "--order", "rt")
    assert done.returncode == 0, done.stderr
    return work


@pytest.fixture
def work(made: Path, tmp_path: Path) -> Path:
    """A copy of it that may be damaged."""
    return Path(shutil.copytree(made, tmp_path / "work"))


@pytest.fixture
def alone(made: Path, tmp_path: Path) -> Path:
    """Shards that were copied away from it."""
    return Path(shutil.copytree(made / "shards" / "nft", tmp_path / "nft"))


def verified(path: Path, *names: str) -> VerifyResult:
    """The result, whose findings are a line each."""
    result = verify(VerifyOptions(work=str(path), names=list(names)))
    lines = [line for proof in result.shards for line in proof.findings]
    assert not any("\n" in line for line in lines)
    assert result.proven == (not lines)
    return result


def findings(path: Path, *names: str) -> list[str]:
    """What is wrong with one folder, without the folder's own path."""
    (proof,) = verified(path, *names).shards
    return [line.removeprefix(f"{proof.folder}/") for line in proof.findings]


def test_everything_is_proven(made: Path) -> None:
    """All orders of a workspace, a budget too, row for row."""
    result = verified(made)
    assert [proof.name for proof in result.shards] == ["b", "fft", "nft", "rt"]
    assert [proof.rows for proof in result.shards] == [50, ROWS, ROWS, ROWS]
    for proof in result.shards:
        assert proof.checks == dict.fromkeys(CHECKS, "proven")


def test_a_folder_alone_is_proven_as_far_as_that_goes(made: Path, alone: Path) -> None:
    """And says what was not checked; the same of a folder that holds such folders."""
    (proof,) = verified(alone).shards
    assert {check for check, state in proof.checks.items() if state == "proven"} == ALONE
    assert proof.checks["rows"] == "no workspace around"
    (proof,) = verified(alone.parent).shards
    assert (proof.name, proof.checks["files"]) == ("nft", "proven")
    (proof,) = verified(made / "shards" / "nft").shards
    assert proof.checks["rows"] == "proven"


def test_what_only_the_workspace_knows(work: Path) -> None:
    """The training row and the order, where everything beside the shards was forged."""
    folder = work / "shards" / "nft"
    put(folder / FILES[0], "task", 9, "another")
    forge(folder)
    (line,) = findings(work, "nft")
    assert line.startswith(f"{FILES[0]}: position 9 (tma_row ")
    assert line.endswith("): task: not as in the training rows")
    exchange(folder / FILES[2], 0, 1, lambda name: name != "tma_position")
    forge(folder)
    order = [line for line in findings(work, "nft") if "as in the order" in line]
    assert len(order) == 1 and order[0].startswith(f"{FILES[2]}: positions 200, 201 (tma_row ")


def test_a_row_that_is_none_and_another_budget(work: Path) -> None:
    """A number that no training row has; a manifest that says what the order does not."""
    folder = work / "shards" / "nft"
    put(folder / FILES[0], "tma_row", 9, 10**6)
    forge(folder)
    text = "\n".join(findings(work, "nft"))
    assert f"{FILES[0]}: position 9: tma_row 1000000 is no training row" in text
    manifest = work / "shards" / "b" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"budget": "50"', '"budget": "51"'))
    (line,) = findings(work, "b")
    assert line == "manifest.json: its budget is not that of the order"


def forge_order(work: Path, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Put another order in place, and let its manifest and its shards agree with it."""
    path = work / "orders" / name / "order.parquet"
    table = change(pq.read_table(path))
    pq.write_table(table, path)
    manifest = path.with_name("manifest.json")
    said = json.loads(manifest.read_text())
    said["files"][0] |= {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    manifest.write_text(json.dumps(said, indent=2) + "\n")
    of_shards = work / "shards" / name / "manifest.json"
    said = json.loads(of_shards.read_text())
    said["inputs"][f"orders/{name}"] = sha256_of(manifest)
    of_shards.write_text(json.dumps(said, indent=2) + "\n")


def swapped(*columns: str) -> Callable[[pa.Table], pa.Table]:
    """Lets the first and the last row change places, in these columns."""

    def change(table: pa.Table) -> pa.Table:
        places = np.arange(table.num_rows)
        places[[0, -1]] = places[[-1, 0]]
        other = table.take(pa.array(places))
        arrays = [(other if n in columns else table).column(n) for n in table.column_names]
        return pa.table(arrays, schema=table.schema)

    return change


@pytest.mark.parametrize(
    "columns",
    [["tma_round"], ["tma_similarity"], ["tma_target"], ["tma_id"], list(ORDER_FIELDS[1:])],
)
@pytest.mark.parametrize("name", ["nft", "rt", "b"])
def test_an_order_is_what_the_ranking_says(work: Path, name: str, columns: list[str]) -> None:
    """Whatever of it was forged: rounds, similarities, targets, ids, the sequence."""
    forge_order(work, name, swapped(*columns))
    (proof,) = verified(work, name).shards
    assert proof.checks["ranking"] == "not proven"
    last = proof.rows - 1
    assert any(
        f"{name}: positions 0, {last} " in line
        and line.endswith(f"{', '.join(columns)}: not what its options make of its ranking")
        for line in proof.findings
    ) or columns == ["tma_target"]


def test_a_manifest_of_another_order_hides_nothing(work: Path) -> None:
    """The order is held against its ranking all the same."""
    manifest = work / "shards" / "b" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"budget": "50"', '"budget": "51"'))
    forge_order(work, "b", swapped("tma_round"))
    (proof,) = verified(work, "b").shards
    assert {proof.checks["order"], proof.checks["ranking"]} == {"not proven"}


def test_a_ranking_that_is_gone_or_damaged(work: Path) -> None:
    """Gone: the rest is proven, and that is said. Damaged: a finding."""
    (ranking,) = (work / "rankings").glob("*/ranking.parquet")
    flip(ranking, 100)
    (line,) = findings(work, "nft")
    assert "ranking.parquet: its SHA-256" in line
    shutil.rmtree(work / "rankings")
    (proof,) = verified(work, "nft").shards
    assert proof.checks == dict.fromkeys(CHECKS, "proven") | {
        "ranking": "the workspace holds no ranking"
    }


def test_inputs_that_are_gone_or_changed(made: Path, work: Path) -> None:
    """Nothing hangs on them: the rows stand in the workspace."""
    path = made.parent / "train.jsonl"
    kept = path.rename(path.with_name("kept"))
    try:
        assert verified(work, "nft").shards[0].checks["rows"] == "proven"
    finally:
        kept.replace(path)


def test_rows_that_are_damaged(work: Path) -> None:
    """A finding, as they cannot be compared with."""
    part = work / "rows" / "train" / "part-00000.parquet"
    flip(part, 100)
    lines = verified(work, "nft").shards[0].findings
    assert lines and all(f"{part}: its SHA-256 is not the manifest's" in line for line in lines)


def test_an_order_that_is_gone_or_damaged(work: Path) -> None:
    """Named as what it is; shards can be proven without it."""
    path = work / "orders" / "nft" / "order.parquet"
    flip(path, 100)
    (proof,) = verified(work, "nft").shards
    assert "orders/nft/order.parquet: its SHA-256" in proof.findings[0]
    assert proof.checks["order"] == "not proven" and proof.checks["rows"] == "proven"
    (work / "orders" / "nft" / "manifest.json").unlink()
    (proof,) = verified(work, "nft").shards
    assert proof.checks["order"].startswith("no finished") and not proof.findings


def test_embeddings_that_were_made_anew(work: Path) -> None:
    """The shards are of other embeddings, and that is said."""
    path = work / "embeddings" / "train" / "manifest.json"
    path.write_text(path.read_text() + "\n")
    (line,) = verified(work, "nft").shards[0].findings
    assert "made from other embeddings/" in line


def test_on_the_command_line(work: Path) -> None:
    """A table and exit code 0; a line for each finding and exit code 1; one object of JSON."""
    done = tma_prep("verify", work)
    assert (done.returncode, done.stderr) == (0, "")
    assert "proven" in done.stdout and "not" not in done.stdout.replace("without", "")
    (work / "shards" / "rt" / FILES[0]).unlink()
    done = tma_prep("verify", work, "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["proven"] is False
    assert {proof["name"]: len(proof["findings"]) for proof in told["shards"]} == {
        **{"b": 0, "fft": 0, "nft": 0},
        "rt": 1,
    }
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and line.endswith(
        f"{FILES[0]}: is missing (positions 0 to 99)"
    )
    assert tma_prep("verify", work, "--name", "nft").returncode == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--rounds", "0:3"),
        ("--select", "farthest", "--budget", 50, "--within-round", "shuffle"),
        ("--select", "both-ends", "--budget", 41, "--order", "fft"),
        ("--select", "random", "--budget", "300tok", "--shuffle-after", 0.2),
        ("--per-task", "9:polar", "--order", "cluster"),
        ("--ranking", "wsd", "--select", "farthest", "--budget", 50),
        ("--granularity", "kmeans:7", "--order", "round-robin", "--seed", 3),
        ("--target-fraction", 0.5, "--order", "rt", "--leakage", "exclude"),
    ],
)
def test_every_kind_of_order_is_recomputed(work: Path, options: tuple[object, ...]) -> None:
    """From its ranking alone, and then row for row."""
    done = tma_prep("arrange", work, "--name", "x", *options)
    assert done.returncode == 0, done.stderr
    (proof,) = verified(work, "x").shards
    assert proof.checks == dict.fromkeys(CHECKS, "proven")


def write_log(work: Path, log: Path, batches: list[list[int]]) -> None:
    """What a training of one process on `nft` would leave."""
    start = ConsumedStart(
        rank=0,
        world_size=1,
        rows=ROWS,
        shards=sha256_of(work / "shards" / "nft" / "manifest.json"),
        first_batch=0,
        rows_per_batch=8,
        batches_per_step=1,
    )
    stream = ConsumedLog(log, start)
    for number, positions in enumerate(batches):
        stream.add(number, positions)
    stream.close()


def batches_of_eight() -> list[list[int]]:
    """All rows, in order."""
    return [list(range(first, min(first + 8, ROWS))) for first in range(0, ROWS, 8)]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_log_of_a_training(made: Path, tmp_path: Path, swapped: bool) -> None:
    """In order, and with two micro-batches that changed places."""
    batches = batches_of_eight()
    if swapped:
        batches[3:5] = batches[4], batches[3]
    write_log(made, tmp_path / "log", batches)
    result = tma_prep("verify", made, "--name", "nft", "--consumed", tmp_path / "log", "--json")
    told = json.loads(result.stdout)
    assert result.returncode == (1 if swapped else 0)
    assert told["consumed"]["facts"]["rows_in_order"] == (24 if swapped else ROWS)
    assert told["proven"] is told["consumed"]["facts"]["whole"] is not swapped
    assert not told["shards"][0]["findings"]


def test_rows_that_never_came(work: Path, tmp_path: Path) -> None:
    """A finding; a warning if an export left them out, or they were not to be trained."""
    cut = ROWS - ROWS % 64
    log = tmp_path / "log"
    write_log(work, log, batches_of_eight()[: cut // 8])
    options = VerifyOptions(work=str(work), names=["nft"], consumed=log)
    result = verify(options)
    assert result.consumed is not None and result.consumed.facts is not None
    (line,) = result.consumed.findings
    assert f"rows from tma_position {cut} on never came ({ROWS - cut} of {ROWS})" in line
    assert line.endswith(f"--consumed-rows {cut}")
    assert result.consumed.facts.rows_missing == ROWS - cut
    assert not result.proven

    result = verify(options.model_copy(update={"consumed_rows": cut}))
    assert result.proven and result.consumed is not None
    assert "as --consumed-rows says" in result.consumed.warnings[0]
    result = verify(options.model_copy(update={"consumed_rows": ROWS}))
    assert not result.proven and result.consumed is not None
    assert f"and {ROWS} were to be trained" in result.consumed.findings[0]

    more = ("--name", "nft", "--global-batch", 64, "--tail", "cut")
    assert tma_prep("export", work, "--for", "jsonl", *more).returncode == 0
    done = tma_prep("verify", work, "--name", "nft", "--consumed", log)
    assert done.returncode == 0
    assert f"never came ({ROWS - cut} of {ROWS}); " in done.stderr
    assert done.stderr.rstrip().endswith("nft-for-jsonl left them out")
    with pytest.raises(ArtifactError, match="is an export, and no shards"):
        verified(work / "exports" / "nft-for-jsonl")
    with pytest.raises(ArtifactError, match="exports: holds no shards"):
        verified(work / "exports")
    # A training that broke off before that is still told.
    write_log(work, tmp_path / "short", batches_of_eight()[:8])
    assert not verify(options.model_copy(update={"consumed": tmp_path / "short"})).proven


def test_a_workspace_without_embeddings_is_one(work: Path) -> None:
    """Of other folders in it none is taken for shards, and the order is still compared with."""
    shutil.rmtree(work / "embeddings")
    (proof,) = verified(work, "nft").shards
    assert proof.checks["order"] == "proven"
    assert proof.checks["rows"] == "proven"
    assert proof.checks["ranking"] == "the workspace holds no finished embeddings"
    shutil.rmtree(work / "shards")
    with pytest.raises(ArtifactError, match="holds no shards; run tma-prep arrange"):
        verified(work)


def test_what_cannot_be_verified(work: Path, tmp_path: Path) -> None:
    """One line, with the remedy."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for path, reason in (
        (tmp_path / "none", "no such folder"),
        (tmp_path / "file", "is a file"),
        (tmp_path / "empty", "holds no shards"),
    ):
        with pytest.raises(ArtifactError, match=reason):
            verified(path)
    with pytest.raises(ArtifactError, match="no shards named x; it holds b, fft, nft, rt"):
        verified(work, "x")
    with pytest.raises(OptionError, match="copy them here"):
        verify(VerifyOptions(work="s3://bucket/nft"))
    with pytest.raises(OptionError, match="name the log with --consumed"):
        verify(VerifyOptions(work=str(work), consumed_rows=9))
    with pytest.raises(OptionError, match="name its shards with --name"):
        verify(VerifyOptions(work=str(work), consumed=tmp_path))
    result = verify(VerifyOptions(work=str(work), names=["nft"], consumed=tmp_path / "none"))
    assert result.consumed is not None and "no consumption log" in result.consumed.findings[0]
    assert not result.proven
