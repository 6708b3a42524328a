"""Files, folders and vectors that cannot be used are refused in one line, with the remedy."""

import gzip
import json
import random
import re

import datasets
import numpy as np
import pyarrow as pa
import pytest
import zstandard

from tests.rows.folder import Folder, as_table, read
from tma_prep.errors import InputError
from tma_prep.rows.bad_row import BadRow
from tma_prep.rows.sources import find_files
from tma_prep.rows.vectors import VectorColumn

GOOD = '{"prompt": "p", "response": "r"}'
ENDINGS = ["jsonl", "json", "parquet", "arrow", "feather", "jsonl.gz", "json.gz", "arrow.zst"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_of_no_bytes(folder: Folder, ending: str) -> None:
    """It is said to be empty, of whatever kind."""
    message = folder.error(folder.write(f"x.{ending}", b""))
    assert message.endswith(f"x.{ending}: is empty; it must hold at least one row")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", "[]"),
        ("x.json", " [ ] "),
        ("x.json", "\n \n"),
        ("x.json", "\ufeff"),
        ("x.jsonl", "\n\r\n \n"),
        ("x.json", json.dumps({"Definition": ["d"], "Instances": []})),
        ("x.jsonl.gz", gzip.compress(b"", mtime=0)),
        ("x.jsonl.zst", zstandard.compress(b"")),
        ("x.parquet", pa.table({"prompt": pa.array([], pa.string()), "response": []})),
        ("x.arrow", pa.table({"prompt": pa.array([], pa.string()), "response": []})),
    ],
)
def test_a_file_of_no_rows(folder: Folder, name: str, content: bytes | str | pa.Table) -> None:
    """It is said to be empty, alone or behind another."""
    path = folder.write(name, content)
    assert "is empty; it must hold at least one row" in folder.error(path)
    assert "is empty; it must hold at least one row" in folder.error(path, on_bad_row="skip")
    if name.endswith(("json", "jsonl")):
        first = folder.lines("first.jsonl", {"prompt": "p", "response": "r"})
        assert f"{name}: is empty" in folder.error(first, path)


def _rows_of_noise() -> str:
    generator = random.Random(0)
    return "".join(
        json.dumps({"prompt": generator.randbytes(40).hex(), "response": "r"}) + "\n"
        for _ in range(3000)
    )


@pytest.mark.parametrize("ending", ["jsonl.gz", "jsonl.zst", "json.gz", "parquet", "arrow"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_a_truncated_file(folder: Folder, ending: str, share: float) -> None:
    """It is refused, also with `--on-bad-row skip`: rows that are lost are no bad rows."""
    text = _rows_of_noise()
    if ending in ("parquet", "arrow"):
        rows = [json.loads(line) for line in text.splitlines()]
        whole = (folder.root / folder.write(f"whole.{ending}", as_table(rows))).read_bytes()
    else:
        pack = gzip.compress if ending.endswith("gz") else zstandard.compress
        whole = pack(text.encode())
    path = folder.write(f"x.{ending}", whole[: int(len(whole) * share)])
    message = folder.error(path, on_bad_row="skip")
    assert f"x.{ending}: cannot be read as {ending.split('.')[0]} (" in message
    assert message.endswith("check that the file is whole and that its ending is right")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("seed", range(5))
def test_random_bytes_under_every_ending(folder: Folder, ending: str, seed: int) -> None:
    """One line that names the file."""
    noise = np.random.default_rng(seed).bytes(4096)
    assert f"x.{ending}" in folder.error(folder.write(f"x.{ending}", noise))


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_text_of_a_table_that_is_not_utf_8(folder: Folder, ending: str) -> None:
    """Arrow libraries do not look; a value that no Python can read is found."""
    letters = pa.array(["p", "q"])
    text = pa.Array.from_buffers(
        pa.string(), 2, [None, letters.buffers()[1], pa.py_buffer(b"\xff\xfe")]
    )
    path = folder.write(f"x.{ending}", pa.table({"prompt": text, "response": letters}))
    assert re.search(r"cannot be read as .*[Ii]nvalid UTF-?8", folder.error(path))


def test_a_broken_array_names_the_row(folder: Folder) -> None:
    """Nothing after the place can be read, so it is not skipped."""
    path = folder.write("x.json", f"[{GOOD}, {GOOD},\n{{'prompt': 1}},\n{GOOD}]")
    for on_bad_row in ("fail", "skip"):
        message = folder.error(path, on_bad_row="skip" if on_bad_row == "skip" else "fail")
        assert re.search(r"x\.json row 2: the array is broken here \(Expecting prop", message)
        assert message.endswith("nothing after it can be read, so mend it")


@pytest.mark.parametrize("text", ["5", "x", '"text"', "null", "<html>", "\x00\x01"])
def test_json_that_is_neither_array_nor_lines(folder: Folder, text: str) -> None:
    """The message says what it must be."""
    message = folder.error(folder.write("x.json", text))
    assert message.endswith("x.json: is not JSON; it must be an array of objects, or lines")


def test_one_json_object_that_is_no_task_file(folder: Folder) -> None:
    """Pretty-printed over several lines."""
    message = folder.error(folder.write("x.json", json.dumps({"data": [1]}, indent=1)))
    assert "is one JSON object; it must be an array of objects, JSON lines, or a Nat" in message


@pytest.mark.parametrize("levels", [2000, 200_000])
@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_nesting_without_end(folder: Folder, levels: int, ending: str) -> None:
    """Refused in a line, whatever the depth."""
    row = '{"prompt": "p", "response": "r", "x": ' + '[{"a":' * levels + "1" + "}]" * levels + "}"
    text = f"[{row}]" if ending == "json" else row
    place = "row 0" if ending == "json" else "line 1"
    assert place in folder.error(folder.write(f"x.{ending}", text))


def test_paths(folder: Folder) -> None:
    """Missing, unknown, matching nothing, named twice."""
    path = folder.lines("sub/x.jsonl", {"prompt": "p", "response": "r"})
    root = folder.root
    (root / "empty").mkdir()
    folder.write("x.xml", "a,b")
    folder.write("none", "a,b")
    assert folder.error(str(root / "y.jsonl")).endswith(
        "y.jsonl: no such file or folder; check the path"
    )
    assert "no data file fits this pattern; check the folder" in folder.error(f"{root}/*.parquet")
    assert "x.xml: ending .xml is not known; it must be one of .jsonl" in folder.error(
        f"{root}/x.xml"
    )
    assert "none: ending (none) is not known" in folder.error(f"{root}/none")
    assert "empty: holds no data file; expected files ending" in folder.error(f"{root}/empty")
    assert "is named twice; name each input once" in folder.error(path, path)
    assert "is named twice; name each input once" in folder.error(path, f"{root}/**/*.jsonl")
    assert "is named twice; name each input once" in folder.error(path, f"{root}/sub")
    assert "is named twice" in folder.error(path, f"{root}/sub/../sub/x.jsonl")
    assert "no input file is named" in folder.error()


def test_a_glob_takes_folders_that_end_like_files(folder: Folder) -> None:
    """Spark writes a folder `x.parquet` with parts in it."""
    table = pa.table({"prompt": ["p"], "response": ["r"]})
    folder.write("out/x.parquet/part-0.parquet", table)
    folder.write("out/x.parquet/_SUCCESS", b"")
    assert read(f"{folder.root}/out/*.parquet").exchanges == [("p", "r")]


def test_a_file_name_with_glob_marks_is_a_file(folder: Folder) -> None:
    """A path that is there is never a pattern."""
    path = folder.lines("a[1]*.jsonl", {"prompt": "p", "response": "r"})
    assert [file.name for file in find_files([path])] == ["a[1]*.jsonl"]


def test_a_file_name_that_is_no_text(folder: Folder) -> None:
    """A manifest could not hold it."""
    folder.write("\udcff.jsonl", GOOD)
    assert "its name is not UTF-8; rename it" in folder.error(str(folder.root))


def test_a_dataset_dict_names_its_splits(folder: Folder) -> None:
    """And shows one as it may be typed."""
    datasets.disable_progress_bars()
    split = datasets.Dataset(as_table([{"prompt": "p", "response": "r"}]))
    path = folder.root / "both"
    datasets.DatasetDict(test=split, train=split).save_to_disk(str(path))
    message = folder.error(str(path))
    assert f"holds the splits test, train; name one of them, as in {path / 'test'}" in message
    assert read(str(path / "train")).exchanges == [("p", "r")]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"_data_files": [{"filename": "../x.arrow"}]}, "names '../x.arrow', which is not a file"),
        ({"_data_files": [{"filename": "/etc/passwd"}]}, "which is not a file beside it"),
        ({"_data_files": [{"filename": "gone.arrow"}]}, "which is not a file beside it"),
        ({"_data_files": [{"filename": ""}]}, "which is not a file beside it"),
        ({"_data_files": 5}, "is not what `save_to_disk` writes; save it again"),
        ({}, "is not what `save_to_disk` writes; save it again"),
        ([], "is not what `save_to_disk` writes; save it again"),
    ],
)
def test_a_saved_dataset_whose_state_is_wrong(folder: Folder, state: object, message: str) -> None:
    """Nothing outside the folder is read."""
    folder.write("x.arrow", pa.table({"prompt": ["p"], "response": ["r"]}))
    folder.write("saved/state.json", json.dumps(state))
    assert message in folder.error(str(folder.root / "saved"))


BAD_VECTORS: dict[str, tuple[object, str]] = {
    "null": (None, "must be a list of numbers"),
    "text": ("1 2 3", "must be a list of numbers"),
    "empty": ([], "must be a list of numbers"),
    "number": (1.5, "must be a list of numbers"),
    "object": ({"a": 1}, "must be a list of numbers"),
    "digits": (["1", "2", "3"], "must be a list of numbers, and nothing else in it"),
    "a truth among numbers": ([True, 1, 2], "must be a list of numbers, and nothing else in it"),
    "a truth among floats": ([0.5, 1.0, False], "must be a list of numbers, and nothing else in"),
    "truths": ([True, False, True], "must be a list of numbers, and nothing else in it"),
    "null inside": ([1.0, None, 2.0], "must be a list of numbers, and nothing else in it"),
    "huge": ([10**400, 1, 2], "must be a list of numbers, and nothing else in it"),
    "nested": ([[1.0, 2.0, 3.0]], "must be a flat list of numbers"),
    "ragged": ([[1.0], [2.0, 3.0]], "must be a flat list of numbers"),
    "short": ([1.0, 2.0], "has 2 components and the rows before have 3; every vector"),
    "long": ([1.0] * 4, "has 4 components and the rows before have 3"),
    "NaN": ([1.0, float("nan"), 0.0], "holds NaN or infinity; mend the vector or leave it out"),
    "infinite": ([1.0, float("inf"), 0.0], "holds NaN or infinity"),
    "zeros": ([0.0, -0.0, 0], "is all zeros and so has no direction; leave the row out"),
}


@pytest.mark.parametrize("case", BAD_VECTORS)
def test_bad_vectors(case: str) -> None:
    """Each is a bad row, and leaves the column as it was."""
    value, message = BAD_VECTORS[case]
    column = VectorColumn("v")
    assert column.read([1, 2.5, -3]).tolist() == [1.0, 2.5, -3.0]
    with pytest.raises(BadRow, match=rf"^`v` {message}"):
        column.read(value)
    assert column.dimension == 3


@pytest.mark.parametrize("case", sorted(BAD_VECTORS.keys() - {"short", "long"}))
def test_a_bad_vector_does_not_set_the_length(case: str) -> None:
    """The first vector that can be used does."""
    column = VectorColumn("v")
    with pytest.raises(BadRow):
        column.read(BAD_VECTORS[case][0])
    assert column.read([1.0, 2.0]).tolist() == [1.0, 2.0]


def test_a_bad_vector_is_told_with_its_row(folder: Folder) -> None:
    """Stops, or is skipped with the rows around it kept."""
    row = {"prompt": "p", "response": "r"}
    path = folder.lines("x.jsonl", {**row, "v": [1, 0]}, {**row, "v": [0, 0]}, {**row, "v": [0, 1]})
    with pytest.raises(InputError, match=r"x\.jsonl line 2: `v` is all zeros"):
        read(path, vectors_column="v")
    found = read(path, vectors_column="v", on_bad_row="skip")
    assert [row.row for row in found.instances] == [0, 2]
    with pytest.raises(
        InputError, match=r"x\.jsonl: has no column `w` \(--vectors-column\); check"
    ):
        read(path, vectors_column="w")
