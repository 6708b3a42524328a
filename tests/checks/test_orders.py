"""Which rows a run is trained on: draws, base rows, budgets, windows, and orders without leaks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tests.integration.check_workspace import make_workspace, tma_prep
from tma_prep.checks.orders import (
    Named,
    PlannedRun,
    base_slice,
    drawn_order,
    order_without_leaks,
    planned_runs,
    read_named,
    windows,
)
from tma_prep.checks.stage import check_options
from tma_prep.errors import OptionError
from tma_prep.options import TrainCheckOptions
from tma_prep.progress import Silent
from tma_prep.workspace import Workspace
from tma_prep_schemas import ShardsManifest

_ROWS = np.arange(100, 400, dtype=np.int64)
_NFT = Named("nft", _ROWS[::-1].copy(), seed=0, drawn=False, shards=None)
_RT = Named("rt", np.random.default_rng(0).permutation(_ROWS), seed=3, drawn=True, shards=None)
_BASE: dict[int, NDArray[np.int64]] = {5: _ROWS[290:], 6: _ROWS[:10]}


def _options(**given: object) -> TrainCheckOptions:
    return TrainCheckOptions.model_validate({"work": Path("w"), "seeds": 2} | given).resolved


def _planned(options: TrainCheckOptions, notes: list[str] | None = None) -> list[PlannedRun]:
    told = [] if notes is None else notes
    return planned_runs([_NFT, _RT], [], _BASE, options, told.append)


def test_random_orders_are_drawn_anew_for_each_seed() -> None:
    """A function of the shards' seed and the run's, whatever the sequence of the shards."""
    expected = np.random.default_rng([3, 5]).permutation(_ROWS)
    assert np.array_equal(_RT.sequence(5), expected)
    assert np.array_equal(drawn_order(_ROWS[::-1], 3, 5), expected)
    assert not np.array_equal(_RT.sequence(6), expected)
    assert np.array_equal(_NFT.sequence(5), _NFT.rows)


def test_base_rows_are_left_out_without_another_ranking() -> None:
    """The first rows of each order that base training did not take."""
    runs = {(run.control, run.order, run.seed): run.rows for run in _planned(_options(budget=50))}
    nft = [row for row in _NFT.rows.tolist() if row not in _BASE[5].tolist()][:50]
    rt = [row for row in _RT.sequence(6).tolist() if row not in _BASE[6].tolist()][:50]
    assert runs["none", "nft", 5].tolist() == nft
    assert runs["none", "rt", 6].tolist() == rt
    # The first of the random orders is the one that rt is, so that it is trained once.
    assert runs["null", "random-1", 6].tolist() == rt
    assert runs["null", "random-2", 6].tolist() != rt
    assert {control for control, _, _ in runs} == {"none", "null"}


def test_the_default_budget_is_a_small_share() -> None:
    """A tenth of what an order has without base rows, in whole batches, and 640 rows at most."""
    assert {len(run.rows) for run in _planned(_options())} == {16}
    assert {len(run.rows) for run in _planned(_options(batch_size=4))} == {28}
    large = Named("x", np.arange(100_000), 0, False, None)
    runs = planned_runs([large], [], {0: _ROWS}, _options(controls=[]), lambda _: None)
    assert [len(run.rows) for run in runs] == [512]


def test_a_budget_above_the_order_is_cut_and_told() -> None:
    """And both ways of giving it at once are refused."""
    notes: list[str] = []
    assert {len(run.rows) for run in _planned(_options(steps=100), notes)} == {290}
    assert notes == ["the smallest order holds 290 rows: so many are taken, not 1,600"]
    with pytest.raises(OptionError, match="give one"):
        check_options(_options(steps=2, budget=3))


def test_the_base_slice_is_a_tenth_at_most() -> None:
    """Distinct rows among the eligible ones; another seed draws others."""
    found = base_slice(_ROWS, 400, 100, seed=1)
    assert len(set(found.tolist())) == 40 and set(found.tolist()) <= set(_ROWS.tolist())
    assert len(base_slice(_ROWS, 4000, 100, seed=1)) == 100
    assert not np.array_equal(found, base_slice(_ROWS, 400, 100, seed=2))


def test_windows_are_slices_of_the_rounds_that_are_there() -> None:
    """As Python counts them, in the sequence of the order."""
    rounds = np.repeat(np.array([9, 7, 4, 1], dtype=np.int32), 75)
    first, last = windows(replace(_NFT, rounds=rounds), ["0:2", "-1:"])
    assert (first.name, last.name) == ("rounds-0:2", "rounds--1:")
    assert np.array_equal(first.rows, _NFT.rows[150:])
    assert np.array_equal(last.rows, _NFT.rows[:75])
    with pytest.raises(OptionError, match="keeps none of the 4 rounds of nft"):
        windows(replace(_NFT, rounds=rounds), ["7:9"])
    with pytest.raises(OptionError, match="arranged by a ranking without any"):
        windows(_NFT, ["0:2"])


@pytest.mark.parametrize(
    "given", [(), ("--budget", 235), ("--budget", 100, "--select", "both-ends")]
)
def test_orders_without_leaks_are_ordinary_orders(
    tmp_path: Path, given: tuple[object, ...]
) -> None:
    """As `arrange --leakage exclude` makes them, with a budget of what is left."""
    work = make_workspace(tmp_path)
    done = tma_prep("arrange", work, "--order", "nft", "--name", "y", *given)
    assert done.returncode == 0, done.stderr
    workspace = Workspace(work)
    text = (workspace.shards("y").folder / "manifest.json").read_bytes()
    manifest = ShardsManifest.model_validate_json(text)
    with workspace.locked():
        found = order_without_leaks(workspace, "y", manifest, 240, _options(), Silent())
    leaking = pl.read_parquet(work / "leakage" / "leakage.parquet")["tma_row"].unique().to_list()
    fewer = [240 - len(leaking) if option == 235 else option for option in given]
    excluded = ("--order", "nft", "--name", "x", "--leakage", "exclude", *fewer)
    done = tma_prep("arrange", work, *excluded)
    assert done.returncode == 0, done.stderr
    expected = pl.read_parquet(work / "orders" / "x" / "order.parquet")
    assert leaking and not set(leaking) & set(found.rows.tolist())
    assert found.rows.tolist() == expected["tma_row"].to_list()
    assert found.rounds is not None and found.rounds.tolist() == expected["tma_round"].to_list()
    named = read_named("y", workspace.shards("y").folder, manifest)
    order = pl.read_parquet(work / "orders" / "y" / "order.parquet")
    assert named.rows.tolist() == order["tma_row"].to_list()
