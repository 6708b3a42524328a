"""Searches that keep the contract of the seam in their own ways."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tma_prep.rankings.searcher import FaissSearcher, Searcher, ShardedSearcher


@dataclass
class Padding:
    """FAISS, made to answer with fewer neighbours than asked, as a GPU may."""

    inner: FaissSearcher
    most_neighbors: int | None = 9
    on_gpu: bool = True

    def search(
        self, queries: NDArray[np.float32], base: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Ask for k, then add three places of padding to every list."""
        assert self.most_neighbors is None or k <= self.most_neighbors
        scores, rows = self.inner.search(queries, base, k)
        pad = ((0, 0), (0, 3))
        return (
            np.pad(scores, pad, constant_values=np.finfo(np.float32).min),
            np.pad(rows, pad, constant_values=-1),
        )

    def error_bound(self, dimension: int) -> float:
        """That of FAISS."""
        return self.inner.error_bound(dimension)


@dataclass
class Perturbing:
    """A search whose scores are wrong by up to its stated bound, and so are its choices."""

    error: float = 2e-3
    most_neighbors: int | None = None
    on_gpu: bool = True

    def search(
        self, queries: NDArray[np.float32], base: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k best by perturbed scores."""
        draw = np.random.default_rng(len(base))
        scores = queries @ base.T
        scores += draw.uniform(-0.99 * self.error, 0.99 * self.error, scores.shape).astype("f4")
        rows = np.argsort(-scores, axis=1)[:, :k]
        return np.take_along_axis(scores, rows, axis=1), rows

    def error_bound(self, dimension: int) -> float:
        """As stated."""
        return self.error


SEARCHERS: dict[str, Searcher] = {
    "faiss": FaissSearcher(),
    "padding": Padding(FaissSearcher()),
    "perturbing": Perturbing(),
    "sharded": ShardedSearcher([FaissSearcher(), FaissSearcher(), FaissSearcher()]),
    "mixed shards": ShardedSearcher([Padding(FaissSearcher()), Perturbing()]),
}
