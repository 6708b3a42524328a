"""Pools that grew, shrank and changed: embed --update with the real model."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.integration.embed_runs import (
    ROWS,
    Row,
    bytes_by_id,
    contents,
    interrupted,
    options,
    stored,
    text_of,
    write_rows,
)
from tma_prep.embeddings.results import EmbedResult
from tma_prep.embeddings.stage import embed
from tma_prep.errors import ArtifactError
from tma_prep.rows.sample import text_id
from tma_prep_schemas import EmbeddingsManifest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_windows")]


@pytest.fixture(scope="module")
def before_update(
    rows: list[Row], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Row]]:
    """A folder with inputs that have been embedded and changed since; the rows as they are now.

    Rows were added in the middle, changed and removed, and a file was added.
    """
    folder = tmp_path_factory.mktemp("update")
    write_rows(folder / "pool" / "a.jsonl", rows[:150])
    write_rows(folder / "test.jsonl", rows[ROWS:])
    embed(options(folder, folder / "before"))
    changed = [row | {"response": f"{row['response']}!"} for row in rows[20:30]]
    first = [*rows[150:190], *rows[:20], *changed, *rows[60:150], *rows[10:15]]
    second = [*rows[100:110], *rows[190:250]]
    write_rows(folder / "pool" / "a.jsonl", first)
    write_rows(folder / "pool" / "b.jsonl", second)
    return folder, first + second


@pytest.fixture(scope="module")
def updated(before_update: tuple[Path, list[Row]]) -> tuple[Path, EmbedResult]:
    """The workspace after an update, and what embed said of it."""
    folder, _ = before_update
    work = folder / "after"
    shutil.copytree(folder / "before", work)
    return work, embed(options(folder, work, update=True))


def test_an_update_embeds_what_is_new_alone(
    rows: list[Row], before_update: tuple[Path, list[Row]], updated: tuple[Path, EmbedResult]
) -> None:
    """Counts of texts, rows in input order, and not a byte of the vectors that stayed."""
    folder, now = before_update
    work, result = updated
    old, new = ({text_of(row) for row in some} for some in (rows[:150], now))
    train = result.train
    assert result.test.kept and not train.kept
    assert (train.rows, train.files, train.unique_texts) == (len(now), 2, len(new))
    assert train.embedded_texts == len(new - old)
    assert train.stayed_texts == len(new & old)
    assert train.gone_texts == len(old - new)
    assert stored(work)["tma_id"].to_pylist() == [text_id(text_of(row)) for row in now]
    before, after = bytes_by_id(folder / "before"), bytes_by_id(work)
    assert all(len(vectors) == 1 for vectors in after.values())
    assert {name: after[name] for name in before.keys() & after.keys()} == {
        name: before[name] for name in before.keys() & after.keys()
    }
    manifest = EmbeddingsManifest.model_validate_json(
        (work / "embeddings" / "train" / "manifest.json").read_bytes()
    )
    assert len(manifest.updated_from) == 1


def test_vectors_of_an_update_are_those_of_the_model(
    before_update: tuple[Path, list[Row]], updated: tuple[Path, EmbedResult], tmp_path: Path
) -> None:
    """Embedded from the beginning, they hardly differ, and every other column is the same."""
    folder, _ = before_update
    embed(options(folder, tmp_path / "work"))
    ones, others = (
        stored(work)["embedding"].combine_chunks().flatten().to_numpy().reshape(-1, 384)
        for work in (updated[0], tmp_path / "work")
    )
    assert (ones.astype(np.float64) * others).sum(axis=1).min() > 1 - 1e-5
    name = "embeddings/train/instances.parquet"
    assert (updated[0] / name).read_bytes() == (tmp_path / "work" / name).read_bytes()


def test_a_second_update_does_nothing(
    before_update: tuple[Path, list[Row]], updated: tuple[Path, EmbedResult]
) -> None:
    """Nor does embed without `--update`."""
    folder, _ = before_update
    before = {path: path.stat().st_mtime_ns for path in updated[0].rglob("*") if path.is_file()}
    for update in (True, False):
        result = embed(options(folder, updated[0], update=update))
        assert result.train.kept and result.test.kept
    after = {path: path.stat().st_mtime_ns for path in updated[0].rglob("*") if path.is_file()}
    before.pop(updated[0] / ".lock"), after.pop(updated[0] / ".lock")
    assert before == after


def test_an_interrupted_update_goes_on(
    before_update: tuple[Path, list[Row]], updated: tuple[Path, EmbedResult], tmp_path: Path
) -> None:
    """What it replaces stays till then, and the bytes are those of an update in one go."""
    folder, _ = before_update
    work = tmp_path / "work"
    shutil.copytree(folder / "before", work)
    old = contents(work / "embeddings" / "train")
    interrupted(folder, work, stop_after=70, update=True)
    assert contents(work / "embeddings" / "train") == old
    result = embed(options(folder, work, update=True)).train
    assert result.resumed_rows > 0
    assert contents(work) == contents(updated[0])


def test_an_update_in_another_way_is_refused(
    before_update: tuple[Path, list[Row]], tmp_path: Path
) -> None:
    """What differs is told, and nothing is touched."""
    folder, _ = before_update
    work = tmp_path / "work"
    shutil.copytree(folder / "before", work)
    before = contents(work)
    for more, what in (
        ({"max_length": 64}, "max-length was 32, now 64"),
        ({"text": "prompt"}, "text was both, now prompt"),
        ({"prefix": "query: "}, "prefix was , now query: "),
    ):
        with pytest.raises(ArtifactError, match=rf"{what}.*--overwrite"):
            embed(options(folder, work, update=True, **more))
    with pytest.raises(ArtifactError, match=r"made from a.jsonl, now a.jsonl, b.jsonl.*--update"):
        embed(options(folder, work))
    assert contents(work) == before
