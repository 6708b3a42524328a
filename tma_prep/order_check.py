"""A proof, made while a model is trained, that its rows come in the order of the shards.

    from tma_prep.order_check import attach, checked

See `tma_prep.trainers.order_check`, where it lives.
"""

from tma_prep.trainers.order_check import (
    OrderCheck,
    OrderWarning,
    PositionCollator,
    attach,
    checked,
)

__all__ = ["OrderCheck", "OrderWarning", "PositionCollator", "attach", "checked"]
