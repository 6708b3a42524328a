"""What stands in JSON lines comes out of shards, loaders and exports exactly so."""

import itertools
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tma_prep.arrange import arrange
from tma_prep.embeddings.stage import embed
from tma_prep.options import ArrangeOptions, EmbedOptions, ExportOptions, VerifyOptions
from tma_prep.shards import OrderedShards
from tma_prep.trainers.stage import export
from tma_prep.verify.stage import verify

Json = dict[str, Any]

VECTOR = "v"


def _exchange(n: int) -> Json:
    return {"prompt": f"Question {n}?", "response": f"Answer {n}."}


def _call(n: int, arguments: object) -> Json:
    """A conversation with one call of a tool that no other row has."""
    name = f"tool_{n}"
    parameters = {"type": "object", "properties": {f"key_{n}": {"type": "string"}}}
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return {
        "messages": [
            {"role": "user", "content": f"Please use {name}."},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": '{"celsius": 10}'},
            {"role": "assistant", "content": f"Done {n}."},
        ],
        "tools": [{"type": "function", "function": {"name": name, "parameters": parameters}}],
    }


def _turns(column: str, role: str, text: str, names: tuple[str, str]) -> list[Json]:
    return [
        {column: [{role: names[0], text: f"Hello {n}"}, {role: names[1], text: f"Yes {n}"}]}
        for n in range(4)
    ]


_EMPTY: list[Any] = [{}, [], None, [None], [[]], [{}], {"": {}}, "", False, 0]

CASES: dict[str, list[Json]] = {
    "tool calls as text": [_call(n, json.dumps({f"key_{n}": n})) for n in range(5)],
    "tool calls as objects": [_call(n, {f"key_{n}": None, "b": n, "a": [n]}) for n in range(5)],
    "keys of one row each": [
        _exchange(n) | {"scores": {f"https://site{n}.example/page": 0.5}} for n in range(5)
    ],
    "a column of one row each": [_exchange(n) | {f"column {n}": n} for n in range(5)],
    "order of keys": [
        _exchange(n) | {"meta": dict(order)}
        for n, order in enumerate(itertools.permutations({"a": 1, "b": None, "c": "x"}.items()))
    ],
    "numbers": [
        _exchange(n) | {"whole": n, "mixed": number, "object": {"number": number}}
        for n, number in enumerate([1, -0.0, 2.5, 2**53 + 1, 2**63 - 1, -(2**63), 1e308, 5e-324])
    ],
    "whole beside broken": [
        _exchange(n) | {"x": x, "xs": [x, 1]} for n, x in enumerate([2**53 - 1, 0.1, 7])
    ],
    "empty and null": [_exchange(n) | {"x": x} for n, x in enumerate(_EMPTY)],
    "only empty objects": [_exchange(n) | {"x": {}, "y": [], "z": None} for n in range(3)],
    "text that looks like others": [
        _exchange(n) | {"x": x}
        for n, x in enumerate(["2024-01-01", "null", "{}", "1e5", "\u2028", "\x00", "é\U0001f600"])
    ],
    "lists of objects": [
        _exchange(n) | {"x": [{"a": 1}, {"a": n, "b": [n, None]}][n % 2 :]} for n in range(4)
    ],
    "lists of lists of JSON that most rows lack": [
        _exchange(n) | ({"x": [["", 0.5]]} if n == 1 else {}) for n in range(13)
    ],
    "role and content": _turns("messages", "role", "content", ("user", "assistant")),
    "from and value": _turns("conversations", "from", "value", ("human", "gpt")),
    "weights": [
        {
            "messages": [
                {"role": "user", "content": f"Capital {n}?"},
                {"role": "assistant", "content": "Wrong", "weight": 0},
                {"role": "user", "content": "Sure?"},
                {"role": "assistant", "content": "Right", "weight": 1},
            ]
        }
        for n in range(3)
    ],
    "alpaca with history": [
        {
            "instruction": f"Do {n}",
            "input": "",
            "output": "Done",
            "system": "Be brief.",
            "history": [["Hi", "Hello"]][: n % 2],
        }
        for n in range(4)
    ],
    "deep": [
        _exchange(n) | {"x": json.loads('{"a":[' * 40 + str(n) + "]}" * 40)} for n in range(2)
    ],
}


def _lines(path: Path, rows: list[Json]) -> list[str]:
    vectors = ([1.0, (n * 7 + 3) % 11 + 0.5] for n in range(len(rows)))
    lines = [json.dumps(row | {VECTOR: vector}) for row, vector in zip(rows, vectors, strict=True)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return lines


def _arranged(root: Path, rows: list[Json]) -> tuple[Path, list[Json]]:
    """A workspace in which both commands have run, and the rows as `json.loads` has them."""
    lines = _lines(root / "train.jsonl", rows)
    _lines(root / "test.jsonl", [_exchange(0)])
    work = root / "work"
    train, test = [str(root / "train.jsonl")], [str(root / "test.jsonl")]
    embed(EmbedOptions(train=train, test=test, out=work, vectors_column=VECTOR))
    arrange(ArrangeOptions(work=work, rows_per_shard=5))
    return work, [json.loads(line) for line in lines]


def _assert_same(found: object, wanted: object, exact: bool) -> None:
    """The same JSON: keys and their order, numbers, nulls.

    `datasets` reads the floats inside JSON less exactly, and those below 1e-307 as 0.
    """
    if isinstance(wanted, dict):
        assert isinstance(found, dict)
        assert list(found) == list(wanted)
        for key, value in wanted.items():
            _assert_same(found[key], value, exact)
    elif isinstance(wanted, list):
        assert isinstance(found, list)
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            _assert_same(one, other, exact)
    elif isinstance(wanted, int | float) and not isinstance(wanted, bool):
        assert isinstance(found, int | float)
        assert not isinstance(found, bool)
        if exact or (isinstance(found, int) and isinstance(wanted, int)):
            assert found == wanted
        else:
            assert math.isclose(found, wanted, rel_tol=1e-15, abs_tol=1e-307)
    else:
        assert type(found) is type(wanted)
        assert found == wanted


def _assert_rows(found: list[Json], wanted: list[Json], exact: bool = True) -> None:
    """Every line once; a top-level key that it lacks is null."""
    assert sorted(row["tma_row"] for row in found) == list(range(len(wanted)))
    for row in found:
        line = wanted[row["tma_row"]]
        own = {name: value for name, value in row.items() if not name.startswith("tma_")}
        assert not line.keys() - own.keys()
        for name, value in own.items():
            _assert_same(value, line.get(name), exact)


def _assert_exact(work: Path, wanted: list[Json]) -> None:
    """Shards, loader and export hold the lines, and `verify` proves the shards."""
    folder = work / "shards" / "nft"
    _assert_rows([row for batch in OrderedShards(folder, batch_size=4) for row in batch], wanted)
    result = export(ExportOptions(work=work, trainer="jsonl"))
    text = (Path(result.folder) / "train.jsonl").read_text(encoding="utf-8")
    _assert_rows([json.loads(line) for line in text.splitlines()], wanted)
    (proof,) = verify(VerifyOptions(work=str(work))).shards
    assert not proof.findings
    assert set(proof.checks.values()) == {"proven"}


def _loaded(work: Path) -> list[Json]:
    """The shards as `datasets` reads them."""
    datasets = pytest.importorskip("datasets")
    files = sorted(map(str, (work / "shards" / "nft").glob("*.parquet")))
    cache = str(work.parent / "cache")
    found = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=cache)
    return list(found)


@pytest.mark.parametrize("name", CASES)
def test_every_case_comes_out_as_it_went_in(name: str, tmp_path: Path) -> None:
    """From shards, `datasets`, loader and export."""
    work, wanted = _arranged(tmp_path, CASES[name])
    _assert_exact(work, wanted)
    _assert_rows(_loaded(work), wanted, exact=False)


_NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
)
_TEXTS = st.text(st.characters(codec="utf-8"), max_size=4)
_KEYS = st.one_of(st.sampled_from("abc"), _TEXTS)
_PLAIN = st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXTS)
_VALUES = st.recursive(
    _PLAIN,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=6,
)
_ROWS = st.lists(
    st.dictionaries(st.sampled_from(["x", "y", "z", "id", "task"]), _VALUES, max_size=4),
    min_size=1,
    max_size=9,
)


@given(st.data())
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_any_json_comes_out_as_it_went_in(data: st.DataObject) -> None:
    """Values of any kind beside what a sample needs."""
    rows = [row | _exchange(n) for n, row in enumerate(data.draw(_ROWS))]
    with tempfile.TemporaryDirectory() as folder:
        work, wanted = _arranged(Path(folder), rows)
        _assert_exact(work, wanted)
        _assert_rows(_loaded(work), wanted, exact=False)
