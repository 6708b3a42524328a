"""Whatever the input: text survives, and anything else is refused in a line."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.amounts import Tally, amount
from tests.rows.folder import json_lines, read
from tma_prep.errors import InputError

CASES: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = TEXT.filter(lambda key: not key.startswith("tma_") and key not in ("prompt", "response"))
ROWS = st.lists(
    st.builds(
        lambda prompt, response, rest: {"prompt": prompt, "response": response, **rest},
        TEXT.filter(lambda prompt: bool(prompt.strip())),
        TEXT,
        st.dictionaries(KEYS, TEXT, max_size=3),
    ),
    min_size=1,
    max_size=8,
)


@given(ROWS, st.sampled_from(["jsonl", "json"]), st.booleans())
def test_text_survives(rows: list[dict[str, object]], ending: str, ascii_only: bool) -> None:
    """Any columns of any text, from lines and from an array; absent ones are null."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{ending}"
        if ending == "json":
            path.write_bytes(json.dumps(rows, ensure_ascii=ascii_only).encode())
        else:
            path.write_bytes(json_lines(rows).encode())
        found = read(str(path))
    keys = {key for row in rows for key in row}
    with_nulls = [{key: row.get(key) for key in keys} for row in rows]
    assert found.exchanges == [(row["prompt"], row["response"]) for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jsonl"
        path.write_bytes(json_lines(rows).encode())
        assert read(str(path)).table.to_pylist() == with_nulls


def _read_or_refuse(data: bytes, ending: str, tally: Tally) -> None:
    """Read all there is to read; an error that is not one of ours fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{ending}"
        path.write_bytes(data)
        try:
            found = read(str(path), on_bad_row="skip")
            assert len(found.table.to_pylist()) == len(found.instances)
            tally.add("read")
        except InputError as error:
            assert "\n" not in str(error)
            assert path.name in str(error)
            tally.add("refused in a line")


@settings(max_examples=amount(60, 6000), **CASES)
@given(
    data=st.binary(),
    ending=st.sampled_from(["jsonl", "json", "parquet", "arrow", "jsonl.gz", "json.zst"]),
)
def test_any_bytes(tally: Tally, data: bytes, ending: str) -> None:
    """Any bytes as an input file of any kind."""
    _read_or_refuse(data, ending, tally)


@settings(max_examples=amount(100, 6000), **CASES)
@given(
    marks=st.lists(
        st.sampled_from(list('[]{},:" \n\\u"d8é1e.-') + ['"prompt"', '"response"', "null"])
    ),
    ending=st.sampled_from(["jsonl", "json"]),
)
def test_any_marks_of_json(tally: Tally, marks: list[str], ending: str) -> None:
    """Text that is nearly JSON as an input file."""
    _read_or_refuse("".join(marks).encode(), ending, tally)


def _whole_files() -> dict[str, bytes]:
    rows = [
        {"prompt": f"p{n}é", "response": "r", "m": [{"a": n, "b": "q"}], "x": n / 2, "task": "t"}
        for n in range(9)
    ]
    table = pa.table(pa.Table.from_pylist(rows))
    parquet, file, stream = (pa.BufferOutputStream() for _ in range(3))
    pq.write_table(table, parquet, compression="none")
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return {
        "parquet": bytes(parquet.getvalue()),
        "arrow": bytes(file.getvalue()),
        "feather": bytes(stream.getvalue()),
        "jsonl": json_lines(rows).encode(),
        "json": json.dumps(rows, ensure_ascii=False).encode(),
    }


WHOLE = _whole_files()


@pytest.mark.parametrize("ending", WHOLE)
@settings(max_examples=amount(150, 6000), **CASES)
@given(data=st.data())
def test_damaged_files(tally: Tally, ending: str, data: st.DataObject) -> None:
    """An input file of any kind, some bytes of which are others."""
    damaged = bytearray(WHOLE[ending])
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    _read_or_refuse(bytes(damaged), ending, tally)
