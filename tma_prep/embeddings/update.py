"""What an update takes over from the store that it replaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tma_prep.artifact import MANIFEST, check_files, read_manifest
from tma_prep.durable import sha256_of
from tma_prep.embeddings.store import EmbeddingStore
from tma_prep.errors import ArtifactError
from tma_prep.rows import RowStore
from tma_prep_schemas import EmbeddingsManifest
from tma_prep_schemas.manifests import Option

_OF_VECTORS = ("text",)
_OF_ENCODER = (
    *("model_sha256", "model", "device", "dtype", "max_length", "prefix", "truncate"),
    *("pooling", "layer", "chat_template"),
)


@dataclass(frozen=True)
class Earlier:
    """A finished store, and the SHA-256 of its manifest and of those it was updated from."""

    store: EmbeddingStore
    manifests: list[str]


def earlier_store(folder: Path, rows: RowStore) -> Earlier | None:
    """The finished store in a folder, None where there is none.

    Raises:
        ArtifactError: It is damaged.
    """
    manifest = read_manifest(folder / MANIFEST, EmbeddingsManifest)
    if manifest is None:
        return None
    check_files(
        folder,
        manifest,
        "mend it first: run the embed that made it with --overwrite",
    )
    sha256 = sha256_of(folder / MANIFEST)
    return Earlier(EmbeddingStore(folder, manifest, rows), [sha256, *manifest.updated_from])


def check_updatable(
    folder: Path,
    manifest: EmbeddingsManifest,
    config: Mapping[str, Option],
    encoder: Mapping[str, Option],
) -> None:
    """Refuse to mix vectors that were made in different ways.

    Raises:
        ArtifactError: The text says what differs.
    """
    if manifest.encoder is None:
        raise ArtifactError(
            f"{folder}: holds vectors that were given, and --update takes over what a model made; "
            "give --overwrite to replace them"
        )
    pairs = [(name, manifest.encoder.get(name), encoder.get(name)) for name in _OF_ENCODER]
    pairs += [(name, manifest.config.get(name), config.get(name)) for name in _OF_VECTORS]
    different = [
        f"{name.replace('_', '-')} was {old}, now {new}" for name, old, new in pairs if old != new
    ]
    if different:
        raise ArtifactError(
            f"{folder}: was embedded in another way ({'; '.join(different[:3])}), so that its "
            "vectors cannot be taken over; give --overwrite to embed everything again"
        )
