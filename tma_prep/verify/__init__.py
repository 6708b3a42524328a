"""Proof that shards hold what their order says."""

from tma_prep.verify.findings import Proof
from tma_prep.verify.stage import VerifyResult, verify
from tma_prep.verify.workspace_reference import Elsewhere, order_file

__all__ = [
    "Elsewhere",
    "Proof",
    "VerifyResult",
    "order_file",
    "verify",
]
