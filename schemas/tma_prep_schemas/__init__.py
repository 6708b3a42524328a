"""The on-disk contracts of tma-prep: Arrow schemas of its files, pydantic models of its manifests.

Other programs may import this package to read what tma-prep writes; it needs only pyarrow and
pydantic.
"""

from tma_prep_schemas.manifests import (
    CheckManifest,
    CheckSummary,
    EmbeddingsManifest,
    FileEntry,
    InputFile,
    Manifest,
    NeighborsManifest,
    OrderManifest,
    RankingManifest,
    ShardsManifest,
    Source,
    manifest_models,
)
from tma_prep_schemas.tables import (
    CURVES,
    NEIGHBORS,
    ORDER,
    ORDER_FIELDS,
    POSITION,
    PREFIX,
    RANKING,
    ROUND,
    ROW,
    ROW_ID,
    SHARD_FIELDS,
    SIMILARITY,
    TARGET,
    embeddings_schema,
)

__all__ = [
    "CURVES",
    "NEIGHBORS",
    "ORDER",
    "ORDER_FIELDS",
    "POSITION",
    "PREFIX",
    "RANKING",
    "ROUND",
    "ROW",
    "ROW_ID",
    "SHARD_FIELDS",
    "SIMILARITY",
    "TARGET",
    "CheckManifest",
    "CheckSummary",
    "EmbeddingsManifest",
    "FileEntry",
    "InputFile",
    "Manifest",
    "NeighborsManifest",
    "OrderManifest",
    "RankingManifest",
    "ShardsManifest",
    "Source",
    "embeddings_schema",
    "manifest_models",
]
