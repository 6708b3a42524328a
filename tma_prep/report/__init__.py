"""Self-contained HTML pages."""

from tma_prep.report.check_report import render_check_report
from tma_prep.report.inspect_report import render_inspect_report
from tma_prep.report.overview import (
    Coverage,
    HubFacts,
    LeakFacts,
    ListedRow,
    OrderDetails,
    OrderFacts,
    Overview,
    PageData,
    Rounds,
    SideFacts,
    Stretch,
)

__all__ = [
    "Coverage",
    "HubFacts",
    "LeakFacts",
    "ListedRow",
    "OrderDetails",
    "OrderFacts",
    "Overview",
    "PageData",
    "Rounds",
    "SideFacts",
    "Stretch",
    "render_check_report",
    "render_inspect_report",
]
