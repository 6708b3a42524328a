"""A made-up check for the report: plausible curves, leakage, falls, every control."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tests.checks.curves_made_up import MadeUp
from tma_prep.checks.dynamics import Consumed, sharpest_falls
from tma_prep.checks.statistics import check_summary
from tma_prep.report.check_report import render_check_report
from tma_prep_schemas import Base, CheckSummary, Control, Leakage

Key = tuple[Control, str]

ORDERS: dict[Key, float] = {("none", "nft"): -0.5, ("none", "rt"): 0.0, ("none", "fft"): 0.3}
NULL: dict[Key, float] = {("null", f"random-{k}"): 0.0 for k in (1, 2, 3)}
CLEAN: dict[Key, float] = {
    ("no-leak", "nft"): -0.05,
    ("no-leak", "rt"): 0.0,
    ("no-leak", "fft"): 0.25,
}
EVERYTHING = ORDERS | NULL | CLEAN

TASKS = (
    "commonsense",
    "emotion",
    "negotiation strategy",
    "reading comprehension",
    "sums",
    "topics",
)

SETTINGS: dict[str, object] = {
    "orders": ["nft", "rt", "fft"],
    "seeds": 3,
    "steps": 40,
    "batch_size": 16,
    "model": "tiny",
    "lora": None,
    "controls": ["null", "no-leak"],
    "model_sha256": "ab" * 32,
    "tag": "a b",
}


@dataclass(frozen=True)
class Check:
    """What `render_check_report` takes."""

    summary: CheckSummary
    curves: pa.Table

    @property
    def html(self) -> str:
        """The page."""
        return render_check_report(self.summary, self.curves, SETTINGS)


def made_up_check(
    made: MadeUp | None = None,
    *,
    model: str = "tiny",
    unscored: Sequence[int] = (),
    seen: bool = True,
) -> Check:
    """A check of the whole setting, unless other curves are asked for.

    Args:
        made: The curves.
        model: Its name.
        unscored: Test rows without a response.
        seen: Whether rows have vectors.
    """
    made = made or MadeUp(EVERYTHING, names=TASKS)
    curves = made.curves()
    if not seen:
        for name in ("seen_max", "seen_mean", "seen_centroid"):
            nothing = pa.nulls(curves.num_rows, pa.float32())
            curves = curves.set_column(curves.schema.get_field_index(name), name, nothing)
    controls = {control for control, _ in made.effects}
    orders = [order for control, order in made.effects if control == "none"]
    summary = check_summary(
        curves,
        model=model,
        parameters=1_328_256,
        batch_size=16,
        unscored_test_rows=unscored,
        base=Base(steps=150, rows=2400, mean_loss_before=8.31, mean_loss_after=5.66),
        leakage=_leakage(orders) if "no-leak" in controls else None,
        falls=sharpest_falls(curves, _consumed(made, orders) if seen else None),
    )
    return Check(summary, curves)


def _leakage(orders: Sequence[str]) -> Leakage:
    return Leakage(
        rule="half",
        ngram=8,
        pool_rows=45_000,
        leaking_rows=1234,
        equal_rows=200,
        ngram_rows=1034,
        share_of_first={order: 0.76 / (1 + place) for place, order in enumerate(orders)},
    )


def _consumed(made: MadeUp, orders: Sequence[str]) -> Consumed:
    random = np.random.default_rng(5)

    def vectors(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return _unit(5000, 1)[rows]

    rows = {
        (order, seed): random.permutation(5000)[: made.steps[-1] * 16]
        for order in orders
        for seed in range(made.seeds)
    }
    return Consumed(rows, vectors, _unit(len(made.tests()), 2))


def _unit(rows: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(rows, 16)) + 0.3
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit.astype(np.float32)
