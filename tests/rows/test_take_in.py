"""Input files are read into `rows/` once, and known again however they come."""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.rows.folder import Folder, Rows, json_lines
from tests.rows.stored import Told, taken
from tma_prep.durable import sha256_of
from tma_prep.errors import ArtifactError, InputError
from tma_prep.rows import open_rows, recorded_inputs, stage
from tma_prep.workspace import Workspace

ROWS: list[dict[str, object]] = [
    {"prompt": f"p{n}", "response": "r", "source": "s"} for n in range(9)
]


@pytest.fixture
def work(folder: Folder) -> Path:
    """An empty workspace."""
    return folder.root / "work"


def _bytes_of(work: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (work / "rows" / "train").iterdir()}


def _refused(work: Path, *patterns: str, **options: Any) -> str:  # noqa: ANN401
    with pytest.raises((ArtifactError, InputError)) as caught:
        taken(work, *patterns, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_manifest_tells_what_was_read(folder: Folder, work: Path) -> None:
    """Files by name with size, SHA-256 and rows, and how they were read; paths stand in the log."""
    one = folder.lines("1.jsonl", *ROWS)
    two = folder.write("2.json", json.dumps(ROWS[:2]))
    rows = taken(work, one, two)
    manifest = rows.store.manifest
    assert [(file.name, file.rows) for file in manifest.input_files] == [
        ("1.jsonl", 9),
        ("2.json", 2),
    ]
    for path, file in zip((one, two), manifest.input_files, strict=True):
        data = Path(path).read_bytes()
        assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert [(one.format, one.task_column) for one in manifest.layouts] == [
        ("prompt-response", "source")
    ]
    assert manifest.columns == ["prompt: string", "response: string", "source: string"]
    assert (manifest.rows, manifest.skipped_rows, manifest.skipped) == (11, 0, None)
    assert not rows.reused
    assert rows.sha256 == sha256_of(work / "rows" / "train" / "manifest.json")
    assert str(folder.root) not in (work / "rows" / "train" / "manifest.json").read_text()
    assert recorded_inputs(open_rows(Workspace(work), "train")) == ([one, two], [one, two])
    assert sorted(_bytes_of(work)) == ["log.json", "manifest.json", "part-00000.parquet"]


def test_the_same_rows_give_the_same_bytes(folder: Folder, work: Path) -> None:
    """Wherever the files lie; the log apart."""
    taken(work, folder.lines("a/x.jsonl", *ROWS))
    taken(folder.root / "other", folder.lines("b/x.jsonl", *ROWS))
    one, two = _bytes_of(work), _bytes_of(folder.root / "other")
    assert one.pop("log.json") != two.pop("log.json")
    assert one == two


def test_files_that_did_not_change_are_not_read_again(
    folder: Folder, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Size and time of change are enough."""
    path = folder.lines("x.jsonl", *ROWS)
    taken(work, path)
    before = _bytes_of(work)
    monkeypatch.setattr(stage, "sha256_of", None)
    assert taken(work, path).reused
    assert _bytes_of(work) == before


def test_a_file_that_was_only_touched(folder: Folder, work: Path) -> None:
    """It is known by its SHA-256, and by its new time from then on."""
    path = folder.lines("x.jsonl", *ROWS)
    taken(work, path)
    before = _bytes_of(work)
    os.utime(path, (1, 1))
    assert taken(work, path).reused
    after = _bytes_of(work)
    assert before.pop("log.json") != after.pop("log.json")
    assert before == after
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "sha256_of", None)
        assert taken(work, path).reused


@pytest.mark.parametrize("how", ["named anew", "in another folder", "under another name"])
def test_files_that_moved(folder: Folder, work: Path, how: str) -> None:
    """The same content in the same order is the same rows; the log names the new place."""
    one, two = folder.lines("1.jsonl", *ROWS[:4]), folder.lines("2.jsonl", *ROWS[4:])
    taken(work, one, two)
    named = [one, two]
    if how == "named anew":
        named = [f"{folder.root}/[12].jsonl"]
    else:
        (folder.root / "moved").mkdir()
        for place, path in enumerate(named):
            name = Path(path).name if how == "in another folder" else f"{place}-new.jsonl"
            named[place] = str(Path(path).rename(folder.root / "moved" / name))
    assert taken(work, *named).reused
    assert recorded_inputs(open_rows(Workspace(work), "train"))[0] == named
    assert taken(work, *named).reused


def test_other_files_are_refused_and_named(folder: Folder, work: Path) -> None:
    """What the rows were made from, and what is there now, and what to do."""
    one, two = folder.lines("1.jsonl", *ROWS[:4]), folder.lines("2.jsonl", *ROWS[4:])
    taken(work, one, two)
    before = _bytes_of(work)
    message = _refused(work, two, one)
    assert re.search(
        r"/rows/train: holds rows made differently \(made from 1.jsonl, 2.jsonl, now 2.jsonl, "
        r"1.jsonl\); give --update to embed only .*, --overwrite to replace it, or use another",
        message,
    )
    assert "(made from 1.jsonl, 2.jsonl, now 1.jsonl)" in _refused(work, one)
    more = [folder.lines(f"{n}.jsonl", *ROWS) for n in range(3, 6)]
    assert "now 1.jsonl, 2.jsonl, 3.jsonl and 2 more)" in _refused(work, one, two, *more)
    assert _bytes_of(work) == before


@pytest.mark.parametrize("on_bad_row", ["fail", "skip"])
def test_changed_content_is_refused(folder: Folder, work: Path, on_bad_row: str) -> None:
    """Of the same length too; what becomes of bad rows has no say where there were none."""
    path = folder.lines("x.jsonl", *ROWS)
    taken(work, path)
    folder.lines("x.jsonl", *({**row, "response": "R"} for row in ROWS))
    message = _refused(work, path, on_bad_row=on_bad_row)
    assert "made differently (x.jsonl changed since it was read); give --update" in message
    folder.lines("x.jsonl", *ROWS, *ROWS)
    assert "(x.jsonl changed since it was read)" in _refused(work, path, on_bad_row=on_bad_row)


@pytest.mark.parametrize("option", ["update", "overwrite"])
def test_replaced_when_it_is_asked_for(folder: Folder, work: Path, option: str) -> None:
    """Read again if they changed, reused if they did not."""
    replace: dict[str, Any] = {option: True}
    path = folder.lines("x.jsonl", *ROWS)
    taken(work, path)
    assert taken(work, path, **replace).reused
    folder.lines("x.jsonl", *ROWS, *ROWS)
    rows = taken(work, path, **replace)
    assert (rows.reused, rows.store.manifest.rows) == (False, 18)
    assert taken(work, path).reused


def test_other_options_are_refused_and_named(folder: Folder, work: Path) -> None:
    """Each that leads to other rows, as it was and as it is."""
    rows: Rows = [{**row, "inputs": "i", "targets": "t"} for row in ROWS]
    path = folder.lines("x.jsonl", *rows)
    taken(work, path)
    assert "(--format was unset, now flan)" in _refused(work, path, format="flan")
    both = _refused(work, path, format="flan", task_column="inputs")
    assert "(--format was unset, now flan; --task-column was unset, now inputs)" in both
    assert taken(work, path, on_bad_row="skip").reused
    assert taken(work, path, text="prompt", prefix="query: ").reused
    again = taken(work, path, format="flan", overwrite=True)
    assert (again.reused, again.store.manifest.layouts[0].format) == (False, "flan")


def test_what_becomes_of_bad_rows_matters_where_there_are_some(folder: Folder, work: Path) -> None:
    """They are refused, though the rows without them are there."""
    path = folder.write("x.jsonl", json_lines(ROWS) + "broken\n")
    assert "x.jsonl line 10: is not JSON" in _refused(work, path)
    assert not (work / "rows" / "train").exists()
    taken(work, path, on_bad_row="skip")
    assert "(--on-bad-row was skip, now fail)" in _refused(work, path)


def test_skipped_rows_are_listed(folder: Folder, work: Path) -> None:
    """With file, row and reason, and without the path of any folder."""
    one = folder.lines("1.jsonl", *ROWS)
    two = folder.write("sub/2.jsonl", "broken\n\n" + json_lines([{"prompt": " ", "response": ""}]))
    two = folder.write("sub/2.jsonl", Path(two).read_text() + json_lines(ROWS))
    store = taken(work, one, two, on_bad_row="skip").store
    assert store.manifest.skipped_rows == 2
    assert store.manifest.skipped is not None
    text = (store.folder / store.manifest.skipped.file).read_text(encoding="utf-8")
    assert [json.loads(line) for line in text.splitlines()] == [
        {
            "row": 9,
            "place": "2.jsonl line 1",
            "reason": "is not JSON: Expecting value at character 1; mend or remove it",
        },
        {
            "row": 10,
            "place": "2.jsonl line 3",
            "reason": "the prompt is empty; write one, or leave the row out",
        },
    ]
    assert str(folder.root) not in text
    assert [file.rows for file in store.manifest.input_files] == [9, 11]
    assert store.numbers().tolist() == [*range(9), *range(11, 20)]
    open_rows(Workspace(work), "train")
    (store.folder / store.manifest.skipped.file).write_text("", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"skipped\.jsonl"):
        open_rows(Workspace(work), "train")


def test_no_row_is_left(folder: Folder, work: Path) -> None:
    """It is told how many were skipped."""
    path = folder.lines("x.jsonl", *({**row, "prompt": ""} for row in ROWS))
    message = _refused(work, path, on_bad_row="skip")
    assert message == "--train: no usable row is left (9 skipped); check the input"
    assert not (work / "rows" / "train").exists()


def test_inputs_that_are_gone(folder: Folder, work: Path) -> None:
    """What was read of them is reused, and that is told."""
    one, two = folder.lines("d/1.jsonl", *ROWS[:4]), folder.lines("d/2.jsonl", *ROWS[4:])
    taken(work, f"{folder.root}/d")
    before = _bytes_of(work)
    shutil.rmtree(folder.root / "d")
    options: list[dict[str, Any]] = [{}, {"update": True}, {"overwrite": True}]
    for replace in options:
        told = Told()
        rows = taken(work, f"{folder.root}/d", told=told, **replace)
        assert (rows.reused, rows.inputs_gone) == (True, True)
        assert told.notes == ["train: the input files are gone; the rows that were read are reused"]
    assert _bytes_of(work) == before
    message = _refused(work, f"{folder.root}/d", format="flan")
    assert "(--format was unset, now flan)" in message
    assert "the input files are not there any more: put them back" in message
    assert "put them back" in _refused(work, f"{folder.root}/d", format="flan", overwrite=True)
    assert "no such file or folder" in _refused(work, one)
    assert "no such file or folder" in _refused(work, two)


def test_inputs_of_which_some_are_gone(folder: Folder, work: Path) -> None:
    """It is an error, unless what is left is to be read instead."""
    folder.lines("d/1.jsonl", *ROWS[:4])
    two = folder.lines("d/2.jsonl", *ROWS[4:])
    taken(work, f"{folder.root}/d")
    Path(two).unlink()
    message = _refused(work, f"{folder.root}/d")
    assert message.startswith(f"{two}: is not there any more, and other input files are; put it b")
    assert "give --update" in message
    rows = taken(work, f"{folder.root}/d", update=True)
    assert (rows.reused, rows.store.manifest.rows) == (False, 4)


def test_sides_are_apart(folder: Folder, work: Path) -> None:
    """A task column that is named may be absent from the tests."""
    path = folder.lines("x.jsonl", *ROWS)
    assert "has no column `topic`" in _refused(work, path, task_column="topic")
    store = taken(work, path, side="test", task_column="topic").store
    assert (store.manifest.side, store.manifest.layouts[0].task_column) == ("test", None)
    with pytest.raises(ArtifactError, match="rows/train: holds no finished rows; run tma-prep emb"):
        open_rows(Workspace(work), "train")


def test_damaged_rows_are_refused_or_replaced(folder: Folder, work: Path) -> None:
    """Every byte is checked; `--overwrite` reads the inputs again."""
    path = folder.lines("x.jsonl", *ROWS)
    part = taken(work, path).store.folder / "part-00000.parquet"
    whole = part.read_bytes()
    part.write_bytes(whole[:-1] + b"x")
    assert "part-00000.parquet" in _refused(work, path)
    with pytest.raises(ArtifactError, match=r"part-00000\.parquet"):
        open_rows(Workspace(work), "train")
    assert not taken(work, path, overwrite=True).reused
    assert part.read_bytes() == whole


def test_a_log_that_is_lost(folder: Folder, work: Path) -> None:
    """The files are known by their SHA-256, and it is written anew; what needs it says so."""
    path = folder.lines("x.jsonl", *ROWS)
    store = taken(work, path).store
    for broken in (b"", b"{}", None):
        log = store.folder / "log.json"
        log.unlink() if broken is None else log.write_bytes(broken)
        with pytest.raises(ArtifactError, match=r"log\.json: is missing or damaged; run the same"):
            recorded_inputs(store)
        assert taken(work, path).reused
        assert recorded_inputs(store) == ([path], [path])


def test_a_file_that_changes_while_it_is_read(
    folder: Folder, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused, and nothing is left of it."""
    path = folder.lines("x.jsonl", *ROWS)
    table = folder.write("y.parquet", pa.Table.from_pylist(ROWS))
    for name in (path, table):
        states = iter([(1, "a"), (1, "b")])
        monkeypatch.setattr("tma_prep.rows.reading.file_state", lambda _, s=states: next(s))
        assert _refused(work, name).endswith("changed while it was read; run embed again")
    assert list(work.rglob("*.*")) == []


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.jsonl.gz", "lines.json", "x.parquet"])
def test_how_often_bytes_are_read(
    folder: Folder, work: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of JSON once, though it is hashed, judged and written; those of Parquet twice."""
    rows: Rows = [{**row, "x": "y" * 90_000} for row in ROWS * 5]
    content: bytes | str | pa.Table
    if name == "x.parquet":
        content = pa.Table.from_pylist(rows)
    elif name == "x.json":
        content = json.dumps(rows)
    else:
        content = json_lines(rows)
    if isinstance(content, str) and name.endswith(".gz"):
        content = gzip.compress(content.encode())
    path = folder.write(name, content)
    seen: Counter[str] = Counter()
    open_here = Path.open

    class Counted(io.FileIO):
        def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
            count = super().readinto(buffer) or 0
            seen["bytes"] += count
            return count

    def counted(self: Path, *args: str, **more: str) -> object:
        if str(self) != path:
            return open_here(self, *args, **more)  # type: ignore[call-overload]
        seen["opened"] += 1
        return io.BufferedReader(Counted(path))

    monkeypatch.setattr(Path, "open", counted)
    assert taken(work, path).store.manifest.rows == len(rows)
    size = os.path.getsize(path)
    if name == "lines.json":
        # Whether a `.json` holds lines is seen from its first ones.
        assert seen["opened"] == 2
        assert seen["bytes"] <= size + (2 << 20)
    else:
        # What is mapped into memory, as Parquet is, is not counted: its SHA-256 alone is.
        assert (seen["opened"], seen["bytes"]) == (1, size)
