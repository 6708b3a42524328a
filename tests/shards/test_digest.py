"""The digest over rows is what its rules say, and knows nothing of how rows are held."""

import datetime
import decimal
import hashlib
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.shards.test_writer import order_of, stream, user_table
from tma_prep.shards.digest import RowsDigest, rows_sha256
from tma_prep.shards.writer import write_shards

ROWS = 2500


def digest_of(table: pa.Table, step: int = 10_000) -> str:
    """The digest of a table given so many rows at a time."""
    digest = RowsDigest()
    for start in range(0, table.num_rows, step):
        digest.add(table.slice(start, step))
    return rows_sha256(digest.finish())


def by_the_rules(columns: dict[str, tuple[Sequence[object], Callable[..., bytes]]]) -> str:
    """The same from Python values alone: each column with what makes bytes of its values."""
    count = len(next(iter(columns.values()))[0])
    whole = b""
    for start in range(0, count, 1024):
        block = b""
        for name, (values, encode) in columns.items():
            block += struct.pack("<q", len(name.encode())) + name.encode()
            block += encode(values[start : start + 1024])
        whole += hashlib.sha256(block).digest()
    return hashlib.sha256(whole).hexdigest()


def _present(values: Sequence[object]) -> tuple[bytes, list[object]]:
    there = [value for value in values if value is not None]
    head = struct.pack("<qq", len(values), len(values) - len(there))
    if len(there) < len(values):
        head += bytes(value is not None for value in values)
    return head, there


def _texts(values: Sequence[object]) -> bytes:
    head, there = _present(values)
    encoded = [str(value).encode() for value in there]
    return head + b"".join(struct.pack("<q", len(text)) for text in encoded) + b"".join(encoded)


def _int8s(values: Sequence[object]) -> bytes:
    head, there = _present(values)
    return head + b"".join(struct.pack("<b", value) for value in there)


def _booleans(values: Sequence[object]) -> bytes:
    head, there = _present(values)
    return head + bytes(map(bool, there))


def _lists(of_items: Callable[[Sequence[object]], bytes]) -> Callable[[Sequence[object]], bytes]:
    def encode(values: Sequence[object]) -> bytes:
        head, there = _present(values)
        lists = [list(value) for value in there]  # type: ignore[call-overload]
        lengths = b"".join(struct.pack("<q", len(items)) for items in lists)
        return head + lengths + of_items([item for items in lists for item in items])

    return encode


def _objects(**fields: Callable[[Sequence[object]], bytes]) -> Callable[[Sequence[object]], bytes]:
    def encode(values: Sequence[object]) -> bytes:
        head, there = _present(values)
        columns = [
            encode([value[name] for value in there])  # type: ignore[index]
            for name, encode in fields.items()
        ]
        return head + b"".join(columns)

    return encode


def test_it_is_what_its_rules_say() -> None:
    """Computed once more from Python values, nulls at every level and lists of objects too."""
    draw = np.random.default_rng(0)
    texts = [None if n % 7 == 0 else "ü" * (n % 5) for n in range(ROWS)]
    small = [None if n % 5 == 0 else int(draw.integers(-100, 100)) for n in range(ROWS)]
    yes = [None if n % 3 == 0 else n % 2 == 0 for n in range(ROWS)]
    turns = [
        None
        if n % 11 == 0
        else [
            None if k == 2 else {"role": f"r{k}", "n": None if k else n % 100} for k in range(n % 4)
        ]
        for n in range(ROWS)
    ]
    kind = pa.list_(pa.struct([("role", pa.string()), ("n", pa.int8())]))
    table = pa.table(
        {
            "text": texts,
            "größe": pa.array(small, pa.int8()),
            "yes": yes,
            "turns": pa.array(turns, kind),
        }
    )
    assert digest_of(table) == by_the_rules(
        {
            "text": (texts, _texts),
            "größe": (small, _int8s),
            "yes": (yes, _booleans),
            "turns": (turns, _lists(_objects(role=_texts, n=_int8s))),
        }
    )


def many_types() -> pa.Table:
    """A column of every kind that shards carry, with nulls."""
    numbers = range(ROWS)
    start = datetime.datetime(2020, 1, 1)
    pairs = [[(f"k{k}", k if k else None) for k in range(n % 3)] for n in numbers]
    columns = {
        "text": pa.array([f"text {n}" for n in numbers]),
        "large": pa.array([f"{n}" * 3 for n in numbers], pa.large_string()),
        "bytes": pa.array([bytes([n % 256]) * (n % 4) for n in numbers]),
        "turns": pa.array([[{"role": "user", "n": n}] * (n % 3) for n in numbers]),
        "vector": pa.array([[n, n / 2] for n in numbers], pa.list_(pa.float32(), 2)),
        "pairs": pa.array(pairs, pa.map_(pa.string(), pa.int64())),
        "when": pa.array([start + datetime.timedelta(n) for n in numbers], pa.timestamp("us")),
        "price": pa.array([decimal.Decimal(n) / 4 for n in numbers], pa.decimal128(9, 2)),
        "kind": pa.array([f"k{n % 4}" for n in numbers]).dictionary_encode(),
        "kinds": pa.array([[f"k{n % 4}"] for n in numbers], pa.list_(pa.string())),
        "yes": pa.array([n % 3 == 0 for n in numbers]),
        "half": pa.array(np.arange(ROWS, dtype=np.float16)),
        "id": pa.array([n.to_bytes(16, "big") for n in numbers], pa.uuid()),
        "nothing": pa.nulls(ROWS),
    }
    gone = [n % 13 == 0 for n in numbers]
    return pa.table(
        {
            name: pa.array(
                [
                    None if null else value
                    for null, value in zip(gone, column.to_pylist(), strict=True)
                ],
                column.type,
            )
            if name != "kind"
            else column
            for name, column in columns.items()
        }
    )


@pytest.mark.parametrize("step", [1000, 1024, 7])
def test_it_does_not_depend_on_how_rows_come(step: int) -> None:
    """Cut anywhere, after rows that were sliced away, in chunks."""
    table = many_types()
    whole = digest_of(table)
    assert digest_of(table, step) == whole
    before = pa.concat_tables([table.slice(5, 3), table])
    assert digest_of(before.slice(3), step) == whole


def test_it_does_not_depend_on_encodings(tmp_path: Path) -> None:
    """Parquet with and without dictionaries, in short row groups; text as a dictionary."""
    table = many_types()
    for use_dictionary, rows_a_group in ((True, ROWS), (False, 100)):
        path = tmp_path / f"{rows_a_group}.parquet"
        pq.write_table(table, path, use_dictionary=use_dictionary, row_group_size=rows_a_group)
        assert digest_of(pq.read_table(path)) == digest_of(table)
    encoded = table.set_column(0, "text", table.column("text").dictionary_encode())
    assert digest_of(encoded) == digest_of(table)


@pytest.mark.parametrize("name", many_types().column_names[:-1])
def test_it_depends_on_every_value(name: str) -> None:
    """One value less, of any column, is another digest; so are two rows that change places."""
    table = many_types()
    column = table.column(name).combine_chunks()
    place = table.column_names.index(name)
    changed = pa.concat_arrays([column.slice(0, 100), pa.nulls(1, column.type), column.slice(101)])
    assert digest_of(table.set_column(place, name, changed)) != digest_of(table)
    assert digest_of(table.rename_columns([f"{n}{n == name}" for n in table.column_names])) != (
        digest_of(table)
    )
    swapped = np.arange(ROWS)
    swapped[[100, 102]] = [102, 100]
    one = table.select([name])
    assert digest_of(one.take(pa.array(swapped))) != digest_of(one)


@pytest.mark.parametrize("rows_per_shard", [1, 20, 57, 1000])
def test_it_does_not_depend_on_shards(tmp_path: Path, rows_per_shard: int) -> None:
    """What the writer says is the digest of the rows that can be read back."""
    table, order = user_table(), order_of(np.random.default_rng(2).permutation(57))
    written = write_shards(
        tmp_path,
        order,
        stream(table, 7),
        table.schema,
        rows_per_shard=rows_per_shard,
        memory_bytes=1 << 30,
    )
    assert written.rows_sha256 == digest_of(pq.read_table(tmp_path))


@pytest.mark.parametrize("rows_per_shard", [300, 1024, 1500, 9000])
def test_blocks_reach_over_shards(tmp_path: Path, rows_per_shard: int) -> None:
    """Shards that end inside a block, several in one block, and on its edge."""
    table = pa.table({"n": np.arange(5000)})
    written = write_shards(
        tmp_path,
        order_of(np.random.default_rng(2).permutation(5000)),
        ((np.arange(start, start + 500), table.slice(start, 500)) for start in range(0, 5000, 500)),
        table.schema,
        rows_per_shard=rows_per_shard,
        memory_bytes=1 << 30,
    )
    assert written.rows_sha256 == digest_of(pq.read_table(tmp_path))
