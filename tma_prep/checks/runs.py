"""Runs the tasks of a check in processes of their own, as many at once as there are workers."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool

from tma_prep.checks.tasks import (
    RunTask,
    StartTask,
    Work,
    evaluations_file,
    read_evaluations,
    weights_file,
)
from tma_prep.errors import TrainingError
from tma_prep.parallel import interrupts_held

OnEvent = Callable[[str, int, float | None], None]
"""Told the key of a task, how many more of its steps are done, and a mean test loss or None."""

_LOOK_EVERY_S = 0.1


def worker_devices(device: str, workers: int | None) -> list[str]:
    """The device of each process.

    Args:
        device: Resolved: `cpu`, `cuda` for every GPU, `cuda:1` or `mps`.
        workers: How many are wanted; None for one a core, or one a GPU.
    """
    if device == "cpu":
        return ["cpu"] * (workers or os.cpu_count() or 1)
    if device == "cuda":
        import torch

        gpus = torch.cuda.device_count()
        return [f"cuda:{number % gpus}" for number in range(workers or gpus)]
    return [device] * (workers or 1)


def unfinished(work: Work, tasks: Sequence[StartTask] | Sequence[RunTask]) -> list[str]:
    """Keys of tasks that have left no whole file yet."""
    missing = []
    for task in tasks:
        whole = read_evaluations(evaluations_file(work.folder, task.key)) is not None
        if isinstance(task, StartTask) and task.steps:
            whole = whole and weights_file(work.folder, task.key).is_file()
        if not whole:
            missing.append(task.key)
    return missing


def run_tasks(
    work: Work, runs: Sequence[RunTask], devices: Sequence[str], on_event: OnEvent
) -> None:
    """Do what is not finished yet: starts first, and the orders of each once it is there.

    Raises:
        TmaPrepError: A task cannot be done, or its process ended unasked.
    """
    by_key = {run.key: run for run in runs}
    starts = {run.start.key: run.start for run in runs}
    missing_starts = {key: starts[key] for key in unfinished(work, list(starts.values()))}
    missing = {key: by_key[key] for key in unfinished(work, list(by_key.values()))}
    # A start whose orders are all there is needed for their loss at step 0 alone.
    if not missing and not missing_starts:
        return
    most = len(missing_starts) + len(missing)
    with _Processes(work, devices[:most]) as processes:
        processes.go(missing_starts, missing, on_event)


class _Processes:
    """The worker processes, and what they tell while they work."""

    def __init__(self, work: Work, devices: Sequence[str]) -> None:
        from tma_prep.checks import worker as train_check_worker

        self._here = train_check_worker
        context = multiprocessing.get_context("spawn")
        self._events = context.Queue()
        waiting = context.Queue()
        for device in devices:
            waiting.put(device)
        self._pool = concurrent.futures.ProcessPoolExecutor(
            len(devices),
            context,
            initializer=train_check_worker.load_here,
            initargs=(work, waiting, self._events),
        )

    def __enter__(self) -> "_Processes":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            # What is under way is dropped: nobody waits for it.
            for process in list(getattr(self._pool, "_processes", {}).values()):
                process.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def go(
        self,
        starts: Mapping[str, StartTask],
        runs: Mapping[str, RunTask],
        on_event: OnEvent,
    ) -> None:
        """Submit every task when what it needs is there; return when all are done."""
        try:
            # Submitting starts the processes; that they end is for this one to say.
            with interrupts_held():
                pending = {
                    self._pool.submit(self._here.make_start_here, start): key
                    for key, start in starts.items()
                }
                for run in runs.values():
                    if run.start.key not in starts:
                        pending[self._pool.submit(self._here.run_here, run)] = run.key
            while pending:
                done, _ = concurrent.futures.wait(
                    pending, _LOOK_EVERY_S, concurrent.futures.FIRST_COMPLETED
                )
                self._tell(on_event)
                for future in done:
                    future.result()
                    key = pending.pop(future)
                    with interrupts_held():
                        for run in runs.values():
                            if key == run.start.key:
                                pending[self._pool.submit(self._here.run_here, run)] = run.key
            self._tell(on_event)
        except BrokenProcessPool as error:
            raise TrainingError(
                "a process that trains ended unasked, perhaps for want of memory; run the same "
                "command again to go on, with fewer --workers if it happens again"
            ) from error

    def _tell(self, on_event: OnEvent) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                on_event(*self._events.get_nowait())
