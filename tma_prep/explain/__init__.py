"""Why a row stands where it stands; what a workspace holds; how two compare."""

from tma_prep.explain.compare_workspaces import CompareResult, compare
from tma_prep.explain.inspect_workspace import inspect
from tma_prep.explain.row import RowExplanation
from tma_prep.explain.stage import explain
from tma_prep.explain.target import TargetExplanation
from tma_prep.explain.told import Excerpt

__all__ = [
    "CompareResult",
    "Excerpt",
    "RowExplanation",
    "TargetExplanation",
    "compare",
    "explain",
    "inspect",
]
