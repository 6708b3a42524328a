"""Exact nearest neighbours by cosine similarity, certified in float64."""

from tma_prep.neighbors.cells import kmeans_cells
from tma_prep.neighbors.certified import (
    NeighborLists,
    certified_neighbors,
    exact_neighbors,
    exact_similarities,
    nearest_ranks,
    settle,
)
from tma_prep.neighbors.nearest import NearestTests, nearest_tests
from tma_prep.neighbors.product import both_ways
from tma_prep.neighbors.searcher import (
    FaissSearcher,
    Searcher,
    ShardedSearcher,
    open_searcher,
)
from tma_prep.neighbors.vectors import (
    ArrayVectors,
    DistinctTests,
    VectorRows,
    distinct_tests,
)

__all__ = [
    "ArrayVectors",
    "DistinctTests",
    "FaissSearcher",
    "NearestTests",
    "NeighborLists",
    "Searcher",
    "ShardedSearcher",
    "VectorRows",
    "both_ways",
    "certified_neighbors",
    "distinct_tests",
    "exact_neighbors",
    "exact_similarities",
    "kmeans_cells",
    "nearest_ranks",
    "nearest_tests",
    "open_searcher",
    "settle",
]
