"""Both embedding stores of a workspace, opened and checked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tma_prep.artifact import EMBED_AGAIN
from tma_prep.embeddings.store import EmbeddingStore
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.option_types import wrong_record
from tma_prep.options import EmbedOptions
from tma_prep.rows import open_rows
from tma_prep.workspace import Workspace
from tma_prep_schemas import EmbeddingsManifest

_OF_ROWS = ("rows_per_part", "exchange")
"""Options of embed in which the sides may differ."""


@dataclass(frozen=True)
class Sides:
    """Both stores.

    Attributes:
        inputs: SHA-256 of their manifests, by artifact.
    """

    train: EmbeddingStore
    test: EmbeddingStore
    inputs: dict[str, str]

    @property
    def row_inputs(self) -> dict[str, str]:
        """The same of their rows."""
        return {**self.train.manifest.inputs, **self.test.manifest.inputs}


@dataclass(frozen=True)
class Tasks:
    """The tasks of one side.

    Attributes:
        names: In the order in which each first occurs.
        of_row: int64, one a stored row: its place in `names`.
    """

    names: list[str]
    of_row: NDArray[np.int64]


def open_sides(workspace: Workspace) -> Sides:
    """Map both stores and check every byte against their manifests.

    Raises:
        ArtifactError: One is missing, unfinished or damaged, or they do not go together.
    """
    stores = {}
    inputs = {}
    for side in ("train", "test"):
        artifact = workspace.embeddings(side)
        manifest = artifact.open()
        wrong = wrong_record(EmbedOptions, manifest.config, ("model", "text", "exchange"))
        if wrong is not None:
            raise ArtifactError(
                f"{artifact.path}: is damaged or of another version ({wrong}); {EMBED_AGAIN}"
            )
        rows, stale = open_rows(workspace, side), artifact.stale(manifest)
        if stale is not None:
            raise ArtifactError(stale)
        stores[side] = EmbeddingStore(artifact.folder, manifest, rows)
        inputs[f"embeddings/{side}"] = artifact.sha256
    _check_alike(workspace, stores["train"].manifest, stores["test"].manifest)
    return Sides(stores["train"], stores["test"], inputs)


def tasks_of(store: EmbeddingStore, purpose: str) -> Tasks:
    """The tasks that the rows name; rows that name none are one task of their own.

    Args:
        store: One side.
        purpose: The option that needs them, for the message.

    Raises:
        OptionError: No row names a task.
    """
    column = store.instances("task").column("task").combine_chunks()
    if column.null_count == len(column):
        raise OptionError(
            f"{purpose} needs tasks, and no row names one; run embed with --task-column"
        )
    encoded = column.fill_null("(no task)").dictionary_encode()
    return Tasks(
        names=encoded.dictionary.to_pylist(),
        of_row=encoded.indices.to_numpy().astype(np.int64),
    )


def _check_alike(workspace: Workspace, train: EmbeddingsManifest, test: EmbeddingsManifest) -> None:
    """Refuse two sides that were not embedded in one way: their similarities mean nothing."""
    config = {name: value for name, value in train.config.items() if name not in _OF_ROWS}
    different = [name for name, value in config.items() if test.config.get(name) != value]
    if not different and train.encoder != test.encoder:
        different = ["encoder"]
    if not different and train.dimension != test.dimension:
        different = ["dimension"]
    if different:
        raise ArtifactError(
            f"{workspace.root}: train and test were embedded in different ways "
            f"({', '.join(name.replace('_', '-') for name in different)}); "
            "run embed for both with --overwrite"
        )
