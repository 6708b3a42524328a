"""Units larger than a row: tasks and k-means cells, each ranked by its mean embedding."""

import math

import numpy as np

from tma_prep.errors import OptionError
from tma_prep.rankings.searcher import load_faiss
from tma_prep.rankings.vectors import VectorRows, remaining_blocks
from tma_prep.tables import Floats, Ints

_POINTS_PER_CELL = 256  # what FAISS itself samples for each centroid
_ITERATIONS = 20


def unit_means(vectors: VectorRows, unit_of_row: Ints, names: list[str]) -> Floats:
    """Sum of the vectors of each unit's rows, scaled to length 1: float64, shape (units, d).

    Stored components are multiples of 2**-26, so sums of up to 2**27 of them are exact in float64,
    in whatever order they are added.

    Args:
        vectors: All rows.
        unit_of_row: Which unit each row is in.
        names: What each unit is called, for the message; every unit has a row.

    Raises:
        OptionError: The vectors of a unit cancel, so that their mean has no direction.
    """
    sums = np.zeros((len(names), vectors.shape[1]))
    for rows, block in remaining_blocks(vectors, None, 8192):
        units = unit_of_row[rows]
        order = np.argsort(units, kind="stable")
        found, begins = np.unique(units[order], return_index=True)
        sums[found] += np.add.reduceat(block[order].astype(np.float64), begins, axis=0)
    for unit, total in enumerate(sums):
        length = math.sqrt(math.fsum((total * total).tolist()))
        if not length:
            raise OptionError(
                f"the vectors of unit {names[unit]!r} cancel out, so it is near to nothing; "
                "use --granularity instance"
            )
        sums[unit] = total / length
    return sums


def kmeans_cells(vectors: VectorRows, cells: int, seed: int) -> Ints:
    """Which cell each row is in; the same for the same seed and number of threads.

    Cells that came out empty are left out of the numbering.

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
