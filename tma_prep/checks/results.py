"""From evaluations to curves, summary and report."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tma_prep.checks.curves import curves_table
from tma_prep.checks.dynamics import Consumed, seen_tests, sharpest_falls
from tma_prep.checks.experiment import Measured
from tma_prep.checks.stage import Check, target_role_of
from tma_prep.checks.statistics import check_summary
from tma_prep.durable import file_entry, sync, write_text
from tma_prep.embeddings import Sides
from tma_prep.leakage import NGRAM
from tma_prep.options import TrainCheckOptions
from tma_prep.report import render_check_report
from tma_prep_schemas import Base, CheckSummary, FileEntry, Leakage


def write_results(
    folder: Path, check: Check, found: Measured
) -> tuple[CheckSummary, list[FileEntry]]:
    """Write `curves.parquet`, `summary.json` and `report.html`.

    Returns:
        The summary, and what a manifest says of the files.
    """
    options = check.options
    consumed = _consumed(found, check.sides)
    curves = curves_table(
        [
            (run, each, seen_tests(run.rows, each.rows_seen, consumed.vectors, consumed.tests))
            for run, each in zip(found.runs, found.evaluations, strict=True)
        ],
        found.tests.scored,
    )
    summary = check_summary(
        curves,
        evaluated=options.eval,
        model=options.model,
        parameters=found.evaluations[0].parameters,
        batch_size=options.batch_size,
        unscored_test_rows=found.tests.unscored_rows,
        base=_base(found, options),
        leakage=_leakage(found, check),
        falls=sharpest_falls(curves, consumed),
        random_order=found.random_order,
        target_role=target_role_of(check.shards),
    )
    pq.write_table(curves, folder / "curves.parquet", compression="zstd")
    sync(folder / "curves.parquet")
    write_text(folder / "summary.json", summary.model_dump_json(indent=2) + "\n")
    write_text(folder / "report.html", render_check_report(summary, curves, check.config))
    rows = {"curves.parquet": curves.num_rows, "summary.json": 0, "report.html": 0}
    return summary, [file_entry(folder / name, count) for name, count in rows.items()]


def _consumed(found: Measured, sides: Sides) -> Consumed:
    """Vectors of what the runs were trained on, and of the tests that have a loss."""
    train_rows, test_rows = sides.train.rows, sides.test.rows
    scored = np.array([test.test_row for test in found.tests.scored], dtype=np.int64)
    return Consumed(
        rows={(run.order, run.seed): run.rows for run in found.runs if run.control == "none"},
        vectors=lambda rows: sides.train.take(np.searchsorted(train_rows, rows)),
        tests=sides.test.take(np.searchsorted(test_rows, scored)),
    )


def _base(found: Measured, options: TrainCheckOptions) -> Base | None:
    rows = [len(rows) for rows in found.base_rows.values()]
    if not options.base_steps or not all(rows):
        return None
    losses = np.array([start.losses.mean(axis=1) for start in found.starts.values()])
    return Base(
        steps=options.base_steps,
        rows=round(float(np.mean(rows))),
        mean_loss_before=float(losses[:, 0].mean()),
        mean_loss_after=float(losses[:, -1].mean()),
    )


def _leakage(found: Measured, check: Check) -> Leakage | None:
    if found.leaks is None:
        return None
    shares: dict[str, list[float]] = {}
    leaking_rows = found.leaks.rows
    for run in found.runs:
        if run.control == "none":
            leaking = np.isin(run.rows, leaking_rows)
            shares.setdefault(run.order, []).append(float(leaking.mean()))
    return Leakage(
        rule=check.options.leak_ngrams,
        ngram=NGRAM,
        pool_rows=check.sides.train.shape[0],
        leaking_rows=len(leaking_rows),
        equal_rows=found.leaks.equal_rows,
        ngram_rows=len(leaking_rows) - found.leaks.equal_rows,
        share_of_first={order: float(np.mean(each)) for order, each in shares.items()},
    )
