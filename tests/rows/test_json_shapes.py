"""No value of JSON changes on its way into a column."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.rows.folder import Folder, json_lines, read
from tma_prep.values import rows_of

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
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=4,
)


def _same(before: object, after: object) -> bool:
    """Equal with the same keys in the same order; only an int may become an equal float."""
    if isinstance(before, dict) and isinstance(after, dict):
        return list(before) == list(after) and all(
            _same(value, after[key]) for key, value in before.items()
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
        column = [row.get("x") for row in rows_of(found.table)]
    kept = [values[row.row] for row in found.instances]
    assert len(column) == len(kept)
    assert all(map(_same, kept, column)), (kept, column)


def test_rows_of_many_shapes(folder: Folder) -> None:
    """More shapes than are remembered: all keys are there, in order of appearance."""
    rows: list[dict[str, object]] = [{**P, f"k{n % 5000}": n} for n in range(6000)]
    found = read(folder.lines("x.jsonl", *[{**P, "m": row} for row in rows[:300]]))
    assert [row["m"] for row in rows_of(found.table)] == rows[:300]
    flags = [{**P, **{f"f{bit}": 1 for bit in range(13) if n >> bit & 1}} for n in range(6000)]
    found = read(folder.lines("y.jsonl", *flags))
    assert found.table.schema.names == ["prompt", "response", *(f"f{bit}" for bit in range(13))]
    assert [row["f12"] for row in found.table.to_pylist()].count(1) == 6000 - 4096


def test_more_columns_than_rows_may_have(folder: Folder) -> None:
    """The first row with one too many is bad, and says what to do."""
    rows = [{**P, f"k{n}": 1} for n in range(1999)]
    path = folder.lines("x.jsonl", *rows)
    assert "line 1999: column `k1998` is one more than the 2,000" in folder.error(path)
    assert len(read(path, on_bad_row="skip").table.schema) == 2000


def test_deep_nesting_is_json(folder: Folder) -> None:
    """Deeper than Parquet can hold, it is text."""
    deep: object = []
    for _ in range(200):
        deep = {"a": deep} if len(str(deep)) % 2 else [deep]
    (row,) = rows_of(read(folder.lines("x.jsonl", {**P, "x": deep})).table)
    assert row["x"] == deep
