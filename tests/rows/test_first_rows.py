"""What columns there are is found out though the first rows are bad."""

import json

import pytest

from tests.rows.folder import Folder, json_lines, read

GOOD: dict[str, object] = {"prompt": "p", "response": "r", "v": [1.0, 2.0]}


@pytest.mark.parametrize("bad", ["broken", "[]", "null", "5"])
def test_a_first_block_without_a_good_row(folder: Folder, bad: str) -> None:
    """Later blocks name the columns; without `skip` the first row is what is wrong."""
    path = folder.write("x.jsonl", f"{bad}\n" * 5000 + json_lines([GOOD]))
    assert "x.jsonl line 1: " in folder.error(path)
    found = read(path, on_bad_row="skip", vectors_column="v")
    assert [row.row for row in found.instances] == [5000]
    assert len(found.skipped) == 5000
    assert found.table.to_pylist() == [GOOD]


def test_a_first_block_of_many_bytes(folder: Folder) -> None:
    """A block also ends after 8 MB."""
    path = folder.write("x.jsonl", ("x" * (9 << 20) + "\n") * 2 + json_lines([GOOD]))
    assert [row.row for row in read(path, on_bad_row="skip").instances] == [2]


def test_a_first_file_without_a_good_row(folder: Folder) -> None:
    """The next file names the columns."""
    one, two = folder.write("1.jsonl", "x\ny\n"), folder.lines("2.jsonl", GOOD)
    assert "1.jsonl line 1: is not JSON" in folder.error(one, two)
    assert [row.row for row in read(one, two, on_bad_row="skip").instances] == [2]


def test_no_good_row_at_all(folder: Folder) -> None:
    """The first row is told, with `skip` as without."""
    path = folder.write("x.jsonl", "x\n" * 3000)
    assert "x.jsonl line 1: is not JSON" in folder.error(path, on_bad_row="skip")


def test_a_later_file_of_another_layout(folder: Folder) -> None:
    """Though its first block is all bad; the columns of both come together."""
    one = folder.lines("1.jsonl", GOOD)
    other = json_lines([{"inputs": "i", "targets": "t"}])
    two = folder.write("2.jsonl", "broken\n" * 3000 + other)
    found = read(one, two, on_bad_row="skip")
    assert found.exchanges == [("p", "r"), ("i", "t")]
    assert [(one.first_row, one.format) for one in found.found.layouts] == [
        (0, "prompt-response"),
        (1, "flan"),
    ]


@pytest.mark.parametrize("space", ["", "\n \n", "\ufeff", "\ufeff\n"])
@pytest.mark.parametrize("bad", ['{"prompt": "p", "resp', "oops", '"text"', "5", "{", "}"])
def test_lines_in_json_whose_first_is_broken(folder: Folder, bad: str, space: str) -> None:
    """The second line that is an object shows what the file is."""
    path = folder.write("x.json", f"{space}{bad}\n\n" + json_lines([GOOD, GOOD]))
    assert "x.json line " in folder.error(path)
    assert [row.row for row in read(path, on_bad_row="skip").instances] == [1, 2]
    alone = folder.write("y.json", f"{space}{bad}\n" + json_lines([GOOD]))
    assert [row.row for row in read(alone, on_bad_row="skip").instances] == [1]


@pytest.mark.parametrize("after", ["\n]}", "\n,\n{}]}", "\n\n] }\n"])
def test_a_task_file_is_not_taken_for_lines(folder: Folder, after: str) -> None:
    """Though its second line is an object."""
    task = {"input": "i", "output": ["o"]}
    text = '{"Definition": ["d"], "Instances": [\n' + json.dumps(task) + after
    found = read(folder.write("x.json", text), on_bad_row="skip")
    assert found.exchanges == [("d\n\ni", "o")]
