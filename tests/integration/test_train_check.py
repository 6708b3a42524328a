"""train-check from the command line on a small workspace: controls, kills, verdicts, windows."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest

from tests.forked import forked_workers
from tests.integration.check_workspace import SMALL, TESTS, command, make_workspace, tma_prep
from tma_prep.checks.stage import train_check
from tma_prep.options import RunOptions, TrainCheckOptions
from tma_prep.progress import Show, Silent
from tma_prep.recipe import read_recipe
from tma_prep.recipe_writer import recorded_recipe
from tma_prep.workspace import Workspace
from tma_prep_schemas import CURVES, CheckSummary

pytestmark = pytest.mark.slow

ORDERS = ("--order", "nft", "--order", "rt", "--order", "fft")
CHECK = (*ORDERS, *SMALL, "--seeds", 2, "--base-steps", 3, "--steps", 4, "--name", "x")


@pytest.fixture(scope="module")
def arranged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Arranged, nothing checked."""
    return make_workspace(tmp_path_factory.mktemp("check"))


@pytest.fixture(scope="module")
def checked(arranged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which the whole check has run, by two processes."""
    work = copy_of(arranged, tmp_path_factory.mktemp("checked"))
    done = tma_prep("train-check", work, *CHECK, "--workers", 2, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kept"] is False
    return work


def copy_of(work: Path, root: Path) -> Path:
    """The same workspace elsewhere; its inputs stay where they are."""
    return Path(shutil.copytree(work, root / "work"))


def results(work: Path) -> dict[str, bytes]:
    """What a check leaves, by file name."""
    folder = work / "checks" / "x"
    return {name: (folder / name).read_bytes() for name in ("curves.parquet", "summary.json")}


def test_curves_hold_every_run_of_every_control(checked: Path) -> None:
    """All orders of a seed start alike; what leaks is told and left out of its control."""
    curves = pl.read_parquet(checked / "checks" / "x" / "curves.parquet")
    assert curves.columns == CURVES.names
    runs = set(curves.select("control", "order", "seed").unique().iter_rows())
    names = [("none", order) for order in ("nft", "rt", "fft")]
    names += [("no-leak", order) for order in ("nft", "rt", "fft")]
    names += [("null", f"random-{k}") for k in (1, 2, 3)]
    assert runs == {(*name, seed) for name in names for seed in (0, 1)}
    start = curves.filter(pl.col("step") == 0).group_by("seed", "test_row")
    assert (start.agg(pl.col("loss").n_unique())["loss"] == 1).all()
    first = curves.filter((pl.col("step") == 0) & (pl.col("control") == "none"))
    assert (
        first.filter(pl.col("seed") == 0)["loss"][0] != first.filter(pl.col("seed") == 1)["loss"][0]
    )
    summary = CheckSummary.model_validate_json(results(checked)["summary.json"])
    assert summary.leakage is not None
    assert (summary.leakage.leaking_rows, summary.leakage.equal_rows) == (TESTS, TESTS)
    # The equal rows are the nearest ones: of the 32 rows that nft is trained on, twelve leak.
    assert summary.leakage.share_of_first["nft"] == pytest.approx(TESTS / 32)
    assert summary.base is not None and summary.base.rows <= 24
    assert summary.base.mean_loss_after < summary.base.mean_loss_before


def test_its_options_are_read_off_its_manifest(checked: Path, tmp_path: Path) -> None:
    """A recipe made from the manifests alone asks for this very check: it is found, and kept."""
    manifest = json.loads((checked / "checks" / "x" / "manifest.json").read_text())
    alone = {"work", "name", "overwrite", "workers", "device", "require_lower", "quick"}
    assert TrainCheckOptions.model_fields.keys() - manifest["config"].keys() <= alone
    file = tmp_path / "tma.toml"
    file.write_text(recorded_recipe(checked, file), encoding="utf-8")
    (options,) = read_recipe(RunOptions(file=file)).train_check
    assert (options.name, options.orders) == ("x", ["nft", "rt", "fft"])
    assert train_check(options).kept


def start(work: Path) -> subprocess.Popen[str]:
    """The whole check in processes of its own, until some more of its runs are done."""
    underway = work / "checks" / ".x.progress"
    started = subprocess.Popen(
        command("train-check", work, *CHECK, "--workers", 2),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    before = len(list(underway.glob("run-*.parquet")))
    deadline = time.monotonic() + 240
    while len(list(underway.glob("run-*.parquet"))) <= before and time.monotonic() < deadline:
        assert started.poll() is None
        time.sleep(0.02)
    return started


class _Watched(Silent):
    """Sees, whenever a run is told of, which of some files were written again."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._before = {path: path.stat().st_mtime_ns for path in files}
        self.repeated: set[Path] = set()

    @contextlib.contextmanager
    def table(self, title: str, rows: Sequence[str], columns: Sequence[str]) -> Iterator[Show]:
        def show(row: str, column: str, text: str) -> None:
            for path, time_of_change in self._before.items():
                if path.stat().st_mtime_ns != time_of_change:
                    self.repeated.add(path)

        yield show


def test_a_stopped_check_goes_on(arranged: Path, checked: Path, tmp_path: Path) -> None:
    """After Ctrl-C and `kill -9`: what was finished stays, and one process ends it alike."""
    work = copy_of(arranged, tmp_path)
    underway = work / "checks" / ".x.progress"
    asked = start(work)
    os.killpg(asked.pid, signal.SIGINT)
    _, told = asked.communicate(timeout=60)
    assert asked.returncode == 130
    assert told.splitlines()[-1].startswith("error: interrupted; what was finished is kept")
    assert "Traceback" not in told
    with Workspace(work).locked():
        assert list(underway.glob("run-*.parquet"))

    killed = start(work)
    killed.kill()
    killed.communicate()
    time.sleep(0.5)
    kept = sorted(underway.glob("run-*.parquet"))
    assert len(kept) >= 2 and not (work / "checks" / "x").exists()
    kept[0].write_bytes(kept[0].read_bytes()[:-9])
    options = TrainCheckOptions(
        work=work,
        name="x",
        orders=["nft", "rt", "fft"],
        seeds=2,
        base_steps=3,
        steps=4,
        vocabulary=320,
        max_tokens=48,
        batch_size=8,
        workers=1,
    )
    watched = _Watched(underway.glob("*-*.parquet"))
    with forked_workers():
        train_check(options, watched)
    assert watched.repeated == {kept[0]}
    assert results(work) == results(checked)
    assert not underway.exists()


def test_a_required_verdict_is_a_gate(checked: Path) -> None:
    """Exit 3 with one line where it is not met, 0 where it is, and nothing is trained for it."""
    summary = CheckSummary.model_validate_json(results(checked)["summary.json"])
    for found in summary.differences:
        if (found.control, found.measure) != ("no-leak", "auc_steps"):
            continue
        for a, b, met in (
            (found.a, found.b, found.verdict == "lower"),
            (found.b, found.a, found.verdict == "higher"),
        ):
            done = tma_prep("train-check", checked, *CHECK, "--require-lower", a, b)
            assert done.returncode == (0 if met else 3)
            if not met:
                assert len(done.stderr.splitlines()) == 1
                assert f"--require-lower {a} {b}: not met without leaking rows" in done.stderr
        break
    wrong = tma_prep("train-check", checked, *CHECK, "--require-lower", "nft", "elsewhere")
    assert wrong.returncode == 2
    assert "is not compared; there are nft, rt, fft" in wrong.stderr


def test_windows_of_rounds_are_compared(arranged: Path, tmp_path: Path) -> None:
    """Each as an order of its own, by the rounds that the first shards hold."""
    work = copy_of(arranged, tmp_path)
    done = tma_prep(
        *("train-check", work, "--rounds", "0:3", "--rounds", "3:6", *SMALL, "--quick"),
        *("--base-steps", 0, "--budget", 20, "--json"),
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)["summary"]
    assert [order["order"] for order in summary["orders"]] == ["rounds-0:3", "rounds-3:6"]
    assert summary["train_rows"] == 20 and summary["steps"] == 3
    assert summary["seeds"] == [0] and summary["base"] is None
