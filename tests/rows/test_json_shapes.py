"""No value of JSON changes on its way into a column."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rows.folder import Folder, json_lines, read

P: dict[str, object] = {"prompt": "p", "response": "r"}
WIDE = 2**53 + 1

NUMBERS = st.one_of(
    st.integers(-(2**64), 2**64),
    st.sampled_from([2**53, WIDE, -WIDE, 2**53 + 2, 2**63 - 1, 2**63, 0, 1]),
    st.floats(allow_nan=False),
    st.booleans(),
    st.none(),
)
VALUES = st.recursive(
    NUMBERS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("ab"), inner, min_size=1, max_size=2)
    ),
    max_leaves=4,
)


def _same(before: object, after: object) -> bool:
    """Equal, where true is no number, an absent key is null, and only an int may become a float."""
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() <= after.keys() and all(
            _same(before.get(key), value) for key, value in after.items()
        )
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_same, before, after))
    if type(before) is int and type(after) is float:
        return before == after
    return type(before) is type(after) and before == after


@given(st.lists(VALUES, min_size=1, max_size=6))
def test_what_is_kept_is_what_was_there(values: list[object]) -> None:
    """Whatever comes together: a row is skipped or comes back with the value that it had."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jsonl"
        path.write_text(json_lines([{**P, "x": value} for value in values]))
        found = read(str(path), on_bad_row="skip")
        column = [row.get("x") for row in found.table.to_pylist()]
    kept = [values[row.row] for row in found.instances]
    assert len(column) == len(kept)
    assert all(map(_same, kept, column)), (kept, column)


APART: dict[str, tuple[object, object, str]] = {
    "int after floats": (0.5, WIDE, "is double in the rows before and here int 9007199254740993,"),
    "float after ints": (WIDE, 0.5, "is int64 in the rows before and here float 0.5, and a whole"),
    "in lists": ([WIDE], [0.5], r"is list<item: int64> in the rows before and here list [0.5],"),
    "in objects": ({"a": 0.5}, {"a": WIDE}, "here dict {'a': 9007199254740993}, and a whole"),
    "true after int": (1, True, "is int64 in the rows before and here bool True; give the column"),
    "true after float": (1.5, True, "is double in the rows before and here bool True; give the"),
    "int after true": (True, 0, "is bool in the rows before and here int 0; give the column one"),
    "true in lists": ([0.5], [True], "here list [True]; give the column one type"),
    "true in objects": ({"a": 0.5}, {"a": False}, "here dict {'a': False}; give the column one"),
}


@pytest.mark.parametrize("case", APART)
@pytest.mark.parametrize("apart", [0, 3000], ids=["one block", "two blocks"])
def test_two_rows_that_do_not_go_together(folder: Folder, case: str, apart: int) -> None:
    """The later is the bad row, in one block and across blocks."""
    one, two, message = APART[case]
    rows = [{**P, "x": one}, *[P] * apart, {**P, "x": two}, {**P, "x": one}]
    path = folder.write("x.json", json.dumps(rows))
    assert f"row {apart + 1}: mixed schemas: column `x` " in folder.error(path)
    assert message in folder.error(path)
    found = read(path, on_bad_row="skip")
    assert [bad.row for bad in found.skipped] == [apart + 1]
    assert [row["x"] for row in found.table.to_pylist()] == [one, *[None] * apart, one]


def test_rows_of_many_shapes(folder: Folder) -> None:
    """More shapes than are remembered: all keys are there, in order of appearance."""
    rows: list[dict[str, object]] = [{**P, f"k{n % 5000}": n} for n in range(6000)]
    found = read(folder.lines("x.jsonl", *[{**P, "m": row} for row in rows[:300]]))
    assert found.table.column("m").to_pylist()[7]["k7"] == 7
    flags = [{**P, **{f"f{bit}": 1 for bit in range(13) if n >> bit & 1}} for n in range(6000)]
    found = read(folder.lines("y.jsonl", *flags))
    assert found.table.schema.names == ["prompt", "response", *(f"f{bit}" for bit in range(13))]
    assert [row["f12"] for row in found.table.to_pylist()].count(1) == 6000 - 4096


def test_a_row_that_misfits_leaves_no_column(folder: Folder) -> None:
    """Neither its good columns nor the one that does not fit."""
    found = read(
        folder.lines("x.jsonl", {**P, "n": 1}, {**P, "new": 1, "n": "x"}, {**P, "new": "text"}),
        on_bad_row="skip",
    )
    assert [bad.row for bad in found.skipped] == [1]
    assert found.table.schema.field("new").type == "string"
