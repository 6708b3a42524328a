"""Kill a command at any moment, run it again, and the bytes are those of an undisturbed run."""

import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tma_prep.artifact import sha256_of
from tma_prep.workspace import Workspace
from tma_prep_schemas import FileEntry

pytestmark = pytest.mark.slow

ROWS = 6000


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool and a test set with vectors of their own, so that no model has to load."""
    folder = tmp_path_factory.mktemp("inputs")
    draw = np.random.default_rng(0)
    for side, count in (("train", ROWS), ("test", 40)):
        rows = [
            {"prompt": f"{side} {row}", "response": "yes", "vector": vector}
            for row, vector in enumerate(draw.standard_normal((count, 24)).round(3).tolist())
        ]
        text = "\n".join(map(json.dumps, rows))
        (folder / f"{side}.jsonl").write_text(text, encoding="utf-8")
    return folder


def commands(inputs: Path, work: Path) -> list[list[str]]:
    """Embed and arrange, as typed."""
    program = [sys.executable, "-m", "tma_prep_cli"]
    return [
        [
            *(*program, "embed", "--train", f"{inputs}/train.jsonl"),
            *("--test", f"{inputs}/test.jsonl", "--vectors-column", "vector"),
            *("--rows-per-part", "700", "--out", str(work)),
        ],
        [
            *(*program, "arrange", str(work), "--rows-per-shard", "500"),
            *("--order", "nft", "--order", "rt"),
        ],
    ]


def contents(work: Path) -> dict[str, bytes]:
    """Every file by its name, the lock apart."""
    return {
        str(path.relative_to(work)): path.read_bytes()
        for path in sorted(work.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def check_finished_artifacts(work: Path) -> None:
    """Whatever has a manifest is whole."""
    for manifest in work.rglob("*manifest.json"):
        if any(part.startswith(".") for part in manifest.relative_to(work).parts):
            continue
        for entry in json.loads(manifest.read_text(encoding="utf-8"))["files"]:
            listed = FileEntry.model_validate(entry)
            assert sha256_of(manifest.parent / listed.file) == listed.sha256


@pytest.fixture(scope="module")
def undisturbed(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run leaves that nobody interrupts."""
    work = tmp_path_factory.mktemp("undisturbed") / "work"
    for command in commands(inputs, work):
        subprocess.run(command, check=True, capture_output=True)
    return contents(work)


@pytest.mark.parametrize("seed", range(2))
def test_kill_and_run_again(
    inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path, seed: int
) -> None:
    """`kill -9` each command some way into its work, three times, then let it finish."""
    draw = random.Random(seed)
    work = tmp_path / "work"
    for command in commands(inputs, work):
        for _ in range(3):
            running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(draw.uniform(0.2, 1.6))
            running.send_signal(signal.SIGKILL)
            running.communicate()
            check_finished_artifacts(work)
        subprocess.run(command, check=True, capture_output=True)
    assert contents(work) == undisturbed


def test_a_second_command_on_a_workspace_stops(inputs: Path, tmp_path: Path) -> None:
    """With one line."""
    work = tmp_path / "work"
    command = commands(inputs, work)[0]
    with Workspace(work).locked(create=True):
        second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "another tma-prep is at work in it" in second.stderr
    assert len(second.stderr.splitlines()) == 1


def test_another_run_in_the_workspace_is_refused(inputs: Path, tmp_path: Path) -> None:
    """It says what differs; --overwrite replaces it, and what was made of it is made again."""
    work = tmp_path / "work"
    embed, arrange = commands(inputs, work)
    for command in (embed, arrange):
        subprocess.run(command, check=True, capture_output=True)
    done = subprocess.run([*arrange, "--seed", "5"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "seed was 0, now 5" in done.stderr and "--overwrite" in done.stderr
    subprocess.run([*arrange, "--seed", "5", "--overwrite"], check=True, capture_output=True)
    changed = [*embed, "--text", "prompt"]
    done = subprocess.run(changed, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "text was both, now prompt" in done.stderr
    subprocess.run([*changed, "--overwrite"], check=True, capture_output=True)
    done = subprocess.run([*arrange, "--seed", "5"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    order = json.loads((work / "orders" / "nft" / "manifest.json").read_text())
    embedded = (work / "embeddings" / "train" / "manifest.json").read_bytes()
    assert order["inputs"]["embeddings/train"] == hashlib.sha256(embedded).hexdigest()


@pytest.mark.parametrize(
    "victim", ["embeddings/train/part-00001.arrow", "shards/nft/part-00002-of-00012.parquet"]
)
def test_a_damaged_file_is_named_and_can_be_remade(
    inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path, victim: str
) -> None:
    """One flipped byte; --overwrite makes just what was damaged."""
    work = tmp_path / "work"
    for command in commands(inputs, work):
        subprocess.run(command, check=True, capture_output=True)
    path = work / victim
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    done = subprocess.run(commands(inputs, work)[1], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert victim in done.stderr and "--overwrite" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    for command in commands(inputs, work):
        subprocess.run([*command, "--overwrite"], check=True, capture_output=True)
    assert contents(work) == undisturbed
