"""What is there already: another run is refused, and what is damaged is named and made again."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.integration.check_workspace import tma_prep
from tests.integration.embed_runs import contents

ROWS = 1200


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
    return [
        [
            *("embed", "--train", f"{inputs}/train.jsonl"),
            *("--test", f"{inputs}/test.jsonl", "--vectors-column", "vector"),
            *("--rows-per-part", "200", "--out", str(work)),
        ],
        [
            *("arrange", str(work), "--rows-per-shard", "100"),
            *("--order", "nft", "--order", "rt"),
        ],
    ]


def done(command: list[str]) -> None:
    """Run one to its end."""
    finished = tma_prep(*command)
    assert finished.returncode == 0, finished.stderr


@pytest.fixture(scope="module")
def whole(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which both have run."""
    work = tmp_path_factory.mktemp("whole") / "work"
    for command in commands(inputs, work):
        done(command)
    return work


@pytest.fixture
def work(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "work"))


def test_another_run_in_the_workspace_is_refused(inputs: Path, work: Path) -> None:
    """It says what differs; --overwrite replaces it, and what was made of it is made again."""
    embed, arrange = commands(inputs, work)
    refused = tma_prep(*arrange, "--seed", "5")
    assert refused.returncode == 1
    assert "seed was 0, now 5" in refused.stderr and "--overwrite" in refused.stderr
    done([*arrange, "--seed", "5", "--overwrite"])
    changed = [*embed, "--text", "prompt"]
    refused = tma_prep(*changed)
    assert refused.returncode == 1 and "text was both, now prompt" in refused.stderr
    done([*changed, "--overwrite"])
    done([*arrange, "--seed", "5"])
    order = json.loads((work / "orders" / "nft" / "manifest.json").read_text())
    embedded = (work / "embeddings" / "train" / "manifest.json").read_bytes()
    assert order["inputs"]["embeddings/train"] == hashlib.sha256(embedded).hexdigest()


@pytest.mark.parametrize(
    "victim", ["embeddings/train/part-00001.arrow", "shards/nft/part-00002-of-00012.parquet"]
)
def test_a_damaged_file_is_named_and_can_be_remade(
    inputs: Path, whole: Path, work: Path, victim: str
) -> None:
    """One flipped byte; --overwrite makes just what was damaged."""
    path = work / victim
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    refused = tma_prep(*commands(inputs, work)[1])
    assert refused.returncode == 1
    assert victim in refused.stderr and "--overwrite" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    for command in commands(inputs, work):
        done([*command, "--overwrite"])
    assert contents(work) == contents(whole)
