"""The store gives back what was written, row by row, from several mapped parts."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.embeddings.rows import no_rows, random_rows, some_rows, written
from tma_prep.embeddings.store import EmbeddingStore
from tma_prep.errors import ArtifactError
from tma_prep_schemas import embeddings_schema


@pytest.mark.parametrize("rows_per_part", [1, 4, 100])
def test_everything_comes_back(tmp_path: Path, rows_per_part: int) -> None:
    """Rows, ids and vectors, in order and by place."""
    vectors = np.random.default_rng(0).standard_normal((11, 5)).astype(np.float32)
    manifest = written(tmp_path / "train", some_rows(vectors), rows_per_part, step=2)
    store = EmbeddingStore(tmp_path / "train", manifest, no_rows(tmp_path))
    assert len(manifest.files) == -(-11 // rows_per_part)
    assert store.shape == (11, 5)
    assert (np.concatenate(list(store.slices())) == vectors).all()
    assert (store.array() == vectors).all()
    assert store.rows.tolist() == [3 * row for row in range(11)]
    assert store.ids.to_pylist() == [f"{row:032x}" for row in range(11)]
    places = np.array([10, 0, 5, 5, 3])
    assert (store.take(places) == vectors[places]).all()


@pytest.mark.parametrize("rows_per_part", [1, 4, 100])
def test_what_goes_with_the_vectors_comes_back(tmp_path: Path, rows_per_part: int) -> None:
    """Ids, tasks, tokens and what was cut, missing ones too; all of it or by place."""
    rows = random_rows(11)
    manifest = written(tmp_path / "train", rows, rows_per_part, step=1)
    store = EmbeddingStore(tmp_path / "train", manifest, no_rows(tmp_path))
    names = rows.instances.column_names
    assert manifest.instances.rows == 11
    assert store.instances(*names).to_pydict() == rows.instances.to_pydict()
    taken = store.take_rows(np.array([0, 4, 10]))
    assert taken.instances.to_pylist() == [rows.instances.to_pylist()[row] for row in (0, 4, 10)]
    assert (taken.vectors == rows.vectors[[0, 4, 10]]).all()


def test_bytes_do_not_depend_on_how_rows_were_added(tmp_path: Path) -> None:
    """A part at a time or all at once."""
    hashes = []
    for step in (1, 9):
        made = written(tmp_path / str(step), random_rows(9), rows_per_part=2, step=step)
        hashes.append([entry.sha256 for entry in made.all_files])
    assert hashes[0] == hashes[1]


def test_parts_are_arrow_files_with_the_public_columns(tmp_path: Path) -> None:
    """Anybody can read them with pyarrow alone, without copying."""
    vectors = np.eye(3, dtype=np.float32)
    written(tmp_path / "train", some_rows(vectors), 10, step=3)
    with pa.ipc.open_file(pa.memory_map(str(tmp_path / "train/part-00000.arrow"))) as reader:
        assert reader.schema.equals(embeddings_schema(3))
        embedding = reader.get_batch(0).column("embedding")
    assert embedding.flatten().to_numpy(zero_copy_only=True).tolist() == vectors.ravel().tolist()


def test_a_part_that_is_another_is_refused(tmp_path: Path) -> None:
    """By its rows, and by its bytes if it is no Arrow file at all."""
    folder = tmp_path / "train"
    manifest = written(folder, random_rows(4), 2, step=4)
    (folder / "part-00001.arrow").write_bytes(b"no arrow")
    with pytest.raises(ArtifactError, match="part-00001.arrow: cannot be read"):
        EmbeddingStore(folder, manifest, no_rows(tmp_path))
    wrong = manifest.model_copy(
        update={"files": [manifest.files[0].model_copy(update={"rows": 3})]}
    )
    with pytest.raises(ArtifactError, match="part-00000.arrow: is not the part"):
        EmbeddingStore(folder, wrong, no_rows(tmp_path))
