"""Proof that shards are their order joined with the training rows."""

from tma_prep.verify.findings import Proof
from tma_prep.verify.stage import VerifyResult, verify

__all__ = ["Proof", "VerifyResult", "verify"]
