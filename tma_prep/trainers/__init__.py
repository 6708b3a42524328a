"""Export to each trainer, and the order check inside a training."""

from tma_prep.trainers.consumed import ConsumedFacts, compare
from tma_prep.trainers.stage import ExportResult, export
from tma_prep.trainers.watch import OnError, OrderCheck, OrderWarning

__all__ = [
    "ConsumedFacts",
    "ExportResult",
    "OnError",
    "OrderCheck",
    "OrderWarning",
    "compare",
    "export",
]
