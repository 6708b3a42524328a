"""Exact nearest neighbours by cosine similarity, certified in float64."""

from tma_prep.neighbors.certified import NeighborLists, certified_neighbors
from tma_prep.neighbors.nearest import NearestTests, nearest_tests
from tma_prep.neighbors.searcher import FaissSearcher, Searcher, open_searcher
from tma_prep.neighbors.vectors import ArrayVectors, VectorRows

__all__ = [
    "ArrayVectors",
    "FaissSearcher",
    "NearestTests",
    "NeighborLists",
    "Searcher",
    "VectorRows",
    "certified_neighbors",
    "nearest_tests",
    "open_searcher",
]
