"""The one seam to FAISS: exact inner-product search in float32, on the CPU or a GPU."""

import functools
import types
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tma_prep.errors import DependencyError, OptionError

_GPU_MOST_NEIGHBORS = 2048  # faiss issue 4008


class Searcher(Protocol):
    """A fast search whose scores are near the truth, by a stated bound.

    Attributes:
        most_neighbors: The largest `k` that `search` takes, None for any.
    """

    most_neighbors: int | None

    @property
    def on_gpu(self) -> bool:
        """Whether both directions are searched by it; on a CPU one matrix product serves both."""

    def search(
        self, queries: NDArray[np.float32], base: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k rows of `base` with the greatest inner product, for each query.

        Args:
            queries: Shape (q, d), unit rows.
            base: Shape (b, d), unit rows.
            k: How many, at most `most_neighbors`.

        Returns:
            Scores and row numbers, each of shape (q, k), in any order within a row; a row number
            of -1 pads where `base` has fewer than k rows.
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
        """Load FAISS.

        Args:
            gpu: Number of the GPU, None for the CPU.

        Raises:
            DependencyError: FAISS is not installed.
            OptionError: There is no such GPU.
        """
        self._faiss = load_faiss()
        self.most_neighbors = None if gpu is None else _GPU_MOST_NEIGHBORS
        self._gpu = gpu
        if gpu is not None:
            count = getattr(self._faiss, "get_num_gpus", lambda: 0)()
            if gpu >= count:
                raise OptionError(
                    f"FAISS sees {count} GPUs, so --device cuda cannot be used; install the extra "
                    "gpu (pip install 'tma-prep[gpu]' in place of [cpu]) or use --device cpu"
                )
            self._resources = self._faiss.StandardGpuResources()

    def search(
        self, queries: NDArray[np.float32], base: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `Searcher.search`."""
        metric = self._faiss.METRIC_INNER_PRODUCT
        if self._gpu is None:
            scores, rows = self._faiss.knn(queries, base, k, metric=metric)
        else:
            scores, rows = self._faiss.knn_gpu(
                self._resources, queries, base, k, metric=metric, device=self._gpu
            )
        return scores, rows

    @property
    def on_gpu(self) -> bool:
        """Whether the search runs on a GPU."""
        return self._gpu is not None

    def error_bound(self, dimension: int) -> float:
        """See `Searcher.error_bound`; a GPU may multiply in TF32, with 10 bits of mantissa."""
        tf32 = 0.0 if self._gpu is None else 2.0**-9
        return float32_error_bound(dimension) + tf32


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


def open_searcher(device: str) -> FaissSearcher:
    """The searcher for `auto`, `cpu` or `cuda`."""
    if device == "auto":
        return FaissSearcher(0 if getattr(load_faiss(), "get_num_gpus", lambda: 0)() else None)
    return FaissSearcher(0 if device == "cuda" else None)
