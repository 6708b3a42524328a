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
        self.seed_counts = random.multinomial(seeds, np.full(seeds, 1 / seeds), resamples)
        self.cluster_counts = random.multinomial(
            clusters, np.full(clusters, 1 / clusters), resamples
        )
        self._member = np.zeros((len(cluster), clusters))
        self._member[np.arange(len(cluster)), cluster] = 1.0
        self._rows = seeds * (self.cluster_counts @ self._member.sum(axis=0))

    def intervals(
        self, values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """95 % percentile intervals of the mean over seeds and tests.

        Args:
            values: float64 [..., seeds, tests].

        Returns:
            Lower and upper ends, float64 [...].
        """
        sums = values @ self._member
        found = np.array([self._means(one) for one in sums.reshape(-1, *sums.shape[-2:])]).reshape(
            *sums.shape[:-2], -1
        )
        low, high = np.quantile(found, _ENDS, axis=-1)
        return low, high

    def _means(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of each resample from the sums over clusters, float64 [seeds, clusters]."""
        drawn = self.seed_counts @ sums
        means: NDArray[np.float64] = np.einsum("rc,rc->r", drawn, self.cluster_counts) / self._rows
        return means
