"""A crossed bootstrap: seeds, and tasks jointly across seeds.

Resampling test rows alone would call a difference certain that another seed turns round, and
drawing other tasks for each seed would average away that tasks differ. So one draw takes seeds
with replacement and, whatever the seeds, one set of tasks with replacement.
"""

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
_STREAM = 5
_ENDS = (0.025, 0.975)


class CrossedBootstrap:
    """Draws of seeds and clusters of tests, the same for everything that is asked of them."""

    def __init__(
        self, seeds: int, cluster: NDArray[np.int64], first_seed: int, resamples: int = RESAMPLES
    ) -> None:
        """Draw: how often each seed and each cluster is in each resample.

        Args:
            seeds: How many there are; a single one is in every resample once.
            cluster: int64 [tests], from 0 without gaps.
            first_seed: Lowest of the check; the draws are a function of it and of the sizes.
            resamples: How many.
        """
        clusters = int(cluster.max()) + 1
        random = np.random.default_rng([first_seed, _STREAM])
        self._seed_counts = _draws(random, seeds, resamples)
        self._cluster_counts = _draws(random, clusters, resamples)
        self._by_cluster = np.argsort(cluster, kind="stable")
        self._starts = np.searchsorted(cluster[self._by_cluster], np.arange(clusters))
        self._rows = seeds * (self._cluster_counts @ np.bincount(cluster).astype(np.float64))

    def intervals(
        self, values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """95 % percentile intervals of the mean over seeds and tests.

        Args:
            values: float64 [..., seeds, tests].

        Returns:
            Lower and upper ends, float64 [...].
        """
        sums = np.add.reduceat(values[..., self._by_cluster], self._starts, axis=-1)
        *outer, seeds, clusters = sums.shape
        # Of each resample, how much the drawn clusters hold of every seed.
        drawn = self._cluster_counts @ sums.reshape(-1, clusters).T
        drawn = drawn.reshape(len(drawn), -1, seeds)
        means = np.einsum("ros,rs->ro", drawn, self._seed_counts) / self._rows[:, None]
        low, high = np.quantile(means, _ENDS, axis=0)
        return low.reshape(outer), high.reshape(outer)


def _draws(random: np.random.Generator, items: int, resamples: int) -> NDArray[np.float64]:
    """How often each item is in each resample of as many, float64 [resamples, items]."""
    return random.multinomial(items, np.full(items, 1 / items), resamples).astype(np.float64)
