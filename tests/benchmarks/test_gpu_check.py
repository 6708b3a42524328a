"""`make gpu-check` without a card: its checks run on a CPU, and can fail."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.gpu_check import product, ranking
from benchmarks.gpu_check.__main__ import main
from benchmarks.gpu_check.report import Line, guarded, measured
from benchmarks.gpu_check.sizes import SMALL
from tests.faults.amounts import TORTURE
from tma_prep.rankings.engine import Ranking

_TINY = dataclasses.replace(SMALL, rows=600, tests=20, product_rows=256, scanned_rows=512)


def outcomes(lines: Iterator[Line]) -> set[str]:
    """Those of the checks."""
    return {line.outcome for line in lines if line.expected}


@pytest.mark.parametrize("section", [product, ranking])
def test_checks_pass_on_a_cpu(section: ModuleType) -> None:
    """The sections that need no model."""
    assert outcomes(section.run("cpu", _TINY)) == {"passed"}


def test_a_wrong_product_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """One unit of 2**-52 in one inner product."""
    whole = product._whole

    def one_off(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        found = whole(vectors)
        found[0, np.flatnonzero(found[0])[-1]] += 1
        return found

    monkeypatch.setattr(product, "_whole", one_off)
    assert outcomes(product.run("cpu", _TINY)) == {"failed"}


@pytest.mark.parametrize("field", ["similarity", "nearest_test", "rounds"])
def test_a_wrong_ranking_is_seen(field: str) -> None:
    """The least step in one row."""
    expected = Ranking(
        "tma",
        similarity=np.array([0.5, 0.25]),
        nearest_test=np.array([1, 0]),
        rounds=np.array([1, 2], np.int32),
    )
    array = getattr(expected, field).copy()
    array[1] = np.nextafter(array[1], 1) if field == "similarity" else array[1] + 1
    found = dataclasses.replace(expected, **{field: array})
    assert ranking._compared("tma", expected, expected, 1.0).outcome == "passed"
    line = ranking._compared("tma", found, expected, 1.0)
    assert line.outcome == "failed"
    assert line.found.startswith(f"1 rows in {field}")


def test_what_raises_is_a_failed_check() -> None:
    """And what was found before it stays."""

    def lines() -> Iterator[Line]:
        yield measured("first", "1")
        raise RuntimeError("the card\nis gone")

    found = list(guarded("second", lines()))
    assert [line.outcome for line in found] == ["measured", "failed"]
    assert found[1].found == "RuntimeError: the card is gone"


def test_no_card_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is run."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main([]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "no CUDA card" in told.err


def test_it_needs_little_installed() -> None:
    """A machine with a card may lack what only other commands need."""
    asked = (
        "import sys, benchmarks.gpu_check.__main__;"
        "print({'ot', 'faiss', 'typer', 'ray'} & set(sys.modules))"
    )
    found = subprocess.run(  # noqa: S603
        [sys.executable, "-c", asked], check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == "set()"


@pytest.mark.slow
@pytest.mark.skipif(not TORTURE, reason="a minute: in `make torture`")
def test_the_whole_check_runs_on_a_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every section, and the JSON of what it printed."""
    kept = tmp_path / "found.json"
    assert main(["--device", "cpu", "--small", "--json", str(kept)]) == 0
    found = json.loads(kept.read_text(encoding="utf-8"))
    table = capsys.readouterr().out
    assert all(f"| {line['what']} |" in table for line in found["lines"])
    by_outcome = [line["outcome"] for line in found["lines"]]
    assert by_outcome.count("passed") >= 8
    assert by_outcome.count("not run") == 3
    assert found["environment"]["device"] == "cpu"
