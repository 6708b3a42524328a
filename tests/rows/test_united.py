"""Columns of several files come together in one schema, with every value they had."""

import decimal
import json

import pyarrow as pa
import pytest

from tests.rows.folder import Folder, read
from tests.rows.kinds import every
from tma_prep.errors import InputError
from tma_prep.rows.column_types import stored_type
from tma_prep.rows.conversion import JSON, converted
from tma_prep.rows.united import DoesNotFit, UnitedRows, united_schema, wider
from tma_prep.values import rows_of, values_of
from tma_prep.verify.join import places_that_differ

TEXT = pa.string()
STRUCT = pa.struct([("a", pa.int8()), ("b", TEXT)])

WIDENED = [
    (pa.null(), STRUCT, STRUCT),
    (TEXT, pa.large_string(), pa.large_string()),
    (pa.dictionary(pa.int32(), TEXT), TEXT, TEXT),
    (pa.dictionary(pa.int32(), TEXT), pa.large_string(), pa.large_string()),
    (pa.binary(2), pa.binary(3), pa.binary()),
    (pa.int8(), pa.int64(), pa.int64()),
    (pa.uint8(), pa.int8(), pa.int16()),
    (pa.uint64(), pa.int64(), pa.int64()),
    (pa.int64(), pa.float32(), pa.float64()),
    (pa.float16(), pa.float32(), pa.float32()),
    (pa.decimal128(5, 2), pa.decimal128(30, 4), pa.decimal128(30, 4)),
    (pa.timestamp("ms", "UTC"), pa.timestamp("ns", "UTC"), pa.timestamp("ns", "UTC")),
    (pa.list_(TEXT), pa.large_list(pa.large_string()), pa.large_list(pa.large_string())),
    (pa.list_(pa.float32(), 2), pa.list_(pa.float64()), pa.list_(pa.float64())),
    (
        pa.struct([("a", pa.int8()), ("b", TEXT)]),
        pa.struct([("a", pa.int64()), ("b", pa.null())]),
        pa.struct([("a", pa.int64()), ("b", TEXT)]),
    ),
    (pa.map_(TEXT, pa.int8()), pa.map_(TEXT, pa.float64()), pa.map_(TEXT, pa.float64())),
    (TEXT, pa.int64(), JSON),
    (pa.bool_(), pa.int64(), JSON),
    (pa.timestamp("ms", "UTC"), pa.timestamp("ms"), JSON),
    (pa.list_(TEXT), pa.list_(pa.int64()), pa.list_(JSON)),
    (STRUCT, pa.struct([("b", TEXT), ("a", pa.int8())]), JSON),
    (STRUCT, pa.struct([("a", pa.int8())]), JSON),
    (JSON, pa.json_(pa.large_string()), JSON),
    (JSON, STRUCT, JSON),
]


@pytest.mark.parametrize(("one", "other", "expected"), WIDENED, ids=lambda kind: str(kind))
def test_types_are_widened(one: pa.DataType, other: pa.DataType, expected: pa.DataType) -> None:
    """Whichever file comes first."""
    assert wider(one, other).equals(expected)
    assert wider(other, one).equals(expected)


STORED = {
    name: converted(array, stored_type(array.type))
    for name, array in every().items()
    if stored_type(array.type).equals(array.type) or " in " not in name
    if not any(word in name for word in ("union", "run_end", "interval", "of none", "of tens"))
}


@pytest.mark.parametrize("name", STORED)
def test_every_type_beside_others(name: str) -> None:
    """No value changes, but into JSON, or the column is named that does not fit."""
    array = STORED[name]
    table = pa.table({"x": array})
    for other in (pa.null(), TEXT, pa.int64(), pa.float64(), STRUCT, pa.list_(TEXT), array.type):
        schema = united_schema([table.schema, pa.schema([("x", other)])])
        assert schema.equals(united_schema([pa.schema([("x", other)]), table.schema]))
        try:
            found = UnitedRows(schema).conformed(table)
        except DoesNotFit as error:
            assert error.column == "x"
            assert name in ("uint64", "int64")
            schema = united_schema([table.schema, pa.schema([("x", other)])], misfits=["x"])
            found = UnitedRows(schema).conformed(table)
        found.validate(full=True)
        if schema.field("x").type.equals(JSON):
            assert found["x"].null_count == array.null_count
        elif "float" not in str(other):
            kept = found["x"].cast(array.type) if pa.types.is_integer(array.type) else found["x"]
            if kept.type.equals(array.type):
                assert not list(places_that_differ(kept, array))


def test_columns_that_a_file_lacks() -> None:
    """They are null there, so that the column may be; the first file's metadata stays."""
    never = pa.field("a", pa.int64(), nullable=False)
    one = pa.table([[1], [2]], pa.schema([never, never.with_name("b")], {"owner": "someone"}))
    two = pa.table([["x"], [3]], pa.schema([pa.field("c", TEXT), never]))
    schema = united_schema([one.schema, two.schema])
    assert schema.names == ["a", "b", "c"]
    assert schema.metadata == {b"owner": b"someone"}
    assert [field.nullable for field in schema] == [False, True, True]
    tables = [UnitedRows(schema).conformed(table) for table in (one, two)]
    assert pa.concat_tables(tables).to_pylist() == [
        {"a": 1, "b": 2, "c": None},
        {"a": 3, "b": None, "c": "x"},
    ]


def test_json_of_values() -> None:
    """Keys, their order and nulls stay; what JSON lacks is text; JSON stays as it is written."""
    price = {"price": decimal.Decimal("1.10"), "z": None, "a": "é"}
    kind = pa.struct([("price", pa.decimal128(5, 2)), ("z", pa.int8()), ("a", TEXT)])
    found = converted(pa.array([price, None], kind), JSON)
    assert found.storage.to_pylist() == ['{"price": "1.10", "z": null, "a": "\\u00e9"}', None]
    written = pa.array(['{"b":1.10}'], pa.json_(pa.large_string()))
    assert converted(written, JSON).storage.to_pylist() == ['{"b":1.10}']
    items = pa.array([[1, None], None, []], pa.list_(pa.int64())).slice(0)
    assert values_of(converted(items, pa.list_(JSON))) == [[1, None], None, []]
    pairs = pa.array([[("k", 1)], None, []], pa.map_(TEXT, pa.int64())).slice(1)
    assert values_of(converted(pairs, pa.map_(TEXT, JSON))) == [None, []]


PAIR = {"prompt": ["p"], "response": ["r"]}


def test_files_whose_columns_differ(folder: Folder) -> None:
    """Parquet beside Arrow: every row has what its file says."""
    folder.write("1.parquet", pa.table({**PAIR, "n": [1], "id": ["a"]}))
    folder.write("2.arrow", pa.table({**PAIR, "m": [[True]], "n": [0.5], "id": [7]}))
    folder.write("3.parquet", pa.table({"response": ["r"], "prompt": ["p"]}))
    found = read(str(folder.root / "*"))
    assert found.table.schema.field("n").type == pa.float64()
    assert found.table.schema.field("id").type == JSON
    base = {"prompt": "p", "response": "r"}
    assert rows_of(found.table) == [
        base | {"n": 1.0, "id": "a", "m": None},
        base | {"n": 0.5, "id": 7, "m": [True]},
        base | {"n": None, "id": None, "m": None},
    ]
    assert [row.id for row in found.instances] == ["a", "7", None]


def test_whole_numbers_that_floats_would_round(folder: Folder) -> None:
    """They are JSON beside floats, though that is seen only when they are read."""
    folder.write("1.parquet", pa.table({**PAIR, "n": [0.1]}))
    folder.write("2.parquet", pa.table({**PAIR, "n": [2**53 + 1]}))
    found = read(str(folder.root / "*")).table
    assert found.schema.field("n").type == JSON
    assert [json.loads(text) for text in found["n"].to_pylist()] == [0.1, 2**53 + 1]


def test_text_against_numbers_where_a_sample_needs_text(folder: Folder) -> None:
    """The row is bad, by its file and number."""
    folder.write("1.parquet", pa.table(PAIR))
    folder.write("2.parquet", pa.table({"prompt": [1], "response": ["r"]}))
    with pytest.raises(InputError, match=r"2\.parquet row 0: `prompt` "):
        read(str(folder.root / "*"))


def test_a_column_that_cannot_be_stored_is_told_with_its_file(folder: Folder) -> None:
    """Also where the first file's could be."""
    folder.write("1.parquet", pa.table({**PAIR, "x": [1]}))
    odd = pa.array([(1, 2, 3)], pa.month_day_nano_interval())
    folder.write("2.arrow", pa.table({**PAIR, "x": odd}))
    with pytest.raises(InputError, match=r"2\.arrow: column `x` is month_day_nano_interval, whi"):
        read(str(folder.root / "*"))


def test_vectors_of_two_files(folder: Folder) -> None:
    """They may be of other numbers, in lists of fixed length or not."""
    single = pa.array([[1.0, 0.5]], pa.list_(pa.float32(), 2))
    folder.write("1.parquet", pa.table({**PAIR, "v": single}))
    folder.write("2.arrow", pa.table({**PAIR, "v": [[1, 2]]}))
    found = read(str(folder.root / "*"), vectors_column="v").table
    assert found["v"].to_pylist() == [[1.0, 0.5], [1.0, 2.0]]


def test_json_beside_tables(folder: Folder) -> None:
    """Columns of text against numbers, and of structs against JSON, come together as JSON."""
    said = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    calls = [{"name": "f", "arguments": {"x": 1}}]
    chat = [*said, {"role": "assistant", "content": None, "tool_calls": calls}]
    folder.write("1.parquet", pa.Table.from_pylist([{"messages": said, "n": 2**60, "s": 1.5}]))
    folder.lines("2.jsonl", {"messages": chat, "n": 0.5, "s": "text"}, {"messages": said})
    folder.write("3.csv", "question,answer,n\nq,a,3\n")
    folder.write("4.parquet", pa.table({"messages": [said], "s": pa.array([None], pa.null())}))
    found = read(str(folder.root / "*"))
    assert [sample.exchange("first") for sample in found.instances] == [("q", "a")] * 5
    assert found.instances[1].messages[2].tool_calls[0].arguments == {"x": 1}
    assert found.table.schema.names == ["messages", "n", "s", "question", "answer"]
    rows = rows_of(found.table)
    assert [row["n"] for row in rows] == [2**60, 0.5, None, "3", None]
    assert [row["s"] for row in rows] == [1.5, "text", None, None, None]
    assert rows[1]["messages"] == chat
    assert [layout.format for layout in found.found.layouts] == ["messages", "qa", "messages"]
