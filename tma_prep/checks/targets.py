"""Which test rows a check takes the loss of."""

from collections.abc import Mapping

import numpy as np

from tma_prep.embeddings import EmbeddingStore, StoreSubset
from tma_prep.errors import ArtifactError, OptionError
from tma_prep_schemas import Evaluated, ShardsManifest


def evaluated_tests(
    test: EmbeddingStore, shards: Mapping[str, ShardsManifest], wanted: Evaluated
) -> EmbeddingStore:
    """The test rows that are wanted: those that every one of the shards saw, or none did.

    Args:
        test: All test rows.
        shards: Manifests of the orders by name; at least one.
        wanted: Which.

    Raises:
        OptionError: The orders were not arranged for one and the same part of the test rows.
        ArtifactError: A manifest names rows that are not there.
    """
    if wanted == "all":
        return test
    found = {name: _named(name, manifest, wanted) for name, manifest in shards.items()}
    first, rows = next(iter(found.items()))
    for name, others in found.items():
        if others != rows:
            raise OptionError(
                f"--eval {wanted}: {first} and {name} were not arranged for the same test rows; "
                "arrange both with one --target-fraction, --by-task, --tests-per-task and --seed"
            )
    kept = np.isin(test.rows, rows)
    if np.count_nonzero(kept) != len(rows):
        raise ArtifactError(
            f"the manifest of {first} names test rows that are not there; run arrange again with "
            "--overwrite"
        )
    return StoreSubset(test, kept)


def _named(name: str, manifest: ShardsManifest, wanted: Evaluated) -> list[int]:
    """Rows of that kind in the manifest of an order; at least one."""
    targets = manifest.targets
    if targets is None:
        raise OptionError(
            f"--eval {wanted}: {name} was arranged for every test row; arrange it with "
            "--target-fraction 0.5, or leave --eval out"
        )
    rows = targets.rows if wanted == "seen" else targets.unseen
    if not rows:
        raise OptionError(
            f"--eval {wanted}: {name} held no test row out; arrange it with --target-fraction 0.5"
        )
    return rows
