"""How much is made and run, at full size and at one that a CPU does in a minute."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from tma_prep.device import Dtype


@dataclass(frozen=True)
class Sizes:
    """What every section takes its numbers from.

    Attributes:
        texts: Embedded on the card.
        cpu_texts: Of those, embedded on the CPU as well, in float32.
        rows: Ranked.
        tests: They are ranked by.
        steps: Trained.
        losses_of: Test rows that every evaluation of the training scores.
        train_bfloat16: Whether bfloat16 is trained in, beside float32.
        product_rows: Of one float64 product that is timed.
        scanned_rows: Copied to the card slice by slice and multiplied there.
        slice_rows: Of such a slice.
        batch_tokens: Of a forward pass, each in turn.
        batch_sizes: Texts a batch of sentence-transformers' `encode`, each in turn.
        dtypes: Of the embedding model, each in turn.
        repeats: Of what is timed; the median counts.
    """

    texts: int
    cpu_texts: int
    rows: int
    tests: int
    steps: int
    losses_of: int
    train_bfloat16: bool
    product_rows: int
    scanned_rows: int
    slice_rows: int
    batch_tokens: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    dtypes: tuple[Dtype, ...]
    repeats: int


FULL = Sizes(
    texts=50_000,
    cpu_texts=2_000,
    rows=200_000,
    tests=1_000,
    steps=60,
    losses_of=64,
    train_bfloat16=True,
    product_rows=1 << 18,
    scanned_rows=10_000_000,
    slice_rows=1 << 16,
    batch_tokens=(4_096, 16_384, 65_536, 262_144),
    batch_sizes=(32, 256, 1_024),
    dtypes=("float32", "bfloat16", "float16"),
    repeats=5,
)
SMALL = Sizes(
    texts=120,
    cpu_texts=40,
    rows=4_000,
    tests=60,
    steps=2,
    losses_of=8,
    train_bfloat16=False,
    product_rows=2_048,
    scanned_rows=8_192,
    slice_rows=2_048,
    batch_tokens=(512,),
    batch_sizes=(32,),
    dtypes=("bfloat16",),
    repeats=2,
)


def seconds_of(
    work: Callable[[], object], device: str, repeats: int, *, calls: int = 1, warm: int = 1
) -> float:
    """Median seconds of one call, the device's queue empty before and after.

    Args:
        work: What is timed; it may return before the device is done.
        device: Whose queue is waited for.
        repeats: How often it is timed.
        calls: Calls between two looks at the clock, for work of a few milliseconds.
        warm: Calls before, which load kernels.
    """
    for _ in range(warm):
        work()
    times = []
    for _ in range(repeats):
        wait_for(device)
        start = time.perf_counter()
        for _ in range(calls):
            work()
        wait_for(device)
        times.append((time.perf_counter() - start) / calls)
    return statistics.median(times)


def wait_for(device: str) -> None:
    """Until the device has done all it was given."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize(torch.device(device))
