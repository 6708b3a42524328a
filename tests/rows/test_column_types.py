"""Arrow types: what can be carried to the shards is read, the rest is refused before a row is."""

import contextlib
import re
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from tests.rows.folder import Folder, as_table, read
from tests.rows.kinds import every
from tma_prep.rows.column_types import as_stored, stored_schema, stored_type
from tma_prep.rows.containers import read_blocks
from tma_prep.rows.sources import find_files
from tma_prep.verify.join import places_that_differ

PAIR = [pa.field("prompt", pa.string()), pa.field("response", pa.string())]


def _polars_frame(rows: int) -> pl.DataFrame:
    numbers = range(rows)
    long = "longer than the twelve bytes that a view holds itself"
    return pl.DataFrame(
        {
            "prompt": [f"p{n} {long}" for n in numbers],
            "response": [f"r{n}" if n % 2 else "" for n in numbers],
            "maybe": [None if n % 3 else long for n in numbers],
            "blob": [None if n % 2 else b"\x00\xff" * n for n in numbers],
            "tags": [[f"t{n}", None, long][: n % 4] for n in numbers],
            "deep": [{"a": long, "b": [{"c": b"x"}], "n": n} for n in numbers],
            "pair": pl.Series([["a", long]] * rows, dtype=pl.Array(pl.String, 2)),
            "kind": pl.Series(["u", "v"] * (rows // 2), dtype=pl.Categorical),
            "level": pl.Series(["u", "v"] * (rows // 2), dtype=pl.Enum(["u", "v"])),
            "inside": [{"k": "u"}, {"k": "v"}] * (rows // 2),
            "when": [datetime(2024, 1, 2)] * rows,
            "day": [date(2024, 2, 29)] * rows,
            "nothing": [None] * rows,
        },
        schema_overrides={"inside": pl.Struct({"k": pl.String})},
    )


@pytest.mark.parametrize("compression", ["uncompressed", "zstd"])
def test_what_polars_writes_by_default(folder: Folder, compression: str) -> None:
    """Views, at any depth, come in as large text; values are the same; shards can hold them."""
    frame = _polars_frame(5000)
    path = folder.root / "x.arrow"
    frame.write_ipc(path, compression="zstd" if compression == "zstd" else "uncompressed")
    assert "string_view" in str(pa.ipc.open_file(str(path)).schema)
    found = read(str(path))
    assert found.exchanges == list(zip(frame["prompt"], frame["response"], strict=True))
    assert "view" not in str(found.table.schema)
    assert found.table.schema.field("prompt").type == pa.large_string()
    assert found.table.schema.field("blob").type == pa.large_binary()
    assert found.table.to_pylist() == frame.to_arrow().to_pylist()
    kept = np.array([0, 7, 2047, 2048, 4999])
    pq.write_table(found.table.take(pa.array(kept)), folder.root / "out.parquet")
    assert pl.read_parquet(folder.root / "out.parquet").equals(frame[kept.tolist()])


def test_views_beside_large_text_and_in_parquet(folder: Folder) -> None:
    """Files that differ only in views have one schema."""
    frame = _polars_frame(4).select("prompt", "response", "tags")
    frame.write_ipc(folder.root / "1.arrow")
    frame.write_parquet(folder.root / "2.parquet")
    views = frame.to_arrow(compat_level=pl.CompatLevel.newest())
    folder.write("3.parquet", views)
    assert pa.types.is_string_view(pq.read_schema(folder.root / "3.parquet").field(0).type)
    found = read(str(folder.root / "*"))
    assert found.table.num_rows == 12
    assert found.table.to_pylist() == frame.to_dicts() * 3


REFUSED = {
    "run_end_encoded": pa.RunEndEncodedArray.from_arrays([1], ["x"]),
    "sparse_union": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
    "dense_union": pa.UnionArray.from_dense(
        pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])]
    ),
    "month_day_nano_interval": pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
    r"fixed_size_list<item: int32>\[0\]": pa.array([[]], pa.list_(pa.int32(), 0)),
    r"struct<>": pa.array([{}], pa.struct([])),
    r"list<item: struct<>>": pa.array([[{}]], pa.list_(pa.struct([]))),
    r"fixed_size_binary\[0\]": pa.array([b""], pa.binary(0)),
    "struct<a: int64, a: int64>": pa.StructArray.from_arrays([pa.array([1])] * 2, ["a", "a"]),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_types_that_no_shard_can_hold(folder: Folder, kind: str) -> None:
    """They are refused when the pool is opened, with the file, the column and the remedy."""
    table = pa.table({"prompt": ["p"], "response": ["r"], "odd": REFUSED[kind]})
    path = folder.write("x.arrow", table)
    message = folder.error(path, on_bad_row="skip")
    assert re.search(
        rf"/x\.arrow: column `odd` is {kind}.*, which cannot be written to Parquet shards \(.+\); "
        "cast it to another type, or drop it$",
        message,
    )


def test_a_long_type_is_cut(folder: Folder) -> None:
    """One line stays one that can be read."""
    wide = pa.struct([pa.field(f"member\n{n}", pa.string()) for n in range(99)])
    kind = pa.struct([("wide", wide), ("odd", pa.struct([]))])
    path = folder.write("x.arrow", pa.schema([*PAIR, pa.field("s", kind)]).empty_table())
    assert len(folder.error(path)) < 400 + len(path)


def test_members_that_are_never_null(folder: Folder) -> None:
    """Objects with required members are no obstacle; Spark writes them."""
    kind = pa.struct([pa.field("a", pa.struct([pa.field("b", pa.int64(), nullable=False)]))])
    values = pa.array([{"a": {"b": 1}}, {"a": None}, None], kind)
    table = pa.table({"prompt": ["p"] * 3, "response": ["r"] * 3, "s": values})
    found = read(folder.write("x.parquet", table))
    assert found.table.to_pylist() == table.to_pylist()
    pq.write_table(found.table, folder.root / "out.parquet")


def test_a_null_where_none_may_be(folder: Folder) -> None:
    """An Arrow file can hold one; no Parquet file can."""
    schema = pa.schema([*PAIR, pa.field("n", pa.int64(), nullable=False)])
    path = folder.write("x.arrow", pa.table([["p"], ["r"], pa.array([None])], schema=schema))
    message = folder.error(path, on_bad_row="skip")
    assert "x.arrow: column `n` is declared not null and holds a null; declare it null" in message


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
@pytest.mark.parametrize("empty", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2)])
def test_parts_without_rows(folder: Folder, ending: str, empty: tuple[int, ...]) -> None:
    """Some files of a set may hold no row."""
    table = pa.table({"prompt": ["a", "b"], "response": ["", ""], "n": [1, 2]})
    for part in range(3):
        content = table.slice(0, 0) if part in empty else table
        folder.write(f"part-{part}.{ending}", content)
    found = read(str(folder.root))
    assert [one.rows for one in found.found.inputs] == [
        0 if part in empty else 2 for part in range(3)
    ]
    assert [row.row for row in found.instances] == list(range(6 - 2 * len(empty)))
    assert found.table.equals(pa.concat_tables([table] * (3 - len(empty))))


def test_no_part_with_a_row(folder: Folder) -> None:
    """A file of no bytes, or no row in any file, is an error."""
    table = as_table([{"prompt": "p", "response": "r"}])
    paths = [folder.write(f"{n}.parquet", table.slice(0, 0)) for n in range(3)]
    message = folder.error(*paths)
    assert message.endswith(
        "0.parquet: is empty, and so are the 2 files after it; it must hold at least one row"
    )
    whole = folder.write("whole.parquet", table)
    assert "x.parquet: is empty; it" in folder.error(whole, folder.write("x.parquet", b""))


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
@pytest.mark.parametrize(
    ("characters", "rows", "most"), [(10, 5000, 2048), (2 << 20, 40, 16), (40 << 20, 2, 1)]
)
def test_blocks_are_bounded_by_bytes(
    folder: Folder, ending: str, characters: int, rows: int, most: int
) -> None:
    """About 32 MB a block, 2,048 rows at most, and one row at least."""
    texts = [f"{n:06}".ljust(characters, "x") for n in range(rows)]
    path = folder.write(f"x.{ending}", pa.table({"prompt": texts, "response": [""] * rows}))
    sizes = [len(block) for block in read_blocks(find_files([path])[0])]
    assert sum(sizes) == rows
    assert most // 2 < max(sizes) <= most or max(sizes) == most == 1


def test_one_wide_row_group_sets_the_blocks(folder: Folder) -> None:
    """The widest part of a file is what must fit."""
    path = folder.root / "x.parquet"
    table = pa.table({"prompt": ["p"] * 4000, "response": ["r"] * 4000})
    wide = pa.table({"prompt": [f"{n}" * (8 << 20) for n in range(4)], "response": ["r"] * 4})
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        writer.write_table(wide)
    largest = max(block.table.nbytes for block in read_blocks(path) if hasattr(block, "table"))
    assert largest <= 36 << 20


def test_the_trial_is_made_once_a_type(folder: Folder) -> None:
    """A thousand columns open quickly."""
    table = pa.table({"prompt": ["p"], "response": ["r"], **{f"c{n}": [n] for n in range(1000)}})
    path = folder.write("x.parquet", table)
    assert read(path).table.num_columns == 1002


STORABLE = {
    name: array
    for name, array in every().items()
    if not re.search(r"union|run_end|interval|of none|decimal of tens", name)
}


@pytest.mark.parametrize("name", STORABLE)
def test_stored_types_come_back_from_parquet(name: str) -> None:
    """Exactly, whole and in part; their values are those that came in."""
    path = Path("x.arrow")
    given = pa.table({"x": STORABLE[name]})
    schema = stored_schema(path, given.schema)
    table = as_stored(given, path)
    table.validate(full=True)
    assert table.schema.equals(schema)
    assert as_stored(table, path).schema.equals(schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    found = pq.ParquetFile(pa.BufferReader(sink.getvalue())).read()
    assert found.schema.equals(schema)
    taken = pa.concat_tables([found, as_stored(given.slice(1), path)]).take([4, 0, 3])
    assert not list(places_that_differ(taken["x"], table.take([2, 0, 1])["x"]))
    with contextlib.suppress(OverflowError, pa.ArrowException):
        # What Python holds of the values as they came in.
        assert repr(table["x"].to_pylist()) == repr(given["x"].to_pylist())


def test_the_types_that_change() -> None:
    """All of them, by example."""
    changed = {
        pa.timestamp("s", "UTC"): pa.timestamp("ms", "UTC"),
        pa.time32("s"): pa.time32("ms"),
        pa.date64(): pa.date32(),
        pa.string_view(): pa.large_string(),
        pa.binary_view(): pa.large_binary(),
        pa.list_view(pa.date64()): pa.list_(pa.date32()),
        pa.dictionary(pa.int8(), pa.large_string(), True): pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int8(), pa.date64()): pa.date32(),
        pa.struct([("x", pa.dictionary(pa.int8(), pa.string()))]): pa.struct([("x", pa.string())]),
    }
    for kind, stored in changed.items():
        assert stored_type(kind).equals(stored)
        assert stored_type(stored).equals(stored)


def test_a_value_that_the_stored_type_cannot_hold(folder: Folder) -> None:
    """It is told with its column."""
    far = pa.array([2**62]).view(pa.timestamp("s"))
    path = folder.write("x.arrow", pa.table({"prompt": ["p"], "response": ["r"], "x": far}))
    message = folder.error(path)
    assert "x.arrow: column `x` is stored as timestamp[ms], which cannot hold a value" in message
    assert message.endswith("; mend it, or drop the column")


def test_a_dictionary_that_holds_null(folder: Folder) -> None:
    """Parquet writes none."""
    values = pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), ["x", None])
    table = pa.table({"prompt": ["p"] * 3, "response": ["r"] * 3, "x": values})
    assert read(folder.write("x.arrow", table)).table["x"].to_pylist() == ["x", None, None]


@pytest.mark.parametrize("values", [40, 100])
def test_dictionaries_of_many_blocks(folder: Folder, values: int) -> None:
    """Each file may have another; where all are too many for the indices, the column is text."""
    words = [f"w{n // 3000 * values + n % values}" for n in range(9000)]
    small = pa.dictionary(pa.int8(), pa.string())
    for part in range(3):
        there = words[part * 3000 :][:3000]
        columns = {"prompt": there, "response": there, "x": pa.array(there).cast(small)}
        folder.write(f"{part}.arrow", pa.table(columns))
    column = read(str(folder.root)).table["x"]
    assert column.type == (small if values == 40 else pa.string())
    assert column.to_pylist() == words
