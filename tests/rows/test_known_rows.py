"""Rows that were found good are read again by number, judged no more than they must be."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.rows.folder import Folder, Rows, as_table, json_lines, read
from tma_prep.errors import InputError
from tma_prep.rows.pool import InstancePool
from tma_prep.rows.sources import find_files
from tma_prep.rows.vectors import VectorColumn

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


def _pool(*paths: str) -> InstancePool:
    return InstancePool(find_files(paths), format_name=None, task_column=None)


@pytest.mark.parametrize("ending", ["jsonl", "json", "parquet", "arrow"])
@pytest.mark.parametrize("choice", CHOICES)
def test_the_same_instances_as_before(folder: Folder, ending: str, choice: str) -> None:
    """From two files, in their order, whether or not the pool was read before."""
    paths: list[str] = []
    parts: list[Rows] = [ROWS[:2500], ROWS[2500:]]
    for part in parts:
        content: str | pa.Table
        if ending == "jsonl":
            content = json_lines(part)
        else:
            content = json.dumps(part) if ending == "json" else as_table(part)
        paths.append(folder.write(f"{len(paths)}.{ending}", content))
    before = read(*paths, vectors=VectorColumn("v")).instances
    rows = np.array(list(CHOICES[choice]), dtype=np.int64)
    assert list(_pool(*paths).instances(rows)) == [before[row] for row in rows]


def test_skipped_rows_are_passed_over(folder: Folder) -> None:
    """Bad rows between the wanted ones keep their numbers."""
    good: dict[str, object] = {"prompt": "p", "response": "r"}
    lines: Rows = [good, {"prompt": ""}, {**good, "n": 1}, {**good, "n": "text"}, good]
    path = folder.write("x.jsonl", "broken\n" + json_lines(lines))
    found = read(path, on_bad_row="skip")
    kept = np.array([row.row for row in found.instances])
    assert kept.tolist() == [1, 3, 5]
    assert list(_pool(path).instances(kept)) == found.instances


def test_columns_are_not_judged_again(folder: Folder) -> None:
    """A row that misfits the schema, or whose vector is bad, is still an instance."""
    path = folder.lines(
        "x.jsonl",
        {"prompt": "a", "response": "", "n": 1, "v": [0]},
        {"prompt": "b", "response": "", "n": "text", "v": None},
    )
    assert [row.prompt for row in _pool(path).instances(np.array([0, 1]))] == ["a", "b"]


@pytest.mark.parametrize(
    "now",
    [
        '{"prompt": "a", "response": ""}\nbroken\n',
        '{"prompt": "a", "response": ""}\n{"prompt": " ", "response": ""}\n',
        '{"prompt": "a", "response": ""}\n{"prompt": "b"}\n',
        '{"prompt": "a", "response": ""}\n{"prompt": "\\ud800", "response": ""}\n',
        '{"prompt": "a", "response": ""}\n',
    ],
)
def test_a_row_that_cannot_be_read_now(folder: Folder, now: str) -> None:
    """The file is named, and that it changed; rows before it still come."""
    path = folder.write("x.jsonl", now)
    rows = _pool(path).instances(np.array([0, 1]))
    assert next(rows).prompt == "a"
    with pytest.raises(
        InputError, match=r"x\.jsonl: has changed since it was embedded; run embed again$"
    ):
        next(rows)
    assert [row.prompt for row in _pool(path).instances(np.array([0]))] == ["a"]


@pytest.mark.parametrize(
    "now",
    [
        '{"prompt": "a", "n": 1}\nbroken\n',
        '{"prompt": "a", "n": 1}\n{"prompt": "a", "n": "text"}\n',
        '{"prompt": "a", "n": 1}\n{"prompt": "a", "n": 18446744073709551616}\n',
        '{"prompt": "a", "n": 1}\n{"prompt": ["a"], "n": 1}\n',
        '{"prompt": "a", "n": 1}\n',
    ],
)
def test_a_table_whose_rows_changed(folder: Folder, now: str) -> None:
    """The same message, whatever Arrow says."""
    schema = pa.schema([("prompt", pa.string()), ("n", pa.int64())])
    path = folder.write("x.jsonl", now)
    pool = InstancePool(find_files([path]), format_name="prompt-response", task_column=None)
    with pytest.raises(InputError, match=r"x\.jsonl: has changed since it was embedded"):
        list(pool.tables(schema, np.array([0, 1])))


def test_nothing_behind_the_last_row_is_read(folder: Folder) -> None:
    """A few rows of a long file cost no more than the way to them."""
    path = folder.write("x.json", json.dumps(ROWS)[:-1] + ", oops]")
    rows = np.array([1, 5])
    assert [row.row for row in _pool(path).instances(rows)] == [1, 5]


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
