"""Embedding with the real model, interrupted, continued, updated and spread over processes."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.cli.terminal import Finished, Run
from tests.integration.embed_runs import (
    MAX_LENGTH,
    PART,
    ROWS,
    TEST_ROWS,
    Row,
    Watch,
    bytes_by_id,
    contents,
    finished_parts,
    interrupted,
    options,
    stored,
    text_of,
    write_rows,
)
from tma_prep.embeddings.results import EmbedResult
from tma_prep.embeddings.stage import embed, plan_embedding
from tma_prep.errors import ArtifactError
from tma_prep.rows.sample import text_id
from tma_prep_cli.main import run as run_command

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_windows")]

DRIVER = f"""
import sys
from tma_prep.embeddings import texts as embed_texts
embed_texts._LEAST_WINDOW_ROWS = {PART}
from tma_prep_cli.main import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def inputs(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool in a folder, and a test set."""
    folder = tmp_path_factory.mktemp("inputs")
    write_rows(folder / "pool" / "my_rows.jsonl", rows[:ROWS])
    write_rows(folder / "test.jsonl", rows[ROWS:])
    return folder


def arguments(inputs: Path, work: Path) -> list[str]:
    """The same as typed."""
    return [
        *("embed", "--train", f"{inputs}/pool", "--test", f"{inputs}/test.jsonl"),
        *("--out", str(work), "--device", "cpu", "--dtype", "float32"),
        *("--rows-per-part", str(PART), "--max-length", str(MAX_LENGTH)),
    ]


@pytest.fixture(scope="module")
def whole(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, EmbedResult]:
    """A workspace that nobody disturbed, and what embed said of it."""
    work = tmp_path_factory.mktemp("whole") / "work"
    return work, embed(options(inputs, work))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run `tma-prep` here."""
    before = signal.getsignal(signal.SIGTERM)

    def finished(*typed: object) -> Finished:
        capsys.readouterr()
        code = run_command([str(word) for word in typed])
        return Finished(code, *capsys.readouterr())

    yield finished
    signal.signal(signal.SIGTERM, before)


def test_kill_and_run_again(inputs: Path, whole: tuple[Path, EmbedResult], tmp_path: Path) -> None:
    """`kill -9` at some moments; finished parts are not touched again, and the bytes are equal."""
    draw = random.Random(0)
    work = tmp_path / "work"
    command = [sys.executable, "-c", DRIVER, *arguments(inputs, work)]
    kept: dict[str, tuple[int, int]] = {}
    for more_parts in (0, 1):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as it:
            deadline = time.monotonic() + 60
            progress = work / "embeddings" / ".train.progress"
            while time.monotonic() < deadline and it.poll() is None:
                if len(list(progress.glob("part-*.parquet"))) >= len(kept) + more_parts:
                    break
                time.sleep(0.002)
            time.sleep(draw.uniform(0, 0.02 if more_parts else 1.5))
            it.kill()
        assert it.returncode == -signal.SIGKILL
        found = finished_parts(work)
        assert kept.items() <= found.items()
        kept = found
    assert kept and not (work / "embeddings" / "train").exists()
    result = embed(options(inputs, work)).train
    assert result.resumed_rows == PART * len(kept)
    assert contents(work) == contents(whole[0])
    for name, state in kept.items():
        found_now = (work / "embeddings" / "train" / f"{name}.arrow").stat()
        assert (found_now.st_ino, found_now.st_mtime_ns) == state


def test_equal_texts_are_embedded_once(rows: list[Row], whole: tuple[Path, EmbedResult]) -> None:
    """Their vectors are the same bytes, and the counts say so."""
    texts = [text_of(row) for row in rows[:ROWS]]
    train = whole[1].train
    assert len(set(texts)) < ROWS
    assert (train.rows, train.unique_texts) == (ROWS, len(set(texts)))
    assert (train.embedded_texts, train.resumed_rows) == (len(set(texts)), 0)
    assert stored(whole[0])["tma_id"].to_pylist() == [text_id(text) for text in texts]
    assert all(len(vectors) == 1 for vectors in bytes_by_id(whole[0]).values())


def test_several_processes_make_the_same_bytes(
    inputs: Path, whole: tuple[Path, EmbedResult], tmp_path: Path
) -> None:
    """Going on with what one process left; the test side they make alone."""
    work = tmp_path / "work"
    interrupted(inputs, work)
    shutil.rmtree(work / "embeddings" / "test")
    told = Watch()
    result = embed(options(inputs, work, device="cpu:2"), told)
    assert result.train.resumed_rows > 0 and result.test.resumed_rows == 0
    assert contents(work) == contents(whole[0])


def test_a_run_that_was_made_differently_is_refused(
    inputs: Path, rows: list[Row], whole: tuple[Path, EmbedResult], tmp_path: Path
) -> None:
    """After an interruption: by the input, the model's options and the text's; or made anew."""
    mine, work = tmp_path / "inputs", tmp_path / "work"
    shutil.copytree(inputs, mine)
    interrupted(mine, work)
    before = contents(work)
    shutil.move(work / "embeddings" / "test", tmp_path / "test")
    for more, what in (
        ({"max_length": 64}, r"max-length was 32, now 64"),
        ({"text": "prompt"}, r"text was both, now prompt"),
    ):
        # The test side is finished, and would be refused first.
        shutil.rmtree(work / "embeddings" / "test", ignore_errors=True)
        with pytest.raises(ArtifactError, match=rf"{what}.*--overwrite"):
            embed(options(mine, work, **more))
    shutil.rmtree(work / "embeddings" / "test")
    shutil.move(tmp_path / "test", work / "embeddings" / "test")
    assert contents(work) == before
    write_rows(mine / "pool" / "my_rows.jsonl", rows[:100])
    with pytest.raises(ArtifactError, match=r"my_rows.jsonl.*--overwrite"):
        embed(options(mine, work))
    assert contents(work) == before
    result = embed(options(mine, work, overwrite=True)).train
    assert (result.rows, result.resumed_rows) == (100, 0)
    shutil.copy(inputs / "pool" / "my_rows.jsonl", mine / "pool" / "my_rows.jsonl")


def test_a_damaged_part_is_told_and_made_again(
    inputs: Path, whole: tuple[Path, EmbedResult], run: Run, tmp_path: Path
) -> None:
    """A flipped byte of the first one; it is named on stderr, and the others stay."""
    work = tmp_path / "work"
    interrupted(inputs, work)
    kept = finished_parts(work)
    victim = work / "embeddings" / ".train.partial" / "part-00000.arrow"
    damaged = bytearray(victim.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    victim.write_bytes(damaged)
    done = run(*arguments(inputs, work), "--json")
    assert done.code == 0
    assert f"{victim}: is damaged; it is made again" in done.err
    assert done.json["train"]["resumed_rows"] == PART * (len(kept) - 1)
    assert contents(work) == contents(whole[0])


def test_a_part_of_a_finished_store_that_is_damaged_costs_its_window_alone(
    inputs: Path, whole: tuple[Path, EmbedResult], run: Run, tmp_path: Path
) -> None:
    """It is named and refused; with --overwrite the others keep their bytes and are not touched."""
    work = tmp_path / "work"
    shutil.copytree(whole[0], work)
    train = work / "embeddings" / "train"
    victim = train / "part-00001.arrow"
    before = victim.read_bytes()
    damaged = bytearray(before)
    damaged[len(damaged) // 2] ^= 1
    victim.write_bytes(damaged)
    other = train / "part-00000.arrow"
    written = other.stat().st_mtime_ns
    done = run(*arguments(inputs, work))
    assert done.code == 1 and f"{victim}: its SHA-256 is not the manifest's" in done.err
    done = run(*arguments(inputs, work), "--overwrite")
    assert done.code == 0 and "is damaged; it is made again" in done.err
    assert other.stat().st_mtime_ns == written
    assert contents(work) == contents(whole[0])


def test_a_plan_embeds_nothing(inputs: Path, rows: list[Row], run: Run, tmp_path: Path) -> None:
    """It reads the rows, at first and after an interruption; its counts are right."""
    work = tmp_path / "work"
    texts = [text_of(row) for row in rows[:ROWS]]
    done = run(*arguments(inputs, work), "--plan", "--json")
    assert done.code == 0
    assert sorted(path.name for path in work.iterdir()) == [".lock", "rows"]
    train = done.json["train"]
    assert (train["rows"], train["unique_texts"]) == (ROWS, len(set(texts)))
    assert (train["new_texts"], train["resumed_rows"]) == (len(set(texts)), 0)
    assert train["seconds"] > 0 and train["tokens"] > train["new_texts"]
    assert done.json["test"]["rows"] == TEST_ROWS

    interrupted(inputs, work)
    parts = len(finished_parts(work))
    before = contents(work)
    plan = plan_embedding(options(inputs, work))
    assert contents(work) == before
    assert plan.test is None and plan.train is not None
    assert plan.train.resumed_rows == PART * parts
    there = set(texts[: PART * parts])
    assert plan.train.new_texts == len(set(texts) - there)


@pytest.mark.parametrize("case", ["test is train", "all rows equal", "one row"])
def test_unusual_inputs(rows: list[Row], tmp_path: Path, case: str) -> None:
    """They are embedded like any others."""
    train = {
        "test is train": rows[:60],
        "all rows equal": rows[:1] * 120,
        "one row": rows[:1],
    }[case]
    write_rows(tmp_path / "pool" / "rows.jsonl", train)
    write_rows(tmp_path / "test.jsonl", train if case == "test is train" else rows[1:3])
    result = embed(options(tmp_path, tmp_path / "work"))
    distinct = len({text_of(row) for row in train})
    assert (result.train.rows, result.train.unique_texts) == (len(train), distinct)
    assert result.train.embedded_texts == distinct
    assert all(len(vectors) == 1 for vectors in bytes_by_id(tmp_path / "work").values())
    if case == "test is train":
        train_store, test_store = (
            contents(tmp_path / "work" / "embeddings" / side) for side in ("train", "test")
        )
        assert train_store.pop("manifest.json") != test_store.pop("manifest.json")
        assert train_store == test_store


def test_a_kill_after_the_store_took_its_place(
    inputs: Path, whole: tuple[Path, EmbedResult], tmp_path: Path
) -> None:
    """What was beside it is cleared away by the next run, which has nothing else to do."""
    work = tmp_path / "work"
    shutil.copytree(whole[0], work)
    left = work / "embeddings" / ".train.progress"
    left.mkdir()
    (left / "recipe.json").write_text("{}", encoding="utf-8")
    assert embed(options(inputs, work)).train.kept
    assert contents(work) == contents(whole[0])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(disk: Path) -> Path:
    """A file that leaves hardly any room."""
    filler = disk / "filler"
    filler.write_bytes(bytes((4 << 20) - (300 << 10)))
    return filler


def _check_full(failed: Finished) -> None:
    assert failed.code == 1 and failed.out == ""
    assert "the disk is full; make room and run the same command again" in failed.err
    assert failed.err.count("error: ") == 1
    assert "Traceback" not in failed.err


def test_a_full_disk(
    inputs: Path, whole: tuple[Path, EmbedResult], small_disk: Path, run: Run
) -> None:
    """One line; once there is room, the same command goes on and makes the bytes of any disk."""
    filler, work = _fill(small_disk), small_disk / "work"
    _check_full(run(*arguments(inputs, work), "--json"))
    kept = finished_parts(work)
    filler.unlink()
    done = run(*arguments(inputs, work), "--json")
    assert done.code == 0
    assert kept and done.json["train"]["resumed_rows"] == PART * len(kept)
    assert contents(work) == contents(whole[0])


def test_a_full_disk_for_vectors_that_are_given(
    rows: list[Row], small_disk: Path, run: Run, tmp_path: Path
) -> None:
    """The same; they are read from the beginning."""
    draw = np.random.default_rng(0)
    for path, some in (("pool/rows.jsonl", rows[:ROWS]), ("test.jsonl", rows[ROWS:])):
        vectors = draw.standard_normal((len(some), 384)).round(2).tolist()
        (tmp_path / path).parent.mkdir(exist_ok=True)
        lines = [json.dumps({**row, "v": v}) for row, v in zip(some, vectors, strict=True)]
        (tmp_path / path).write_text("\n".join(lines), encoding="utf-8")
    command = [*arguments(tmp_path, small_disk / "work"), "--vectors-column", "v"]
    filler = _fill(small_disk)
    _check_full(run(*command, "--json"))
    filler.unlink()
    assert run(*command).code == 0
    assert run(*command, "--out", tmp_path / "work").code == 0
    assert contents(small_disk / "work") == contents(tmp_path / "work")
