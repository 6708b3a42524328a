"""K-means cells of the training vectors, by FAISS."""

import numpy as np
from numpy.typing import NDArray

from tma_prep.errors import OptionError
from tma_prep.rankings.searcher import load_faiss
from tma_prep.rankings.vectors import VectorRows

_POINTS_PER_CELL = 256  # what FAISS itself samples for each centroid
_ITERATIONS = 20


def kmeans_cells(vectors: VectorRows, cells: int, seed: int) -> NDArray[np.int64]:
    """Which cell each row is in; the same for the same seed and number of threads.

    Cells that came out empty are left out of the numbering.

    Args:
        vectors: All rows.
        cells: How many, at most as many as there are rows.
        seed: Of the sample that is trained on, and of the first centroids.

    Raises:
        OptionError: More cells than rows.
    """
    rows, dimension = vectors.shape
    if not 1 <= cells <= rows:
        raise OptionError(f"--granularity kmeans:{cells}: there are {rows} rows; ask for fewer")
    sample = min(rows, _POINTS_PER_CELL * cells)
    chosen = np.sort(np.random.default_rng(seed).choice(rows, sample, replace=False))
    kmeans = load_faiss().Kmeans(
        dimension,
        cells,
        niter=_ITERATIONS,
        seed=seed % 2**31,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=_POINTS_PER_CELL,
    )
    kmeans.train(vectors.take(chosen))
    found = [
        kmeans.index.search(np.ascontiguousarray(part[start : start + 65_536]), 1)[1][:, 0]
        for part in vectors.slices()
        for start in range(0, len(part), 65_536)
    ]
    _, cell_of_row = np.unique(np.concatenate(found), return_inverse=True)
    return cell_of_row.astype(np.int64)
