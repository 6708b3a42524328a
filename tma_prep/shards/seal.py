"""The digest of a manifest in the manifest itself, so that no byte of it changes unnoticed."""

import hashlib

from tma_prep.artifact import manifest_text
from tma_prep_schemas import ShardsManifest

UNSEALED = "0" * 64
"""Stands in place of the digest while it is taken."""


def sealed(manifest: ShardsManifest) -> ShardsManifest:
    """The same manifest with the digest of its own text."""
    text = manifest_text(manifest.model_copy(update={"manifest_sha256": UNSEALED}))
    return manifest.model_copy(update={"manifest_sha256": _sha256(text.encode("utf-8"))})


def is_sealed(text: bytes, manifest: ShardsManifest) -> bool:
    """Whether this is the text that the manifest was written as."""
    digest = manifest.manifest_sha256
    return _sha256(text.replace(digest.encode("ascii"), UNSEALED.encode("ascii"))) == digest


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
