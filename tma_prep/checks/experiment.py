"""The measuring part of `train-check`: leaks, orders, starts and runs, up to the curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tma_prep.artifact import library_versions, tool_version
from tma_prep.checks.data import EncodedTests
from tma_prep.checks.orders import (
    Named,
    PlannedRun,
    base_slice,
    order_without_leaks,
    planned_runs,
    read_named,
    windows,
)
from tma_prep.checks.runs import run_tasks, worker_devices
from tma_prep.checks.stage import Check
from tma_prep.checks.tasks import (
    Evaluations,
    RunTask,
    StartTask,
    Work,
    digest,
    evaluations_file,
    read_evaluations,
)
from tma_prep.checks.texts import lay_out_texts, leaks_of
from tma_prep.device import resolve_device
from tma_prep.embeddings import Sides
from tma_prep.leakage import Leaks
from tma_prep.options import TrainCheckOptions
from tma_prep.progress import Progress, TableProgress

LIBRARIES = ("numpy", "pyarrow", "torch", "transformers", "tokenizers", "peft", "gguf")


@dataclass(frozen=True)
class Measured:
    """What was trained and found.

    Attributes:
        runs: Every run, orders first, then controls.
        evaluations: Of each run, from step 0 on.
        starts: Of each seed: the loss of the model before and after base training.
        base_rows: Rows of each seed's base slice.
        tests: The tests as tokens.
        leaks: What the pool holds of the tests, None where nothing asked for it.
        random_order: Name of the first order that was arranged at random, None where none was.
    """

    runs: list[PlannedRun]
    evaluations: list[Evaluations]
    starts: dict[int, Evaluations]
    base_rows: dict[int, NDArray[np.int64]]
    tests: EncodedTests
    leaks: Leaks | None
    random_order: str | None


def measure(check: Check, folder: Path, progress: TableProgress) -> Measured:
    """Train everything that is not trained yet, and gather what was found.

    Args:
        check: What is measured.
        folder: Where finished runs are kept until the check is whole.
        progress: Told of everything.
    """
    sides, options, model = check.sides, check.options, check.model
    leaks = leaks_of(check.workspace, sides, options, progress)
    base = _base(sides, leaks, options, progress)
    named = _named(check)
    clean = _without_leaks(check, leaks, progress)
    runs = planned_runs(named, clean, base, options, progress.note)
    work = Work(
        folder,
        model.location,
        model.trusted,
        options.lora,
        options.batch_size,
        options.learning_rate,
        options.max_tokens,
    )
    tests = lay_out_texts(work, sides.train, check.evaluated, runs, base, options, progress)
    device = resolve_device(options.device)
    shared: dict[str, object] = {
        "version": tool_version(),
        "libraries": library_versions(*LIBRARIES),
        "device": device.partition(":")[0],
        "model": model.sha256,
        "inputs": check.inputs,
        "options": options.recorded(
            *("work", "orders", "rounds", "seeds", "seed", "budget", "steps", "controls", "name"),
            *("random_orders", "leak_ngrams", "require_lower", "workers", "overwrite", "device"),
            *("base_steps", "model", "quick"),
        ),
    }
    starts = _starts(shared, base, options)
    tasks = [_task(run, starts[run.seed], shared) for run in runs]
    _train(work, runs, tasks, worker_devices(device, options.workers), progress)
    keys = [*(task.key for task in tasks), *(start.key for start in starts.values())]
    found = {key: _found(work, key) for key in dict.fromkeys(keys)}
    return Measured(
        runs,
        [_from_start(found[task.start.key], found[task.key]) for task in tasks],
        {seed: found[start.key] for seed, start in starts.items()},
        base,
        tests,
        leaks,
        next((order.name for order in named if order.drawn), None),
    )


def _base(
    sides: Sides, leaks: Leaks | None, options: TrainCheckOptions, progress: Progress
) -> dict[int, NDArray[np.int64]]:
    """For each seed the rows of base training; none where it is off."""
    seeds = range(options.seed, options.seed + (options.seeds or 1))
    nothing = np.empty(0, dtype=np.int64)
    if not options.base_steps or leaks is None:
        return dict.fromkeys(seeds, nothing)
    eligible = np.setdiff1d(sides.train.rows, leaks.touching)
    if len(eligible) < options.batch_size:
        eligible = np.setdiff1d(sides.train.rows, leaks.sharing)
        progress.note(
            "base training: hardly a row shares no 8 words in a row with a test; rows that share "
            "template wording alone (found in over 1 % of the pool) are taken too"
        )
    wanted = options.base_steps * options.batch_size
    found = {seed: base_slice(eligible, sides.train.shape[0], wanted, seed) for seed in seeds}
    if not all(len(rows) for rows in found.values()):
        progress.note(
            "base training is left out: no tenth of the pool shares nothing with the tests"
        )
        return dict.fromkeys(seeds, nothing)
    return found


def _named(check: Check) -> list[Named]:
    """The orders to compare: those that were named, and windows of the first one's rounds."""
    read = [
        read_named(name, check.workspace.shards(name).folder, manifest)
        for name, manifest in check.shards.items()
    ]
    return _with_windows(read, check.options)


def _without_leaks(check: Check, leaks: Leaks | None, progress: Progress) -> list[Named]:
    """The orders of the control `no-leak`; none where it is off, or every row leaks."""
    workspace, options, pool_rows = check.workspace, check.options, check.sides.train.shape[0]
    if leaks is None or "no-leak" not in (options.controls or []):
        return []
    if len(leaks.rows) == pool_rows:
        progress.note("no-leak: every row of the pool leaks, so this control is left out")
        return []
    found = [
        order_without_leaks(workspace, name, manifest, pool_rows, options, progress)
        for name, manifest in check.shards.items()
    ]
    return _with_windows(found, options)


def _with_windows(read: list[Named], options: TrainCheckOptions) -> list[Named]:
    return (read if options.orders else []) + windows(read[0], options.rounds)


def _starts(
    shared: dict[str, object], base: dict[int, NDArray[np.int64]], options: TrainCheckOptions
) -> dict[int, StartTask]:
    """The start of each seed; without anything drawn they are one and the same."""
    starts = {}
    for seed, rows in base.items():
        steps = (options.base_steps or 0) if len(rows) else 0
        drawn = seed if options.model == "tiny" or options.lora is not None else 0
        key = digest(["start", shared, drawn, steps], rows)
        starts[seed] = StartTask(f"start-{key}", drawn, steps, rows)
    return starts


def _task(run: PlannedRun, start: StartTask, shared: dict[str, object]) -> RunTask:
    key = digest(["run", start.key], run.rows)
    return RunTask(f"run-{key}", start, run.order, run.rows, run.shards)


def _train(
    work: Work,
    runs: Sequence[PlannedRun],
    tasks: Sequence[RunTask],
    devices: list[str],
    progress: TableProgress,
) -> None:
    """Run what is not finished, and show each order's latest loss."""
    labels: dict[str, list[tuple[str, str]]] = {}
    steps: dict[str, int] = {}
    for run, task in zip(runs, tasks, strict=True):
        label = run.order if run.control == "none" else f"{run.order} ({run.control})"
        labels.setdefault(task.key, []).append((label, f"seed {run.seed}"))
        steps[task.key] = -(-len(run.rows) // work.batch_size)
        steps[task.start.key] = task.start.steps
    rows = list(dict.fromkeys(row for places in labels.values() for row, _ in places))
    columns = list(dict.fromkeys(column for places in labels.values() for _, column in places))
    with (
        progress.table("Test loss so far", rows, columns) as show,
        progress.stage("Training", sum(steps.values()), "steps") as advance,
    ):
        for task in tasks:
            before = read_evaluations(evaluations_file(work.folder, task.key))
            if before is not None:
                advance(steps.pop(task.key, 0))
                for row, column in labels[task.key]:
                    show(row, column, f"{before.losses[-1].mean():.3f}")

        def on_event(key: str, more: int, loss: float | None) -> None:
            advance(more)
            if loss is not None:
                for row, column in labels.get(key, []):
                    show(row, column, f"{loss:.3f}")

        run_tasks(work, tasks, devices, on_event)


def _found(work: Work, key: str) -> Evaluations:
    found = read_evaluations(evaluations_file(work.folder, key))
    assert found is not None, "every task is finished"
    return found


def _from_start(start: Evaluations, run: Evaluations) -> Evaluations:
    """A run from step 0 on: the start's last evaluation is the first of all its orders."""
    return Evaluations(
        step=np.concatenate([np.zeros(1, dtype=np.int32), run.step]),
        rows_seen=np.concatenate([np.zeros(1, dtype=np.int64), run.rows_seen]),
        response_tokens_seen=np.concatenate(
            [np.zeros(1, dtype=np.int64), run.response_tokens_seen]
        ),
        losses=np.concatenate([start.losses[-1:], run.losses]),
        parameters=run.parameters,
    )
