"""An order made once more from the ranking and the options that it records; nothing is searched."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError

from tma_prep.artifact import ARRANGE_AGAIN
from tma_prep.embeddings import StoreSubset
from tma_prep.errors import ArtifactError
from tma_prep.options import ArrangeOptions
from tma_prep.orders.arranged import Arranged
from tma_prep.orders.selected import SelectedRows
from tma_prep.orders.selection import Enough
from tma_prep.orders.stage import arrange_options, order_table
from tma_prep.progress import Silent
from tma_prep.rankings import RankedPool
from tma_prep.tables import UNREADABLE, reason_of


def recomputed_order(arranged: Arranged) -> pa.Table | str:
    """What the options of an order make of its ranking.

    Farthest-pick rounds, which only a search finds, are taken from the order: what follows from
    them is proven, and not they.

    Returns:
        An `ORDER` table; or why there is none.

    Raises:
        TmaPrepError: The options do not fit the ranking, or one of them is damaged.
    """
    manifest = arranged.manifest
    if manifest.config.get("budget_tokenizer") is not None:
        return "tokens that --tokenizer counts are not counted again"
    recorded = arrange_options(manifest.config) | {
        "work": str(arranged.workspace.root),
        "orders": [manifest.order],
        "tokenizer": None,
    }
    try:
        return _made(arranged, ArrangeOptions.model_validate(recorded))
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
    except (*UNREADABLE, IndexError) as error:
        reason = reason_of(error)
    raise ArtifactError(
        f"{arranged.workspace.order(arranged.name)}: cannot be made of its ranking ({reason}); "
        f"{ARRANGE_AGAIN}"
    )


def _made(arranged: Arranged, options: ArrangeOptions) -> pa.Table:
    ranked, was_ranked = arranged.ranked, arranged.ranked.was_ranked
    if options.leakage != "exclude" and not was_ranked.all():
        raise ValueError("it lacks rows that are embedded")
    pool = RankedPool(
        manifest=ranked.manifest,
        rounds=None if ranked.rounds is None else ranked.rounds[was_ranked],
        distance=None if ranked.distance is None else ranked.distance[was_ranked],
        similarity=ranked.similarity[was_ranked],
        tests=ranked.test_rows[was_ranked],
        made=False,
        name="",
        sha256="",
    )
    farthest = np.zeros(len(was_ranked), dtype=np.int32)
    if arranged.order_rounds is not None:
        farthest[arranged.rows] = np.maximum(-arranged.order_rounds, 0)
    farthest = farthest[was_ranked]

    def farthest_rounds(remaining: NDArray[np.bool_], _: Enough) -> NDArray[np.int32]:
        return np.where(remaining, farthest, 0).astype(np.int32)

    sides = replace(arranged.sides, train=StoreSubset(arranged.sides.train, was_ranked))
    selected = SelectedRows(sides, farthest_rounds, pool, options, Silent())
    return order_table(sides, pool.tests, selected.kept, selected.sequence(arranged.manifest.order))
