"""An export is whole or absent, kept or refused; what loses the order is refused or told."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.trainers.made_orders import order_of
from tma_prep.artifact import Making
from tma_prep.durable import beside
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.options import ExportOptions
from tma_prep.trainers.registry import TRAINERS
from tma_prep.trainers.stage import ExportResult, export

EVERY = sorted(TRAINERS)


def run(work: Path, out: Path | None, trainer: str = "trl", **more: Any) -> ExportResult:  # noqa: ANN401
    """Export the one order of a workspace."""
    return export(ExportOptions(work=work, trainer=trainer, out=out, **more))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file's bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def config_of(result: ExportResult) -> str:
    """The text that training begins with."""
    assert result.start is not None
    return Path(result.start).read_text(encoding="utf-8")


@pytest.mark.parametrize("trainer", EVERY)
def test_what_is_there_is_kept(ordered: Path, tmp_path: Path, trainer: str) -> None:
    """Nothing is written again; made differently it is refused, and replaced when asked for."""
    first = run(ordered, tmp_path / "x", trainer)
    made = contents(tmp_path / "x")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "x").iterdir()}
    again = run(ordered, tmp_path / "x", trainer)
    assert (first.kept, again.kept) == (False, True)
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "x").iterdir()}
    assert (again.files, again.rows, again.warnings) == (first.files, first.rows, first.warnings)
    with pytest.raises(ArtifactError, match="made differently .global-batch was unset, now 23"):
        run(ordered, tmp_path / "x", trainer, global_batch=23)
    assert contents(tmp_path / "x") == made
    assert not run(ordered, tmp_path / "x", trainer, global_batch=23, overwrite=True).kept
    run(ordered, tmp_path / "x", trainer, overwrite=True)
    assert contents(tmp_path / "x") == made


def test_an_edited_file_is_refused(ordered: Path, tmp_path: Path) -> None:
    """It is not what the manifest says any more; --overwrite makes it again."""
    script = Path(str(run(ordered, tmp_path / "x").start))
    made = contents(tmp_path / "x")
    script.write_text(script.read_text(encoding="utf-8").replace("sequential", "random____"))
    with pytest.raises(ArtifactError, match="train.py: its SHA-256 is not the manifest's"):
        run(ordered, tmp_path / "x")
    run(ordered, tmp_path / "x", overwrite=True)
    assert contents(tmp_path / "x") == made


@pytest.mark.parametrize("trainer", EVERY)
def test_an_interrupted_export_leaves_nothing(
    ordered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainer: str
) -> None:
    """The next one has the bytes of one that nobody interrupted."""
    run(ordered, tmp_path / "x", trainer)
    made = contents(tmp_path / "x")
    shutil.rmtree(tmp_path / "x")

    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Making, "finish", stop)
        with pytest.raises(KeyboardInterrupt):
            run(ordered, tmp_path / "x", trainer)
    assert not list(tmp_path.iterdir())
    killed = beside(tmp_path / "x", "partial")  # what nobody could tidy up
    killed.mkdir()
    (killed / "train.parquet").write_bytes(b"PAR1")
    run(ordered, tmp_path / "x", trainer)
    assert contents(tmp_path / "x") == made
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_it_goes_into_the_workspace(ordered: Path, tmp_path: Path) -> None:
    """By name of the order and the trainer, where nothing else is asked for."""
    work = tmp_path / "work"
    shutil.copytree(ordered, work)
    assert Path(run(work, None).folder) == work.absolute() / "exports" / "nft-for-trl"


def test_nothing_else_is_replaced(ordered: Path, tmp_path: Path) -> None:
    """Not even with --overwrite: a user's folder, shards, a file, results beside an export."""
    work = tmp_path / "work"
    shutil.copytree(ordered, work)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    for folder in (mine, work / "shards" / "nft", work):
        before = sorted(folder.rglob("*"))
        with pytest.raises(ArtifactError, match="holds something other than an export"):
            run(work, folder, overwrite=True)
        assert sorted(folder.rglob("*")) == before
    with pytest.raises(ArtifactError, match="is a file; name a folder"):
        run(work, mine / "thesis.txt", overwrite=True)
    run(work, tmp_path / "x")
    (tmp_path / "x" / "model.safetensors").write_text("a night of training")
    with pytest.raises(ArtifactError, match="holds 'model.safetensors', which is not of the exp"):
        run(work, tmp_path / "x", global_batch=23, overwrite=True)


def test_damaged_shards_are_not_handed_on(ordered: Path, tmp_path: Path) -> None:
    """One flipped byte is found and named."""
    work = tmp_path / "work"
    shutil.copytree(ordered, work)
    shard = sorted((work / "shards" / "nft").glob("*.parquet"))[1]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(ArtifactError, match=f"{shard.name}: its SHA-256 is not the manifest's"):
        run(work, None)


def test_an_outdated_order_is_not_handed_on(ordered: Path, tmp_path: Path) -> None:
    """The pool was embedded again."""
    work = tmp_path / "work"
    shutil.copytree(ordered, work)
    manifest = work / "embeddings" / "train" / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8") + " ", encoding="utf-8")
    with pytest.raises(ArtifactError, match="made from other embeddings/train than the work"):
        run(work, None)
    for kept in ("test", "train"):
        shutil.rmtree(work / "embeddings" / kept)
    assert run(work, None).rows == 23


def test_an_order_that_is_not_there(ordered: Path, tmp_path: Path) -> None:
    """Says which are."""
    with pytest.raises(ArtifactError, match="no shards named fft; it holds nft"):
        run(ordered, tmp_path / "x", name="fft")


def test_rows_that_fill_no_batch_must_be_spoken_for(ordered: Path, tmp_path: Path) -> None:
    """23 rows in batches of 5 leave three over; they are named."""
    with pytest.raises(OptionError, match=r"--global-batch 5 leaves 3 of 23 rows over, from tma_p"):
        run(ordered, tmp_path / "x", global_batch=5)
    assert not (tmp_path / "x").exists()
    with pytest.raises(OptionError, match="--tail is about the rows .* give --global-batch too"):
        run(ordered, tmp_path / "x", tail="cut")
    with pytest.raises(OptionError, match="--global-batch 24 is more than the 23 rows"):
        run(ordered, tmp_path / "x", global_batch=24, tail="cut")


@pytest.mark.parametrize("trainer", EVERY)
def test_the_tail_is_cut_or_kept(ordered: Path, tmp_path: Path, trainer: str) -> None:
    """Cut, the rest are the first rows of the order; kept, what the trainer does is told."""
    result = run(ordered, tmp_path / "cut", trainer, global_batch=5, tail="cut")
    assert (result.rows, result.cut_rows) == (20, 3)
    assert result.warnings[0] == (
        "The last 3 rows of the order, from tma_position 20 on, were left out, so that global "
        "batches of 5 rows divide the rest."
    )
    if trainer == "jsonl":
        lines = (tmp_path / "cut" / "train.jsonl").read_text(encoding="utf-8").splitlines()
        found = [json.loads(line)["tma_row"] for line in lines]
    else:
        found = pq.read_table(tmp_path / "cut" / "train.parquet").column("tma_row").to_pylist()
    assert found == order_of(ordered)[:20]
    result = run(ordered, tmp_path / "keep", trainer, global_batch=5, tail="keep")
    assert (result.rows, result.cut_rows) == (23, 0)
    assert result.warnings[0] == (
        f"Global batches of 5 rows leave 3 of 23 rows over. {TRAINERS[trainer].tail}"
    )


@pytest.mark.parametrize("trainer", EVERY)
def test_warnings_stand_in_the_configuration_too(
    ordered: Path, tmp_path: Path, trainer: str
) -> None:
    """A global batch that is not known; several epochs and the traps, always."""
    result = run(ordered, tmp_path / "x", trainer)
    assert result.warnings[-1].startswith("Train one epoch: ")
    assert result.warnings[0] == (
        f"The global batch is not known (--global-batch). {TRAINERS[trainer].tail}"
    )
    assert result.traps
    if result.start is None:
        return
    comments = [line for line in config_of(result).splitlines() if line.startswith("#")]
    told = " ".join(line.removeprefix("#").strip() for line in comments)
    for sentence in (*result.warnings, *result.traps):
        assert sentence in told


@pytest.mark.parametrize("trainer", EVERY)
def test_packing_is_refused_where_it_sorts(ordered: Path, tmp_path: Path, trainer: str) -> None:
    """With the setting that keeps the order, where there is one."""
    if TRAINERS[trainer].packs_in_order:
        result = run(ordered, tmp_path / "x", trainer, packing=True)
        assert TRAINERS[trainer].packing in result.warnings
        return
    with pytest.raises(OptionError, match=f"--packing --for {trainer}: ") as caught:
        run(ordered, tmp_path / "x", trainer, packing=True)
    if trainer == "trl":
        assert 'packing_strategy="wrapped" keeps the order' in str(caught.value)


def test_packing_in_order_is_so_in_two_trainers_alone() -> None:
    """As was read in their sources."""
    assert {n for n, t in TRAINERS.items() if t.packs_in_order} == {"axolotl", "torchtune"}


def test_an_unknown_trainer_gets_the_list(ordered: Path) -> None:
    """Of those that are known."""
    with pytest.raises(OptionError, match="--for keras is not known; it is one of transformers, t"):
        run(ordered, None, "keras")
