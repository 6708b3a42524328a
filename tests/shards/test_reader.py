"""Rows come by position, from one file at a time, and no wrong row comes unnoticed."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.shards.made_shards import make_shards, open_shards_of, rewrite, rows_table
from tma_prep.errors import ArtifactError, OptionError, OrderError
from tma_prep.shards.reader import ShardReader, open_shards

ROWS = 37


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four shards, the last one short."""
    return make_shards(tmp_path / "shards", ROWS)


def test_any_run_of_positions(folder: Path) -> None:
    """Every start and stop, within row groups and over the ends of groups and files."""
    expected = rows_table(ROWS).to_pylist()
    with ShardReader(open_shards(folder)) as reader:
        for start in range(ROWS + 1):
            for stop in range(start, ROWS + 1, 5):
                assert reader.rows(start, stop) == expected[start:stop]


def test_columns_and_the_position_always(folder: Path) -> None:
    """In the order asked for; nested ones whole."""
    with ShardReader(open_shards(folder), ["messages", "prompt"]) as reader:
        row = reader.rows(11, 12)[0]
    assert list(row.items()) == [
        ("messages", [{"role": "user", "content": "11"}] * 2),
        ("prompt", "prompt 11"),
        ("tma_position", 11),
    ]
    with pytest.raises(OptionError, match=r"no column 'answer'; it has prompt, messages, .*tma_id"):
        ShardReader(open_shards(folder), ["answer"])


def test_what_lies_before_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row group for a row of it, each once, and one file open."""
    read = []
    plain = pq.ParquetFile.read_row_group

    def counted(file: pq.ParquetFile, group: int, **options: object) -> pa.Table:
        read.append(group)
        return plain(file, group, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    shards = open_shards(folder)
    with ShardReader(shards) as reader:
        assert not open_shards_of(folder)
        assert reader.rows(27, 28)[0]["prompt"] == "prompt 27"
        assert read == [1]
        assert open_shards_of(folder) == [shards.files[2].name]
        for position in range(28, ROWS):
            reader.rows(position, position + 1)
            assert open_shards_of(folder) == [shards.files[position // 10].name]
        assert read == [1, 2, 0, 1]
    assert not open_shards_of(folder)


def test_one_row_group_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one before is gone when the next is read."""
    folder = make_shards(tmp_path / "shards", 4000, rows_per_shard=2000, rows_per_group=1000)
    held = []
    plain = pq.ParquetFile.read_row_group

    def watched(file: pq.ParquetFile, group: int, **options: object) -> pa.Table:
        held.append(pa.total_allocated_bytes())
        return plain(file, group, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", watched)
    with ShardReader(open_shards(folder)) as reader:
        for position in range(4000):
            reader.rows(position, position + 1)
        one_group = pa.total_allocated_bytes() - held[0]
    assert len(held) == 4
    assert one_group > 50_000
    assert max(held) < held[0] + one_group // 2


def swapped(table: pa.Table) -> pa.Table:
    """Rows 4 and 6 have changed places."""
    return table.take(pa.array([0, 1, 2, 3, 6, 5, 4, 7, 8, 9]))


def doubled(table: pa.Table) -> pa.Table:
    """Row 8 stands where row 9 was."""
    return table.take(pa.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 8]))


def without_positions(table: pa.Table) -> pa.Table:
    """The column is gone."""
    return table.drop_columns(["tma_position"])


DAMAGES = [
    (swapped, OrderError, "row 4 has tma_position 16, and 14 belongs there; tma-prep verify"),
    (doubled, OrderError, "row 9 has tma_position 18, and 19 belongs there"),
    (without_positions, ArtifactError, "column tma_position is missing"),
    (lambda table: table.drop_columns(["prompt"]), ArtifactError, "column prompt is missing"),
    (lambda table: table.slice(0, 9), ArtifactError, "it has 9 rows, and 10 by the manifest"),
]


@pytest.mark.parametrize(("damage", "kind", "text"), DAMAGES, ids=[str(n) for n in range(5)])
def test_a_damaged_shard_is_named(
    folder: Path, damage: Callable[[pa.Table], pa.Table], kind: type[Exception], text: str
) -> None:
    """With file and row, in one line; what lies before it comes."""
    path = open_shards(folder).files[1]
    rewrite(path, damage(pq.read_table(path)))
    with ShardReader(open_shards(folder)) as reader:
        assert len(reader.rows(0, 10)) == 10
        with pytest.raises(kind) as caught:
            reader.rows(10, 20)
    assert str(path) in str(caught.value) and text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_swapped_files_and_lost_ones(folder: Path) -> None:
    """Files of the same length under each other's names; one that is gone; one that is cut."""
    shards = open_shards(folder)
    first, second, third = (path.read_bytes() for path in shards.files[:3])
    shards.files[0].write_bytes(second)
    with (
        ShardReader(shards) as reader,
        pytest.raises(OrderError, match="part-00000-of-00004.* row 0 has tma_position 10, and 0"),
    ):
        reader.rows(0, 1)
    shards.files[0].write_bytes(first)
    shards.files[1].unlink()
    shards.files[2].write_bytes(third[: len(third) // 2])
    with ShardReader(shards) as reader:
        with pytest.raises(ArtifactError, match="part-00001-of-00004.* it is gone"):
            reader.rows(9, 11)
        with pytest.raises(ArtifactError, match=r"part-00002-of-00004.* cannot be read \(.*verify"):
            reader.rows(20, 21)
