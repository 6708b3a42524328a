"""Orders for a part of the targets leave no trace of the others; checks on either part."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from tests.integration.check_workspace import SMALL, TESTS, make_workspace, tma_prep
from tma_prep.arrange import arrange
from tma_prep.artifact import MANIFEST, read_manifest
from tma_prep.checks.data import ScoredTest
from tma_prep.checks.orders import order_without_leaks
from tma_prep.checks.stage import train_check
from tma_prep.checks.targets import evaluated_tests
from tma_prep.checks.tasks import Work
from tma_prep.checks.texts import lay_out_texts
from tma_prep.embeddings.sides import open_sides
from tma_prep.embeddings.stage import embed
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.options import ArrangeOptions, EmbedOptions, TrainCheckOptions
from tma_prep.progress import Silent
from tma_prep.workspace import Workspace
from tma_prep_schemas import CheckSummary, Evaluated, ShardsManifest, Targets

ROWS, TEST_ROWS = 80, 22


def _embedded(root: Path, tests: list[int]) -> Path:
    """A workspace whose test set is these rows of one and the same larger set."""
    draw = np.random.default_rng(3)
    root.mkdir(parents=True)
    for side, count, kept in (
        ("train", ROWS, list(range(ROWS))),
        ("test", TEST_ROWS, tests),
    ):
        vectors = draw.standard_normal((count, 6)).round(2)
        # Equal vectors, of rows that both parts can hold: ties are to be broken alike.
        vectors[7], vectors[15] = vectors[2], vectors[2]
        lines = [
            json.dumps(
                {
                    "id": f"{side} {row}",
                    "prompt": f"{side} number {row}",
                    "response": "yes" * (row % 4),
                    "task": f"task {row % 5}",
                    "v": vectors[row].tolist(),
                }
            )
            for row in kept
        ]
        (root / f"{side}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    train, test = (str(root / f"{side}.jsonl") for side in ("train", "test"))
    embed(EmbedOptions(train=[train], test=[test], out=root / "work", vectors_column="v"))
    return root / "work"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All tests."""
    return _embedded(tmp_path_factory.mktemp("held-out") / "whole", list(range(TEST_ROWS)))


def _arrange(work: Path, name: str, **given: Any) -> dict[str, bytes]:  # noqa: ANN401
    """Everything that was written of an order but its manifests, by file name."""
    options: dict[str, Any] = {"overwrite": True, "orders": ["nft"], "rows_per_shard": 30} | given
    arrange(ArrangeOptions(work=work, name=name, **options))
    files = [work / "orders" / name / "order.parquet", *(work / "shards" / name).iterdir()]
    return {path.name: path.read_bytes() for path in files if path.name != MANIFEST}


def _targets(work: Path, name: str) -> Targets:
    """What both manifests of an order name."""
    order = Workspace(work).order(name).read()
    shards = read_manifest(work / "shards" / name / MANIFEST, ShardsManifest)
    assert order is not None and shards is not None
    assert order.targets == shards.targets and order.targets is not None
    return order.targets


@pytest.mark.parametrize(
    ("part", "given"),
    [
        ({"target_fraction": 0.5, "seed": 4}, {}),
        ({"target_fraction": 0.3, "by_task": True, "seed": 1}, {"orders": ["rt"]}),
        ({"target_fraction": 0.5, "by_task": True}, {"orders": ["fft"], "ranking": "wsd"}),
        ({"target_fraction": 0.7}, {"tests_per_task": 2, "within_round": "shuffle"}),
        ({"target_fraction": 0.5}, {"select": "both-ends", "budget": "31"}),
        ({"target_fraction": 0.5}, {"granularity": "kmeans:6", "leakage": "exclude"}),
        ({"target_fraction": 0.5, "by_task": True}, {"granularity": "task", "ranking": "centroid"}),
    ],
    ids=lambda options: "-".join(map(str, options)) or "plain",
)
def test_an_order_for_a_part_is_that_of_a_test_set_without_the_rest(
    work: Path, tmp_path: Path, part: dict[str, Any], given: dict[str, Any]
) -> None:
    """Byte for byte: order, shards and schedule hold no trace of a test that was held out."""
    found = _arrange(work, "half", **part, **given)
    targets = _targets(work, "half")
    kept = sorted(set(range(TEST_ROWS)) - set(targets.unseen))
    assert set(targets.rows) <= set(kept)
    assert targets.rows == kept or "tests_per_task" in given
    alone = _embedded(tmp_path / "alone", kept)
    # Only the seed of what is shuffled later is left of the options of the draw.
    assert found == _arrange(alone, "half", seed=part.get("seed", 0), **given)
    named = set(pl.read_parquet(work / "orders" / "half" / "order.parquet")["tma_target"])
    assert named <= {f"test {row}" for row in targets.rows}


def test_the_graph_and_other_rankings_are_of_all_tests(work: Path) -> None:
    """An order for a part writes beside them, and in the place of none."""
    _arrange(work, "all")
    graph = (work / "neighbors" / "part-00000.parquet").read_bytes()
    ranking = (work / "rankings" / "tma" / "ranking.parquet").read_bytes()
    for seed in (0, 1):
        _arrange(work, f"half-{seed}", target_fraction=0.5, seed=seed, overwrite=False)
    assert (work / "neighbors" / "part-00000.parquet").read_bytes() == graph
    assert (work / "rankings" / "tma" / "ranking.parquet").read_bytes() == ranking
    assert set(pl.read_parquet(work / "neighbors" / "part-00000.parquet")["test_row"]) == set(
        range(TEST_ROWS)
    )
    assert (work / "rankings" / "tma.targets-0.5-seed-1").is_dir()
    assert _targets(work, "half-0") != _targets(work, "half-1")


def test_what_was_made_is_kept_and_another_draw_is_refused(work: Path) -> None:
    """The draw is an option like others."""
    options: dict[str, Any] = {"work": work, "name": "kept", "target_fraction": 0.5}
    first = arrange(ArrangeOptions(**options))
    assert (first.test_rows, first.unseen_test_rows) == (11, 11)
    assert [order.kept for order in arrange(ArrangeOptions(**options)).orders] == [True]
    for other in ({"target_fraction": 0.6}, {"by_task": True}, {"seed": 3}):
        with pytest.raises(ArtifactError, match=next(iter(other)).replace("_", "-")):
            arrange(ArrangeOptions(**(options | other)))


def test_options_without_meaning_are_refused() -> None:
    """A way of drawing where nothing is drawn, and shares that leave one part empty."""
    with pytest.raises(OptionError, match="it needs --target-fraction"):
        arrange(ArrangeOptions(work=Path("w"), by_task=True))
    for fraction in (0, 1, -0.5, float("nan")):
        with pytest.raises(ValidationError, match="target_fraction"):
            ArrangeOptions(work=Path("w"), target_fraction=fraction)


def test_a_check_takes_orders_of_one_part_alone(work: Path) -> None:
    """What was arranged for another part, or for all, is refused in one line."""
    _arrange(work, "nft", target_fraction=0.5)
    _arrange(work, "capped", target_fraction=0.5, tests_per_task=1)
    _arrange(work, "other", target_fraction=0.5, seed=1)
    _arrange(work, "cap-alone", tests_per_task=1)
    _arrange(work, "whole")
    test = open_sides(Workspace(work)).test

    def rows(wanted: Evaluated, *names: str) -> list[int]:
        shards = {}
        for name in names:
            manifest = read_manifest(work / "shards" / name / MANIFEST, ShardsManifest)
            assert manifest is not None
            shards[name] = manifest
        found: list[int] = evaluated_tests(test, shards, wanted).rows.tolist()
        return found

    targets = _targets(work, "nft")
    assert rows("all", "nft", "other", "whole") == list(range(TEST_ROWS))
    assert rows("unseen", "nft", "capped") == targets.unseen
    assert rows("seen", "nft") == targets.rows
    assert rows("seen", "cap-alone") == _targets(work, "cap-alone").rows
    for wanted, names, message in (
        ("unseen", ("nft", "other"), "nft and other were not arranged for the same test rows"),
        ("seen", ("nft", "capped"), "nft and capped were not arranged for the same test rows"),
        ("unseen", ("nft", "whole"), "whole was arranged for every test row"),
        ("seen", ("whole",), "whole was arranged for every test row"),
        ("unseen", ("cap-alone",), "cap-alone held no test row out"),
    ):
        with pytest.raises(OptionError, match=f"--eval {wanted}: {message}") as refused:
            rows(wanted, *names)  # type: ignore[arg-type]
        assert "\n" not in str(refused.value)
        options = {"work": work, "orders": list(names), "eval": wanted}
        with pytest.raises(OptionError, match=message):
            train_check(TrainCheckOptions.model_validate(options))
    damaged = read_manifest(work / "shards" / "nft" / MANIFEST, ShardsManifest)
    assert damaged is not None
    damaged = damaged.model_copy(update={"targets": Targets(rows=[0, 99], unseen=[1])})
    with pytest.raises(ArtifactError, match="names test rows that are not there"):
        evaluated_tests(test, {"nft": damaged}, "seen")


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of the other checks, arranged for one task of three."""
    work = make_workspace(tmp_path_factory.mktemp("halves"))
    half = ("--target-fraction", 0.4, "--by-task", "--name", "half")
    done = tma_prep("arrange", work, *half, "--order", "nft", "--order", "rt")
    assert done.returncode == 0, done.stderr
    assert "4 test rows (8 held out)" in done.stdout
    assert "--order half-nft --order half-rt --eval unseen" in done.stdout
    return work


def test_the_control_without_leaks_is_of_the_same_part(halves: Path) -> None:
    """Ranked anew for the tests that were used, without what leaks of any test."""
    clean = ArrangeOptions(
        work=halves, name="clean", target_fraction=0.4, by_task=True, leakage="exclude"
    )
    arrange(clean)
    arranged = pl.read_parquet(halves / "orders" / "clean" / "order.parquet")["tma_row"].to_list()
    # Rows 0 to 11 equal a test, which the order saw or not.
    assert sorted(arranged) == list(range(TESTS, 240))
    manifest = read_manifest(halves / "shards" / "half-nft" / MANIFEST, ShardsManifest)
    assert manifest is not None
    options = TrainCheckOptions(work=halves).resolved
    workspace = Workspace(halves)
    with workspace.locked():
        named = order_without_leaks(workspace, "half-nft", manifest, 240, options, Silent())
    assert named.rows.tolist() == arranged


def test_the_texts_are_those_of_the_part(halves: Path, tmp_path: Path) -> None:
    """Row by row the tokens that a check of all tests would take the loss of."""
    sides = open_sides(Workspace(halves))
    manifest = read_manifest(halves / "shards" / "half-nft" / MANIFEST, ShardsManifest)
    assert manifest is not None and manifest.targets is not None
    options = TrainCheckOptions(work=halves, vocabulary=320)
    work = Work(tmp_path, None, False, None, 8, 1e-3, max_tokens=48)

    def scored(wanted: Evaluated) -> dict[int, ScoredTest]:
        test = evaluated_tests(sides.test, {"half-nft": manifest}, wanted)
        found = lay_out_texts(work, sides.train, test, [], {}, options, Silent())
        return {one.test_row: one for one in found.scored}

    every, unseen = scored("all"), scored("unseen")
    assert list(every) == list(range(TESTS))
    assert unseen == {row: every[row] for row in manifest.targets.unseen}


@pytest.mark.slow
def test_a_check_on_unseen_tests_says_so(halves: Path) -> None:
    """In curves, summary, headline, report and manifest."""
    targets = _targets(halves, "half-nft")
    done = tma_prep(
        *("train-check", halves, "--order", "half-nft", "--order", "half-rt", "--eval", "unseen"),
        *(*SMALL, "--quick", "--steps", 2, "--base-steps", 0, "--control", "no-leak"),
        *("--workers", 1),
    )
    assert done.returncode == 0, done.stderr
    words = "On targets that the orders never saw, without leaking rows, "
    assert done.stdout.startswith(words)
    folder = halves / "checks" / "half-nft-half-rt-unseen-quick"
    summary = CheckSummary.model_validate_json((folder / "summary.json").read_bytes())
    assert summary.headline.startswith(words)
    assert (summary.evaluated, summary.test_rows) == ("unseen", len(targets.unseen))
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert words in report and "--eval unseen" in report and "8 tests that the orders" in report
    assert json.loads((folder / MANIFEST).read_bytes())["config"]["eval"] == "unseen"
    curves = pl.read_parquet(folder / "curves.parquet")
    assert sorted(curves["test_row"].unique()) == targets.unseen
    assert set(curves["control"]) == {"none", "no-leak"}
    tasks = dict(curves.select("test_row", "task").unique().iter_rows())
    assert tasks == {row: f"t{row % 3}" for row in targets.unseen}
