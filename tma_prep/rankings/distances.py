"""Rankings by a distance of each row to all tests; a distance is −cos, so smaller is nearer.

A new one is one function and one line in `DISTANCES`.
"""

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Distances = NDArray[np.float64]


class TestDistances(Protocol):
    """Distances of every row to the tests, float64, shape (rows,); made when asked for."""

    def nearest(self) -> Distances:
        """To the nearest test: the least."""

    def farthest(self) -> Distances:
        """To the farthest test: the greatest."""

    def mean(self) -> Distances:
        """The mean over all tests."""

    def centroid(self) -> Distances:
        """To the mean test vector."""


def weighted(distances: TestDistances) -> Distances:
    """Weighted similarity distance (arXiv 2406.11721): min_i + w · avg_i.

    w is the mean over all rows of min_i by the mean over all rows of avg_i, which puts the two on
    one scale; 0 where all avg_i cancel.
    """
    nearest, mean = distances.nearest(), distances.mean()
    # fsum rounds once, so the weight does not depend on how a machine adds.
    total = math.fsum(mean.tolist())
    weight = math.fsum(nearest.tolist()) / total if total else 0.0
    weighted_distance: Distances = nearest + weight * mean
    return weighted_distance


DISTANCES: dict[str, Callable[[TestDistances], Distances]] = {
    "wsd": weighted,
    "min": lambda distances: distances.nearest(),
    "avg": lambda distances: distances.mean(),
    "max": lambda distances: distances.farthest(),
    "centroid": lambda distances: distances.centroid(),
}
