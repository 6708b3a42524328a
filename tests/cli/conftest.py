"""What the tests of the command line share: running it in this process, and tiny inputs."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.terminal import Finished, Run
from tma_prep_cli.main import run as run_command


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run `tma-prep` with these arguments."""
    before = signal.getsignal(signal.SIGTERM)

    def finished(*arguments: object) -> Finished:
        capsys.readouterr()
        code = run_command([str(argument) for argument in arguments])
        return Finished(code, *capsys.readouterr())

    yield finished
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def embed(run: Run, tmp_path: Path) -> Run:
    """Run `embed` on twelve training rows and three tests that have vectors of their own."""
    for side, count in (("train", 12), ("test", 3)):
        rows = [
            {"prompt": f"{side} {n}", "response": "r", "v": [1.0, n / 7, (n * 5 % 12) / 3]}
            for n in range(count)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{side}.jsonl").write_text(text, encoding="utf-8")

    def finished(*more: object, out: Path | None = None) -> Finished:
        inputs = ("--train", tmp_path / "train.jsonl", "--test", tmp_path / "test.jsonl")
        work = out if out is not None else tmp_path / "work"
        return run("embed", *inputs, "--vectors-column", "v", "--out", work, *more)

    return finished


@pytest.fixture
def work(embed: Run, tmp_path: Path) -> Path:
    """A workspace with embeddings in it."""
    assert embed("--json").code == 0
    return tmp_path / "work"
