"""Any instances, through the whole tool: refused in a line, or every row comes out equal."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.amounts import LONG_CASES, TORTURE, Tally, amount
from tests.faults.place import Place, check_refusal, write_lines
from tma_prep import values

pytestmark = pytest.mark.slow

TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(
        [
            *(
                "",
                " ",
                "\n",
                "\x00",
                "\x1b[31mred\x1b[0m",
                "<script>alert(1)</script>",
                "\u202egnp",
            ),
            *(
                "🙂🏽\u200d❤️",
                "e\u0301",
                "ﬀ",
                "\ufeff",
                "\uffff",
                "\U0010ffff",
                "long " * 3000,
                "{}",
            ),
        ]
    ),
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.sampled_from(["a", "b", "é", "", "a b"])
SCALARS = [TEXT, st.integers(-(2**63), 2**63 - 1), NUMBERS, st.booleans(), st.none()]
KINDS: st.SearchStrategy[st.SearchStrategy[Any]] = st.recursive(
    st.sampled_from(SCALARS).map(lambda kind: st.one_of(st.none(), kind)),
    lambda inner: st.one_of(
        inner.map(lambda kind: st.lists(kind, max_size=3)),
        st.dictionaries(KEYS, inner, max_size=3).map(
            lambda kinds: st.fixed_dictionaries({}, optional=kinds)
        ),
    ),
    max_leaves=4,
)
"""Values of one type, as deep as may be."""
MIXED = st.recursive(
    st.one_of(SCALARS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=4,
)
NAMES = st.one_of(st.sampled_from(["x", "task", "id", "a b", "é", ""]), TEXT)
COMPONENT = st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, 3.0])
PROMPT = TEXT.map(lambda text: f"p{text}")


@st.composite
def rows_of(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A few rows: as a rule of one type a column, with nothing that has to be refused."""
    kinds = draw(st.dictionaries(NAMES, KINDS, max_size=3))
    if draw(st.integers(0, 7)) == 0:
        kinds["mixed"] = MIXED
    row = st.fixed_dictionaries(
        {
            "prompt": draw(st.sampled_from([*[PROMPT] * 9, TEXT])),
            "response": TEXT,
            "v": st.lists(COMPONENT, min_size=3, max_size=3).map(lambda v: [v[0] or 1.0, *v[1:]]),
        },
        optional={name: kind for name, kind in kinds.items() if name not in FIXED},
    )
    return draw(st.lists(row, min_size=1, max_size=6))


FIXED = ("prompt", "response", "v")
TESTS = [{"prompt": f"t{n}", "response": "", "v": [1.0, n, 0.0]} for n in range(3)]


def write(path: Path, rows: list[dict[str, Any]]) -> bool:
    """The rows as a file of the kind that the name says; whether that can be done."""
    if path.suffix == ".jsonl":
        write_lines(path, rows)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    else:
        try:
            pq.write_table(pa.Table.from_pylist(rows, _schema(rows)), path)
        except (pa.ArrowException, ValueError, OverflowError):
            return False
    return True


def _schema(rows: list[dict[str, Any]]) -> pa.Schema:
    """Of every key of every row; `from_pylist` takes those of the first alone."""
    names = dict.fromkeys(key for row in rows for key in row)
    columns = {name: pa.array([row.get(name) for row in rows]) for name in names}
    return pa.schema([(name, column.type) for name, column in columns.items()])


def plain(value: object) -> object:
    """A value without what JSON leaves open: absent or null keys, no key at all, and 1 or 1.0."""
    if isinstance(value, dict):
        found = {key: plain(one) for key, one in value.items()}
        return {key: one for key, one in found.items() if one is not None} or None
    if isinstance(value, list):
        return [plain(one) for one in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def shard_rows(folder: Path) -> list[dict[str, Any]]:
    """Rows of shards, JSON decoded, by `tma_row` and without what was added."""
    files = sorted(folder.glob("part-*.parquet"))
    tables = pa.concat_tables([pq.ParquetFile(file).read() for file in files])
    rows: list[dict[str, Any]] = values.rows_of(tables.sort_by("tma_row"))
    return [{key: one for key, one in row.items() if key[:4] != "tma_"} for row in rows]


def through(place: Place, file: str) -> str | None:
    """Embed, arrange, verify and export; None if embed took it, else what it was refused for."""
    inputs = ("--train", file, "--test", "tests.jsonl")
    done = place.run("embed", *inputs, "--vectors-column", "v", "--out", "any")
    if done.code:
        check_refusal(done)
        return done.err
    for words in (
        ["arrange", "any", "--order", "nft", "--order", "rt", "--rows-per-shard", "4"],
        ["verify", "any"],
        ["export", "any", "--name", "rt", "--for", "jsonl", "--out", "exported"],
    ):
        done = place.run(*words)
        assert done.code == 0, (words, done.err)
    return None


@settings(max_examples=amount(15, 800), **LONG_CASES)
@given(rows=rows_of(), kind=st.sampled_from(["jsonl", "json", "parquet"]))
def test_any_instances(place: Place, tally: Tally, rows: list[dict[str, Any]], kind: str) -> None:
    """Rows of any text, type and nesting, through embed, arrange, verify and export."""
    place.reset()
    write_lines(place.root / "tests.jsonl", TESTS)
    if not write(place.root / f"any.{kind}", rows):
        return
    if through(place, f"any.{kind}") is not None:
        tally.add("refused in a line")
        return
    expected = [plain(row) for row in rows]
    for order in ("nft", "rt"):
        assert [plain(row) for row in shard_rows(place.root / "any/shards" / order)] == expected
    lines = (place.root / "exported/train.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    found = sorted(map(json.loads, lines), key=lambda row: int(row["tma_row"]))
    users = [{key: one for key, one in row.items() if key[:4] != "tma_"} for row in found]
    assert [plain(row) for row in users] == expected
    tally.add("every row equal")


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet"] if TORTURE else ["jsonl"])
def test_one_row_of_ten_megabytes(place: Place, tally: Tally, kind: str) -> None:
    """One row of 10 MB among small ones, through embed, arrange, verify and export."""
    words = np.random.default_rng(0).choice(["alpha", "béta", "🙂", "\t", "\\", '"'], 2_700_000)
    rows = [{"prompt": f"p{n}", "response": "r", "v": [1.0, n, 2.0]} for n in range(5)]
    rows[3]["prompt"] = " ".join(words.tolist())
    assert len(str(rows[3]["prompt"]).encode()) > 10_000_000
    write_lines(place.root / "tests.jsonl", TESTS)
    assert write(place.root / f"any.{kind}", rows)
    assert through(place, f"any.{kind}") is None
    assert shard_rows(place.root / "any/shards/nft") == rows
    tally.add("every row equal")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, 1e39])
def test_vectors_without_a_direction(place: Place, tally: Tally, value: float) -> None:
    """A vector that is no vector, or that has no direction."""
    write_lines(place.root / "tests.jsonl", TESTS)
    rows = [{"prompt": "p", "response": "r", "v": [value, 0.0, 0.0]}]
    pq.write_table(pa.Table.from_pylist(rows), place.root / "any.parquet")
    refused = through(place, "any.parquet")
    assert (refused is None) == (value == 1e39), refused
    tally.add("refused in a line" if refused else "taken")
