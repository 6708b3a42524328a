"""A row store gives back samples and tables by row number, with values and types as they came."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.rows.folder import Folder, Rows, as_table, json_lines, read
from tests.rows.stored import stored
from tma_prep.errors import ArtifactError
from tma_prep.rows import store as row_store
from tma_prep.rows.sources import find_files

COUNT = 5000
ROWS: list[dict[str, object]] = [
    {"prompt": f"p{n}", "response": "r" * (n % 3), "task": f"t{n % 7}", "id": n, "v": [n + 1, 0.5]}
    for n in range(COUNT)
]
CHOICES = {
    "all": range(COUNT),
    "none": [],
    "first": [0],
    "last": [COUNT - 1],
    "every third": range(0, COUNT, 3),
    "around blocks": [2047, 2048, 2499, 2500, 4547, 4548],
}


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of several parts of several row groups."""
    monkeypatch.setattr(row_store, "_ROWS_A_GROUP", 1000)
    monkeypatch.setattr(row_store, "_GROUPS_A_PART", 2)


@pytest.fixture
def groups_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which row groups were read."""
    found: list[int] = []
    iterate = pq.ParquetFile.iter_batches

    def counted(
        self: pq.ParquetFile, batch_size: int, *, row_groups: list[int], columns: list[str]
    ) -> Iterator[pa.RecordBatch]:
        found.extend(row_groups)
        yield from iterate(self, batch_size, row_groups=row_groups, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    return found


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("ending", ["jsonl", "json", "parquet", "arrow"])
@pytest.mark.parametrize("choice", CHOICES)
def test_rows_by_number(folder: Folder, ending: str, choice: str) -> None:
    """From two files, in their order, of several parts: samples, and the user's own columns."""
    paths: list[str] = []
    parts: list[Rows] = [ROWS[:2500], ROWS[2500:]]
    for part in parts:
        content: str | pa.Table
        if ending == "jsonl":
            content = json_lines(part)
        else:
            content = json.dumps(part) if ending == "json" else as_table(part)
        paths.append(folder.write(f"{len(paths)}.{ending}", content))
    store = stored(folder, *paths, vectors_column="v")
    assert len(store.manifest.files) == 2
    rows = np.array(list(CHOICES[choice]), dtype=np.int64)
    samples = list(store.samples(rows))
    assert [(s.row, *s.exchange("first"), s.task, s.id) for s in samples] == [
        (n, ROWS[n]["prompt"], ROWS[n]["response"], ROWS[n]["task"], str(n)) for n in rows.tolist()
    ]
    tables = list(store.tables(rows))
    assert [n for numbers, _ in tables for n in numbers] == rows.tolist()
    assert [row for _, table in tables for row in table.to_pylist()] == [ROWS[n] for n in rows]
    assert all(table.schema.equals(store.schema) for _, table in tables)


def test_skipped_rows_leave_gaps(folder: Folder) -> None:
    """Bad rows between the wanted ones keep their numbers; they are no rows of the store."""
    good: dict[str, object] = {"prompt": "p", "response": "r"}
    lines: Rows = [good, {"prompt": ""}, {**good, "n": 1}, {**good, "n": 2**64}, good]
    store = stored(folder, folder.write("x.jsonl", "broken\n" + json_lines(lines)))
    assert store.numbers().tolist() == [1, 3, 5]
    assert [sample.row for sample in store.samples()] == [1, 3, 5]
    assert [sample.row for sample in store.samples(np.array([3]))] == [3]
    with pytest.raises(ArtifactError, match="holds 1 of 2 rows asked for; run the same embed"):
        list(store.samples(np.array([1, 2])))


@pytest.mark.usefixtures("_small")
def test_row_groups_without_a_wanted_row_are_passed_over(
    folder: Folder, groups_read: list[int]
) -> None:
    """A few rows of a long store cost no more than the row groups that hold them."""
    store = stored(folder, folder.lines("x.jsonl", *ROWS))
    sizes = [pq.read_metadata(store.folder / part.file) for part in store.manifest.files]
    assert sum(size.num_row_groups for size in sizes) >= 3
    assert [row.row for row in store.samples(np.array([4990, 4998]))] == [4990, 4998]
    assert len(groups_read) == 1
    groups_read.clear()
    assert not list(store.tables(np.array([], dtype=np.int64)))
    assert groups_read == []


def test_blocks_are_bounded_by_bytes(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of rows of a megabyte few are held, however many row groups there are."""
    monkeypatch.setattr(row_store, "_BYTES_A_GROUP", 4 << 20)
    rows = [{"prompt": str(n), "response": "r" * (1 << 20)} for n in range(100)]
    store = stored(folder, folder.lines("x.jsonl", *rows))
    tables = [table for _, table in store.tables(np.arange(100))]
    assert max(table.nbytes for table in tables) <= 40 << 20
    assert [text for table in tables for text in table["prompt"].to_pylist()] == [
        row["prompt"] for row in rows
    ]


def test_more_columns_beside_the_samples(folder: Folder) -> None:
    """Every row, with the columns that are asked for."""
    store = stored(folder, folder.lines("x.jsonl", *ROWS[:9]), vectors_column="v")
    ((samples, table),) = store.batches(["v"])
    assert [sample.exchange("first")[0] for sample in samples] == [
        row["prompt"] for row in ROWS[:9]
    ]
    assert table["v"].to_pylist() == [row["v"] for row in ROWS[:9]]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([7, 7.5, None], ["7", "7.5", None]),
        ([7.0, 8], ["7", "8"]),
        ([1e22, -0.5], ["1e+22", "-0.5"]),
        ([2**60, 0.5], [str(2**60), "0.5"]),
        ([{"a": 1}, {"b": 2.5}], ['{"a": 1}', '{"b": 2.5}']),
        ([{}, None], ["{}", None]),
        ([True, None], ["True", None]),
        ([2**62 + 1, -1], [str(2**62 + 1), "-1"]),
        (["7", "7.0"], ["7", "7.0"]),
    ],
)
@pytest.mark.parametrize("column", ["id", "task", "topic"])
def test_names_are_as_the_row_wrote_them(
    folder: Folder, column: str, values: list[object], texts: list[str | None]
) -> None:
    """A whole number without a point, though the column's type makes 7.0 of 7."""
    rows = [{"prompt": "p", "response": "r", column: value} for value in values]
    path = folder.lines("x.jsonl", *rows, {"prompt": "p", "response": "r"})
    task_column = None if column == "id" else column
    store = stored(folder, path, task_column=task_column)
    every = np.arange(len(rows) + 1)
    read_at_once = read(path, task_column=task_column).instances
    for found in (store.samples(), store.samples(every), read_at_once):
        assert [s.id if column == "id" else s.task for s in found] == [*texts, None]
    assert store.schema.names == ["prompt", "response", column]
    (table,) = (table for _, table in store.tables(every))
    assert table.column_names == ["prompt", "response", column]


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_what_a_file_says_of_its_columns_is_kept(folder: Folder, ending: str) -> None:
    """Such as what `datasets` reads an image column by; of JSON there is nothing."""
    fields = [
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("response", pa.string(), metadata={"unit": "words"}),
    ]
    schema = pa.schema(fields, {"huggingface": "{}"})
    table = pa.table([["p", "q"], ["r", None]], schema=schema)
    store = stored(folder, folder.write(f"x.{ending}", table))
    assert store.schema.equals(schema, check_metadata=True)
    ((_, found),) = store.tables(np.array([0]))
    assert found.schema.equals(schema, check_metadata=True)
    lines = stored(Folder(folder.root / "lines"), folder.lines("x.jsonl", *ROWS[:2]))
    assert lines.schema.metadata is None
    assert [field.metadata for field in lines.schema] == [None] * 5


def test_a_conversation_whose_objects_lack_keys(folder: Folder) -> None:
    """An object of lists, with and without more keys."""
    said = {"role": ["user", "assistant"], "content": ["q", "a"]}
    store = stored(
        folder, folder.lines("x.jsonl", {"messages": said}, {"messages": {**said, "n": [1, 2]}})
    )
    assert [s.exchange("first") for s in store.samples()] == [("q", "a")] * 2


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("size", [0, 4, 100, -1])
def test_a_damaged_part_is_told_in_a_line(folder: Folder, size: int) -> None:
    """With its path and the remedy, whatever Arrow says."""
    store = stored(folder, folder.lines("x.jsonl", *ROWS))
    path = store.folder / store.manifest.files[-1].file
    path.write_bytes(path.read_bytes()[:size])
    for rows in (lambda: store.samples(), lambda: store.tables(np.array([COUNT - 1]))):
        with pytest.raises(
            ArtifactError, match=rf"{path.name}: cannot be read \(.*\); run the same embed"
        ) as caught:
            list(rows())
        assert "\n" not in str(caught.value)
    with pytest.raises(ArtifactError, match="cannot be read"):
        store.numbers()
    path.unlink()
    with pytest.raises(ArtifactError, match="cannot be read"):
        list(store.samples())


def test_a_part_of_other_rows_is_told(folder: Folder) -> None:
    """Rows that are not there are counted."""
    store = stored(folder, folder.lines("x.jsonl", *ROWS[:9]))
    path = store.folder / store.manifest.files[0].file
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 8), path)
    with pytest.raises(ArtifactError, match="holds 8 of 9 rows asked for"):
        list(store.samples())


def test_a_file_has_one_name(tmp_path: Path) -> None:
    """Whatever way leads there, but for ".." behind a link, which leads elsewhere."""
    for folder in ("a", "b/c"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x.jsonl").write_text("{}\n", encoding="utf-8")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "b" / "c")
    (tmp_path / "b" / "y.jsonl").write_text("{}\n", encoding="utf-8")
    assert find_files([f"{tmp_path}/b/../a/x.jsonl"]) == [tmp_path / "a" / "x.jsonl"]
    behind = tmp_path / "a" / "link" / ".." / "y.jsonl"
    assert find_files([str(behind)]) == [behind]
