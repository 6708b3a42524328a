"""Exact nearest neighbours, and the rankings of training rows that follow from them."""

from tma_prep.rankings.certified import exact_neighbors, exact_similarities
from tma_prep.rankings.engine import RANKINGS, Engine, Plan, Ranking, rank
from tma_prep.rankings.nearest import naming_tests, similarities_of
from tma_prep.rankings.product import RayScan
from tma_prep.rankings.stage import (
    LIBRARIES,
    RankedPool,
    Ranker,
    keep_neighbors,
    load_or_rank,
    read_ranking,
)
from tma_prep.rankings.units import kmeans_cells, unit_means
from tma_prep.rankings.vectors import ArrayVectors, DistinctTests, VectorRows, distinct_tests

__all__ = [
    "ArrayVectors",
    "DistinctTests",
    "Engine",
    "LIBRARIES",
    "Plan",
    "RANKINGS",
    "RankedPool",
    "Ranker",
    "Ranking",
    "RayScan",
    "VectorRows",
    "distinct_tests",
    "exact_neighbors",
    "exact_similarities",
    "keep_neighbors",
    "kmeans_cells",
    "load_or_rank",
    "naming_tests",
    "rank",
    "read_ranking",
    "similarities_of",
    "unit_means",
]
