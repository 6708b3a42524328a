"""Training rows that hold a test row, looked for in four ways."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tma_prep.embeddings import Sides
from tma_prep.leakage.pairs import Groups, Pairs, join_pairs, numbered
from tma_prep.leakage.rule import Leaks, find_leaks
from tma_prep.options import ArrangeOptions, LeakNgrams
from tma_prep.progress import Progress
from tma_prep.rankings import Engine

_ROWS_AT_ONCE = 1024


def leaking_pairs(
    sides: Sides, engine: Engine, options: ArrangeOptions, scratch: Path, progress: Progress
) -> Pairs:
    """What the pool holds of the tests, in all four ways.

    Args:
        sides: Both stores, whole.
        engine: Searches among all rows for all tests.
        options: How rows are judged.
        scratch: Folder of a temporary file.
        progress: Told of the rows read.
    """
    leaks = leaks_by_words(sides, options.leak_ngrams, scratch, progress)
    similar = _similar_pairs(sides, engine, options.leak_similarity)
    return join_pairs([_equal_pairs(sides), leaks.pairs, similar])


def leaks_by_words(sides: Sides, rule: LeakNgrams, scratch: Path, progress: Progress) -> Leaks:
    """What the pool holds of the tests by its words.

    Args:
        sides: Both stores, whole.
        rule: How many n-grams are enough.
        scratch: Folder of a temporary file.
        progress: Told of the rows read.
    """
    train, test = sides.train, sides.test
    tests = [(sample.row, sample.target_text) for sample in test.row_store.samples(test.rows)]
    label = "Looking for test rows in the pool"
    with progress.stage(label, train.shape[0], "rows") as advance:
        pool = ((sample.row, sample.whole_text) for sample in train.row_store.samples(train.rows))
        return find_leaks(pool, train.shape[0], tests, rule, scratch=scratch, on_rows=advance)


def _equal_pairs(sides: Sides) -> Pairs:
    """Pairs of one `tma_id`."""
    numbers, of_test = numbered(sides.test.ids.to_pylist())
    found = pc.index_in(sides.train.ids, value_set=pa.array(list(numbers), pa.string()))
    group = found.fill_null(-1).to_numpy().astype(np.int64)
    places = np.flatnonzero(group >= 0)
    groups = Groups(sides.test.rows, of_test)
    return groups.pairs(
        sides.train.rows[places], group[places], "equal", np.ones(len(places), dtype=np.float64)
    )


def _similar_pairs(sides: Sides, engine: Engine, threshold: float) -> Pairs:
    """Pairs whose exact cosine similarity is above the threshold.

    The search tells the nearest test of every row; only rows with one above the threshold are
    multiplied with all tests, some at a time.
    """
    near = np.flatnonzero(engine.first_search()[1].similarities > threshold)
    groups = Groups(sides.test.rows, engine.groups.group_of_test)
    tests = engine.groups.vectors.T.astype(np.float64)
    rows = sides.train.rows
    found = []
    for start in range(0, len(near), _ROWS_AT_ONCE):
        places = near[start : start + _ROWS_AT_ONCE]
        # float64 holds these products without rounding, see `neighbors/certified.py`.
        products = sides.train.take(places).astype(np.float64) @ tests
        row, group = np.nonzero(products > threshold)
        score = products[row, group]
        found.append(join_pairs([groups.pairs(rows[places[row]], group, "similarity", score)]))
    return join_pairs(found)
