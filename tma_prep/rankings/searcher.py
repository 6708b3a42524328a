"""The one seam to FAISS: exact inner-product search in float32, on the CPU or a GPU."""

import concurrent.futures
import functools
import types
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from tma_prep.errors import DependencyError, OptionError
from tma_prep.tables import Ints, Singles

_GPU_MOST_NEIGHBORS = 2048  # faiss issue 4008


class Searcher(Protocol):
    """A fast search whose scores are near the truth, by a stated bound.

    Attributes:
        most_neighbors: The largest `k` that `search` takes, None for any.
        on_gpu: Whether both directions are searched by it; on a CPU one matrix product serves both.
    """

    most_neighbors: int | None
    on_gpu: bool

    def search(self, queries: Singles, base: Singles, k: int) -> tuple[Singles, Ints]:
        """The k rows of `base` with the greatest inner product, for each query.

        Args:
            queries: Shape (q, d), unit rows.
            base: Shape (b, d), unit rows.
            k: How many, at most `most_neighbors`.

        Returns:
            Scores and row numbers, shape (q, k), in any order; -1 pads where there are fewer.
        """

    def error_bound(self, dimension: int) -> float:
        """No score is further than this from the exact inner product of unit rows."""


def float32_error_bound(dimension: int) -> float:
    """Bound for a float32 inner product of unit rows, summed in any order, fused or not.

    The classic bound is gamma_d * sum |a_i b_i| with gamma_d = d u / (1 - d u), u = 2**-24
    (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1); the sum is at
    most |a| |b|, which is 1 up to the rounding of stored vectors, for which 1.001 stands.
    """
    unit_roundoff = 2.0**-24
    return 1.001 * dimension * unit_roundoff / (1 - dimension * unit_roundoff)


class FaissSearcher:
    """Exact search by FAISS, `faiss.knn` or `faiss.knn_gpu`."""

    def __init__(self, gpu: int | None = None) -> None:
        """Load FAISS, for a GPU if the number of one is given.

        Raises:
            DependencyError: FAISS is not installed.
            OptionError: There is no such GPU.
        """
        self._faiss = load_faiss()
        self.most_neighbors = None if gpu is None else _GPU_MOST_NEIGHBORS
        self._gpu = gpu
        self.on_gpu = gpu is not None
        if gpu is not None:
            count = _gpus()
            if gpu >= count:
                raise OptionError(
                    f"FAISS sees {count} GPUs, so --device cuda cannot be used; install the extra "
                    "gpu (pip install 'tma-prep[gpu]' in place of [cpu]) or use --device cpu"
                )
            self._resources = self._faiss.StandardGpuResources()

    def search(self, queries: Singles, base: Singles, k: int) -> tuple[Singles, Ints]:
        """See `Searcher.search`."""
        given = {"metric": self._faiss.METRIC_INNER_PRODUCT}
        if self._gpu is None:
            scores, rows = self._faiss.knn(queries, base, k, **given)
        else:
            given["device"] = self._gpu
            scores, rows = self._faiss.knn_gpu(self._resources, queries, base, k, **given)
        return scores, rows

    def error_bound(self, dimension: int) -> float:
        """See `Searcher.error_bound`; a GPU may multiply in TF32, with 10 bits of mantissa."""
        tf32 = 0.0 if self._gpu is None else 2.0**-9
        return float32_error_bound(dimension) + tf32


class ShardedSearcher:
    """Several searchers as one: each looks through a piece of the rows, all at once."""

    def __init__(self, searchers: Sequence[Searcher]) -> None:
        """Join searchers, say one a GPU; at least one."""
        self._searchers = tuple(searchers)
        limits = [one.most_neighbors for one in self._searchers if one.most_neighbors is not None]
        self.most_neighbors = min(limits, default=None)
        self.on_gpu = searchers[0].on_gpu
        self._workers = concurrent.futures.ThreadPoolExecutor(len(self._searchers))

    def search(self, queries: Singles, base: Singles, k: int) -> tuple[Singles, Ints]:
        """See `Searcher.search`; up to k of every piece."""
        cuts = np.linspace(0, len(base), len(self._searchers) + 1).astype(np.int64).tolist()

        def one(searcher: Searcher, low: int, high: int) -> tuple[Singles, Ints]:
            if low == high:
                nothing = np.empty((len(queries), 0))
                return nothing.astype(np.float32), nothing.astype(np.int64)
            scores, rows = searcher.search(queries, base[low:high], min(k, high - low))
            return scores, np.where(rows < 0, rows, rows + low)

        found = self._workers.map(one, self._searchers, cuts[:-1], cuts[1:])
        scores, rows = (np.concatenate(both, axis=1) for both in zip(*found, strict=True))
        if rows.shape[1] <= k:
            return scores, rows
        scores = np.where(rows < 0, np.float32(-np.inf), scores)
        kept = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        return np.take_along_axis(scores, kept, axis=1), np.take_along_axis(rows, kept, axis=1)

    def error_bound(self, dimension: int) -> float:
        """See `Searcher.error_bound`: the widest."""
        return max(one.error_bound(dimension) for one in self._searchers)


@functools.cache
def load_faiss() -> types.ModuleType:
    """Import FAISS.

    Raises:
        DependencyError: It is not installed; the text names the extra.
    """
    try:
        import faiss
    except ImportError as error:
        raise DependencyError(
            "FAISS is not installed; install the extra cpu (pip install 'tma-prep[cpu]') or, for "
            "NVIDIA GPUs, gpu (pip install 'tma-prep[gpu]'), not both"
        ) from error
    return faiss


def _gpus() -> int:
    """How many FAISS sees."""
    return int(getattr(load_faiss(), "get_num_gpus", lambda: 0)())


def open_searcher(device: str) -> Searcher:
    """The searcher for `auto`, `cpu`, `cuda` (every GPU that FAISS sees) or `cuda:N`.

    Raises:
        DependencyError: FAISS is not installed.
        OptionError: There is no such GPU.
    """
    kind, _, number = device.partition(":")
    gpus = 0 if kind == "cpu" else _gpus()
    if kind == "cpu" or (kind == "auto" and not gpus):
        return FaissSearcher()
    if number or gpus < 2:
        return FaissSearcher(int(number or 0))
    return ShardedSearcher([FaissSearcher(gpu) for gpu in range(gpus)])
