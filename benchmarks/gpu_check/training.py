"""The training of train-check on the card: whether it runs, and gives the same numbers twice.

Every run is a process of its own, two of them at once, as train-check has several runs a card.
"""

import concurrent.futures
import dataclasses
import multiprocessing
import os
import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.gpu_check.made import exchanges
from benchmarks.gpu_check.report import Line, check, measured
from benchmarks.gpu_check.sizes import Sizes
from tma_prep.checks.data import encode_tests, train_tokenizer
from tma_prep.checks.loop import TrainSettings, train_order
from tma_prep.checks.model import tiny_llama

_START_LOSS_APART = {False: 1e-4, True: 2e-2}
"""Nats between the card's loss before training and the CPU's in float32, by bfloat16."""


@dataclasses.dataclass(frozen=True)
class Run:
    """Losses of every evaluation, shape (evaluations, tests), and seconds of all steps."""

    losses: NDArray[np.float64]
    seconds: float


def run(device: str, sizes: Sizes) -> Iterator[Line]:
    """As the tool trains, and with torch's deterministic algorithms."""
    settings = TrainSettings(steps=sizes.steps, batch_size=16, max_tokens=160)
    on_cpu = trained(settings, sizes.losses_of)
    yield _speed("CPU, float32", settings, on_cpu)
    for bfloat16 in (False, True) if sizes.train_bfloat16 else (False,):
        on_card = dataclasses.replace(settings, device=device, bfloat16=bfloat16)
        dtype = "bfloat16" if bfloat16 else "float32"
        first = trained(on_card, sizes.losses_of)
        yield from _beside_cpu(dtype, first, on_cpu, _START_LOSS_APART[bfloat16])
        second = trained(on_card, sizes.losses_of)
        yield _speed(f"{device}, {dtype}, kernels loaded", settings, second)
        # A CPU gives the same numbers either way.
        for deterministic in (False, True) if device.startswith("cuda") else (False,):
            yield _twice(dtype, on_card, sizes.losses_of, deterministic)


def trained(settings: TrainSettings, losses_of: int) -> Run:
    """Train the small Llama on made rows in this process."""
    rows = exchanges(settings.steps * settings.batch_size + losses_of)
    tokenizer = train_tokenizer((text for row in rows for text in row), 4096)
    model = tiny_llama(len(tokenizer), settings.max_tokens, seed=0)
    numbered = [(place, None, row) for place, row in enumerate(rows[-losses_of:])]
    tests = encode_tests(tokenizer, numbered, settings.max_tokens).scored
    start = time.perf_counter()
    found = train_order("made", rows[:-losses_of], tests, model, tokenizer, settings)
    losses = np.array([one.losses for one in found])
    return Run(losses, time.perf_counter() - start)


def _trained_alone(settings: TrainSettings, losses_of: int, deterministic: bool) -> Run:
    """`trained`, for a process that has not touched the card yet."""
    if deterministic:
        # cuBLAS reads it when a process first asks for it.
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(True)
    return trained(settings, losses_of)


def _twice(dtype: str, settings: TrainSettings, losses_of: int, deterministic: bool) -> Line:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, context, max_tasks_per_child=1) as processes:
        asked = [
            processes.submit(_trained_alone, settings, losses_of, deterministic) for _ in range(2)
        ]
        first, second = (one.result() for one in asked)
    apart = float(np.abs(first.losses - second.losses).max())
    how = "deterministic algorithms" if deterministic else "as the tool trains"
    return check(
        f"two runs at once, {dtype}, {settings.steps} steps, {how}",
        "the same losses" if apart == 0 else f"up to {apart:.1e} nats apart",
        apart == 0,
        "the same losses",
        apart=apart,
        seconds=max(first.seconds, second.seconds),
    )


def _beside_cpu(dtype: str, found: Run, expected: Run, most: float) -> Iterator[Line]:
    apart = float(np.abs(found.losses[0].mean() - expected.losses[0].mean()))
    ends = float(np.abs(found.losses[-1].mean() - expected.losses[-1].mean()))
    yield check(
        f"mean test loss before training, {dtype} against the CPU's float32",
        f"{apart:.1e} nats apart",
        apart <= most,
        f"≤ {most:.0e}",
        apart=apart,
    )
    yield measured(
        f"mean test loss after training, {dtype} against the CPU's float32",
        f"{ends:.1e} nats apart",
        apart=ends,
    )


def _speed(where: str, settings: TrainSettings, run: Run) -> Line:
    return measured(
        f"train-check's loop, {settings.steps} steps of 16 rows, evaluations and encoding "
        f"included, {where}",
        f"{1000 * run.seconds / settings.steps:.1f} ms a step",
        milliseconds=1000 * run.seconds / settings.steps,
    )
