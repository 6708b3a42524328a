"""The store gives back what was written, row by row, from several mapped parts."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from tma_prep.embedding.store import EmbeddingStore, InstanceWriter, StoreWriter
from tma_prep.errors import ArtifactError
from tma_prep_schemas import EmbeddingsManifest, FileEntry, Source, embeddings_schema


def written(
    folder: Path, vectors: NDArray[np.float32], rows_per_part: int, step: int
) -> EmbeddingsManifest:
    """A store of these vectors, added a few at a time."""
    writer = StoreWriter(folder, rows_per_part)
    for start in range(0, len(vectors), step):
        rows = list(range(start, min(start + step, len(vectors))))
        writer.add([3 * row for row in rows], [f"{row:032x}" for row in rows], vectors[rows])
    return manifest_of(writer.finish(), vectors)


def manifest_of(files: list[FileEntry], vectors: NDArray[np.float32]) -> EmbeddingsManifest:
    """A manifest as `embed` would write it."""
    return EmbeddingsManifest(
        tool_version="0",
        libraries={},
        config={},
        rows=len(vectors),
        files=files,
        side="train",
        source=Source(files=[], format="flan", task_column=None, arrow_schema="", columns=[]),
        dimension=vectors.shape[1],
        instances=FileEntry(file="instances.parquet", rows=1, bytes=0, sha256="0" * 64),
        encoder=None,
        skipped_rows=0,
        skipped=None,
        truncated_rows=0,
        response_cut_rows=0,
    )


@pytest.mark.parametrize("rows_per_part", [1, 4, 100])
def test_everything_comes_back(tmp_path: Path, rows_per_part: int) -> None:
    """Rows, ids and vectors, in order and by place."""
    vectors = np.random.default_rng(0).standard_normal((11, 5)).astype(np.float32)
    manifest = written(tmp_path, vectors, rows_per_part, step=3)
    store = EmbeddingStore(tmp_path, manifest)
    assert len(manifest.files) == -(-11 // rows_per_part)
    assert store.shape == (11, 5)
    assert (np.concatenate(list(store.slices())) == vectors).all()
    assert (store.array() == vectors).all()
    assert store.rows.tolist() == [3 * row for row in range(11)]
    assert store.ids.to_pylist() == [f"{row:032x}" for row in range(11)]
    places = np.array([10, 0, 5, 5, 3])
    assert (store.take(places) == vectors[places]).all()


def test_what_goes_with_the_vectors_comes_back(tmp_path: Path) -> None:
    """Ids, tasks and tokens, missing ones too."""
    vectors = np.eye(3, dtype=np.float32)
    manifest = written(tmp_path, vectors, 10, step=3)
    writer = InstanceWriter(tmp_path)
    writer.add([0, 3], ["a", None], [None, "t"], [5, 6])
    writer.add([6], [None], ["u"], [7])
    assert writer.finish().rows == 3
    store = EmbeddingStore(tmp_path, manifest)
    assert store.instances("id", "task", "tokens").to_pydict() == {
        "id": ["a", None, None],
        "task": [None, "t", "u"],
        "tokens": [5, 6, 7],
    }


def test_bytes_do_not_depend_on_how_rows_were_added(tmp_path: Path) -> None:
    """One at a time or all at once."""
    vectors = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)
    hashes = []
    for step in (1, 9):
        folder = tmp_path / str(step)
        folder.mkdir()
        hashes.append([entry.sha256 for entry in written(folder, vectors, 4, step).files])
    assert hashes[0] == hashes[1]


def test_parts_are_arrow_files_with_the_public_columns(tmp_path: Path) -> None:
    """Anybody can read them with pyarrow alone, without copying."""
    vectors = np.eye(3, dtype=np.float32)
    written(tmp_path, vectors, 10, step=3)
    with pa.ipc.open_file(pa.memory_map(str(tmp_path / "part-00000.arrow"))) as reader:
        assert reader.schema.equals(embeddings_schema(3))
        embedding = reader.get_batch(0).column("embedding")
    assert embedding.flatten().to_numpy(zero_copy_only=True).tolist() == vectors.ravel().tolist()


def test_a_part_that_is_another_is_refused(tmp_path: Path) -> None:
    """By its rows, and by its bytes if it is no Arrow file at all."""
    manifest = written(tmp_path, np.eye(4, dtype=np.float32), 2, step=4)
    (tmp_path / "part-00001.arrow").write_bytes(b"no arrow")
    with pytest.raises(ArtifactError, match="part-00001.arrow: cannot be read"):
        EmbeddingStore(tmp_path, manifest)
    wrong = manifest.model_copy(
        update={"files": [manifest.files[0].model_copy(update={"rows": 3})]}
    )
    with pytest.raises(ArtifactError, match="part-00000.arrow: is not the part"):
        EmbeddingStore(tmp_path, wrong)
