"""What an exact float64 search on the card stands on: exactness, arithmetic, copying.

Stored vectors have components that are multiples of 2**-26, so a float64 product of them is a whole
number of 2**-52 however it is added. NumPy multiplies the whole numbers; the card must agree.
"""

import functools
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.gpu_check.report import Line, check, measured
from benchmarks.gpu_check.sizes import Sizes, seconds_of
from benchmarks.vectors import clustered
from tma_prep.embeddings.unit import GRID, unit_vectors

_INTEGER_ROWS = 1_024
_SHAPES = ((1, 1), (1, 1_000), (7, 3), (129, 65), (1_024, 1), (1_024, 7), (1_024, 1_000))
_PINNED_SLICES = 8
_ENTRIES_A_ROW = 10


def run(device: str, sizes: Sizes) -> Iterator[Line]:
    """Exactness first, then the two floors and what a scan makes of them."""
    tests = np.concatenate(list(clustered("test", sizes.tests)))
    yield _exact(device, tests, sizes)
    rates: dict[str, float] = {}
    yield from _products(device, tests, sizes, rates)
    slices = _slices(device, sizes, tests.shape[1])
    yield from _copying(device, sizes, slices, rates)
    yield _scanned(device, tests, sizes, slices, rates)


def _hard_vectors(rows: int, dimension: int) -> NDArray[np.float32]:
    """Half of them even, half with a few components that carry nearly all of the length."""
    vectors = np.random.default_rng(3).standard_normal((rows, dimension))
    vectors[::2] **= 5
    return unit_vectors(vectors)


def _exact(device: str, tests: NDArray[np.float32], sizes: Sizes) -> Line:
    rows = _hard_vectors(_INTEGER_ROWS, tests.shape[1])
    expected = _whole(rows) @ _whole(tests).T
    on_card = torch.from_numpy(rows).to(device).double()
    tests64 = torch.from_numpy(tests).to(device).double().T.contiguous()
    wrong = {}
    for some_rows, some_tests in _SHAPES:
        found = on_card[:some_rows] @ tests64[:, :some_tests]
        wrong[f"{some_rows} × {some_tests}"] = _differ(found, expected[:some_rows, :some_tests])
    # The same rows inside a product as large as a search's, which another kernel may make.
    many = torch.from_numpy(_hard_vectors(sizes.slice_rows, tests.shape[1])).to(device).double()
    places = torch.linspace(0, len(many) - 1, len(rows)).long().to(device)
    many[places] = on_card
    wrong[f"{len(many)} × {len(tests)}"] = _differ((many @ tests64)[places], expected)
    told = ", ".join(f"{count:,} of {shape}" for shape, count in wrong.items() if count)
    return check(
        f"float64 products of stored vectors against whole numbers, {len(wrong)} shapes",
        f"{told} differ" if told else "every bit",
        not told,
        "every bit",
        differ=sum(wrong.values()),
    )


def _whole(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """In units of the grid; every sum of products stays below 2**53."""
    return np.round(vectors.astype(np.float64) / GRID).astype(np.int64)


def _differ(found: torch.Tensor, expected: NDArray[np.int64]) -> int:
    whole = (found / GRID / GRID).cpu().numpy()
    return int(np.count_nonzero(whole != expected.astype(np.float64)))


def _products(
    device: str, tests: NDArray[np.float32], sizes: Sizes, rates: dict[str, float]
) -> Iterator[Line]:
    """The product alone, all of it on the device; rows a second go into `rates`."""
    count, dimension = sizes.product_rows, tests.shape[1]
    some = torch.from_numpy(_hard_vectors(sizes.slice_rows, dimension)).to(device)
    rows = some.repeat(-(-count // len(some)), 1)[:count]
    for dtype in (torch.float32, torch.float64):
        left, right = rows.to(dtype), torch.from_numpy(tests).to(device, dtype).T.contiguous()
        out = torch.empty(count, len(tests), dtype=dtype, device=device)
        product = functools.partial(torch.matmul, left, right, out=out)
        seconds = seconds_of(product, device, sizes.repeats)
        name = str(dtype).removeprefix("torch.")
        rates[name] = count / seconds
        teraflops = 2 * count * len(tests) * dimension / seconds / 1e12
        what = f"{name} product, {count:,} × {len(tests):,} × {dimension}, vectors on the device"
        yield measured(what, f"{teraflops:.2f} TFLOP/s", tflops=teraflops)


def _slices(device: str, sizes: Sizes, dimension: int) -> list[torch.Tensor]:
    """Vectors in the host's memory, pinned where there is a card to copy them to."""
    vectors = torch.from_numpy(_hard_vectors(sizes.slice_rows, dimension))
    if not device.startswith("cuda"):
        return [vectors]
    return [vectors.pin_memory() for _ in range(_PINNED_SLICES)]


def _copying(
    device: str, sizes: Sizes, slices: list[torch.Tensor], rates: dict[str, float]
) -> Iterator[Line]:
    """Copying alone; rows a second from memory as the scan has it go into `rates`."""
    there = torch.empty_like(slices[0], device=device)
    kinds = {"pageable": slices[0].clone(), "copied": slices[0]}
    for name, here in kinds.items():
        copy = functools.partial(there.copy_, here, non_blocking=True)
        seconds = seconds_of(copy, device, sizes.repeats, calls=8)
        rates[name] = len(here) / seconds
        rate = here.numel() * here.element_size() / seconds
        kind = "pinned" if here.is_pinned() else "pageable"
        yield measured(f"copying to {device}, {kind} memory", f"{rate / 1e9:.1f} GB/s", rate=rate)


def _scanned(
    device: str,
    tests: NDArray[np.float32],
    sizes: Sizes,
    slices: list[torch.Tensor],
    rates: dict[str, float],
) -> Line:
    """All rows in slices: copied, multiplied in float64, nearest test and entries of lists."""
    columns = torch.from_numpy(tests).to(device).double().T.contiguous()
    sample = slices[0][:4096].to(device).double() @ columns
    share = min(1.0, _ENTRIES_A_ROW / len(tests))
    above = torch.quantile(sample, 1 - share, dim=0)

    def scan() -> int:
        found = 0
        for slice_ in _ahead(device, slices, -(-sizes.scanned_rows // sizes.slice_rows)):
            similarities = slice_.double() @ columns
            similarities.max(dim=1)
            found += len(torch.nonzero(similarities > above))
        return found

    seconds = seconds_of(scan, device, 1)
    floor = sizes.scanned_rows / min(rates["copied"], rates["float64"])
    return measured(
        f"{sizes.scanned_rows:,} × {len(tests):,}: copied, multiplied in float64, each row's best "
        f"test, {_ENTRIES_A_ROW} entries a row",
        f"{seconds:.2f} s, {seconds / floor:.2f} × the slower of copying and product alone "
        f"({floor:.2f} s)",
        seconds=seconds,
        floor_seconds=floor,
    )


def _ahead(device: str, slices: list[torch.Tensor], count: int) -> Iterator[torch.Tensor]:
    """Slices on the device, each copied while the one before is worked on."""
    if not device.startswith("cuda"):
        yield from (slices[number % len(slices)] for number in range(count))
        return
    buffers = [torch.empty_like(slices[0], device=device) for _ in range(2)]
    copies = torch.cuda.Stream(torch.device(device))  # type: ignore[no-untyped-call]
    work = torch.cuda.current_stream(torch.device(device))

    def copy(number: int) -> torch.cuda.Event:
        copies.wait_stream(work)  # whose last use of this buffer was queued before
        with torch.cuda.stream(copies):
            buffers[number % 2].copy_(slices[number % len(slices)], non_blocking=True)
            arrived: torch.cuda.Event = copies.record_event()
            return arrived

    arrived = copy(0)
    for number in range(count):
        work.wait_event(arrived)
        if number + 1 < count:
            arrived = copy(number + 1)
        yield buffers[number % 2]
