"""Rankings made with searches on the card against those of the CPU engine, bit for bit.

FAISS is asked to search on the card where it can. Torch searches there in any case, so that the way
of a ranking that is meant for GPUs is walked: float32 on the card, what it cannot tell apart
settled in float64 on the host.
"""

import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.gpu_check.report import Line, check, measured, not_run
from benchmarks.gpu_check.sizes import Sizes
from benchmarks.vectors import clustered
from tma_prep.errors import TmaPrepError
from tma_prep.rankings.engine import Engine, Ranking, rank_with
from tma_prep.rankings.searcher import FaissSearcher, Searcher, float32_error_bound
from tma_prep.rankings.vectors import ArrayVectors

_RANKINGS = ("tma", "wsd", "avg")


class TorchSearcher:
    """Every inner product in float32 by torch, and the best of them."""

    most_neighbors: int | None = None

    def __init__(self, device: str, *, on_gpu: bool) -> None:
        """Say where, and whether it stands for a GPU (see `Searcher`)."""
        self._device = torch.device(device)
        self.on_gpu = on_gpu

    def search(
        self, queries: NDArray[np.float32], base: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `Searcher.search`."""
        left, right = (torch.from_numpy(side).to(self._device) for side in (queries, base))
        best = torch.topk(left @ right.T, k, dim=1, sorted=False)
        return best.values.cpu().numpy(), best.indices.cpu().numpy()

    def error_bound(self, dimension: int) -> float:
        """See `Searcher.error_bound`; torch multiplies in TF32 only where it is asked to."""
        return float32_error_bound(dimension)


def run(device: str, sizes: Sizes) -> Iterator[Line]:
    """The CPU engine, then every search that the card can make."""
    train = np.concatenate(list(clustered("train", sizes.rows)))
    tests = np.concatenate(list(clustered("test", sizes.tests)))
    expected = {}
    size = f"{sizes.rows:,} × {sizes.tests:,} × {train.shape[1]}"
    for name in _RANKINGS:
        expected[name], seconds = _ranked(name, train, tests, _on_cpu())
        what = f"{name}, {size}, CPU engine"
        yield measured(what, f"{seconds:.2f} s", seconds=seconds)
    for label, searcher in _on_card(device).items():
        if searcher is None:
            yield not_run(f"{size}, {label}", "no FAISS that sees a GPU is here")
            continue
        searcher.search(tests[:8], train[:64], 4)  # loads the kernels
        for name in _RANKINGS:
            found, seconds = _ranked(name, train, tests, searcher)
            yield _compared(f"{name}, {size}, {label}", found, expected[name], seconds)


def _on_cpu() -> Searcher:
    """FAISS, or torch where FAISS is not installed: the engine's answer does not hang on it."""
    try:
        return FaissSearcher()
    except TmaPrepError:
        return TorchSearcher("cpu", on_gpu=False)


def _on_card(device: str) -> dict[str, Searcher | None]:
    found: dict[str, Searcher | None] = {
        f"torch searching on {device}": TorchSearcher(device, on_gpu=True)
    }
    try:
        found["FAISS on the card"] = FaissSearcher(int(device.partition(":")[2] or 0))
    except TmaPrepError:
        found["FAISS on the card"] = None
    return found


def _ranked(
    name: str, train: NDArray[np.float32], tests: NDArray[np.float32], searcher: Searcher
) -> tuple[Ranking, float]:
    """A ranking from nothing, and its seconds."""
    start = time.perf_counter()
    found = rank_with(name, Engine(ArrayVectors(train), tests, searcher=searcher))
    return found, time.perf_counter() - start


def _compared(what: str, found: Ranking, expected: Ranking, seconds: float) -> Line:
    differ = {
        name: int(np.count_nonzero(_bits(getattr(found, name)) != _bits(getattr(expected, name))))
        for name in ("similarity", "nearest_test", "rounds", "distance")
        if getattr(expected, name) is not None
    }
    wrong = ", ".join(f"{count:,} rows in {name}" for name, count in differ.items() if count)
    return check(
        what,
        f"{wrong or 'the same'}; {seconds:.2f} s",
        not wrong,
        "the CPU engine's bits",
        seconds=seconds,
        searches=found.searches,
        **{f"differ_in_{name}": count for name, count in differ.items()},
    )


def _bits(array: NDArray[np.generic]) -> NDArray[np.generic]:
    return array.view(np.int64) if array.dtype == np.float64 else array
