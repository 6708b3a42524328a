"""tma-prep: put instruction-tuning data into the order in which a model should see it.

From Python, with arrays of your own:

    ranking = tma_prep.rank(train_vectors, test_vectors, ranking="tma")
    rows = tma_prep.order(ranking, "nft", budget="30k")

In a training loop of your own, on shards that `tma-prep arrange` wrote:

    loader = tma_prep.OrderedShards("work/shards/nft", batch_size=16).loader(num_workers=2)
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tma_prep.embeddings import embed
    from tma_prep.orders import order
    from tma_prep.rankings import rank
    from tma_prep.shards import OrderedShards, PackedShards

__version__ = "0.1.0"
__all__ = ["OrderedShards", "PackedShards", "embed", "order", "rank"]

_HOMES = {
    "OrderedShards": "tma_prep.shards",
    "PackedShards": "tma_prep.shards",
    "embed": "tma_prep.embeddings",
    "order": "tma_prep.orders",
    "rank": "tma_prep.rankings",
}


def __getattr__(name: str) -> object:
    """Load what does the work when it is first asked for."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'tma_prep' has no attribute {name!r}")
