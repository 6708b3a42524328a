"""The pools that are arranged, drawn from a seed: small, with ties, doubles, twins and leaks."""

import datetime
import decimal
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_WORDS = "one river small green count stone over light paper open seven house fast north".split()
_TASKS = ("sums", "names", "news", "jokes", "rare")
_ROWS, _TESTS, _DIMENSION = 240, 24, 16

Rows = list[dict[str, Any]]


def write_pools(folder: Path) -> dict[str, list[str]]:
    """The words that stand after `embed` for every pool, but for where it goes."""
    train, tests = _rows()
    extras = [{**row, **_extras(n)} for n, row in enumerate(train[:60])]
    lines = {"train": train, "test": tests, "1": extras, "2": train[100:160]}
    for name, rows in lines.items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    pq.write_table(_nested(train[:60]), folder / "nested.parquet")
    sources = {
        "plain": ["train.jsonl"],
        "nested": ["nested.parquet"],
        "two-files": ["2.jsonl", "1.jsonl"],
    }
    return {
        pool: [
            *(word for name in names for word in ("--train", str(folder / name))),
            *("--test", str(folder / "test.jsonl")),
        ]
        for pool, names in sources.items()
    }


def _rows() -> tuple[Rows, Rows]:
    draw = np.random.default_rng(20240611)
    centres = draw.integers(-4, 5, (len(_TASKS), _DIMENSION))

    def row(task: int, number: int) -> dict[str, Any]:
        prompt = f"{_TASKS[task]} {number}: {' '.join(draw.choice(_WORDS, 6 + number % 17))}"
        return {
            "prompt": prompt + ("\n\u2028é" if number % 40 == 0 else ""),
            "response": " ".join(draw.choice(_WORDS, 1 + number % 4)),
            "task": _TASKS[task],
            # Small whole numbers, so that many similarities are equal.
            "vec": (centres[task] + draw.integers(-1, 2, _DIMENSION)).tolist(),
        }

    # The last task has four rows.
    drawn = [4 if n % 60 == 33 else int(draw.integers(4)) for n in range(_ROWS)]
    train = [row(task, n) for n, task in enumerate(drawn)]
    tests = [{"id": f"t-{n:02}", **row(n % 5, 1000 + n)} for n in range(_TESTS)]
    train[30:36] = [dict(found) for found in train[20:26]]  # the same rows again
    for one, other in zip(train[50:60], train[120:130], strict=True):
        other["vec"] = one["vec"]  # twins: other texts
    tests[7]["vec"] = tests[2]["vec"]
    train[155]["vec"] = tests[5]["vec"]
    train[170] = {key: tests[3][key] for key in train[0]}
    train[171]["prompt"] = f"{tests[4]['prompt'].upper()}!"
    train[171]["response"] = tests[4]["response"]
    train[172]["prompt"] += " " + " ".join(tests[16]["prompt"].split()[:10])
    return train, tests


def _extras(n: int) -> dict[str, Any]:
    """Columns that the other file lacks."""
    return {
        "extra": {"n": n, "share": n / 7, "tags": ["a", None, "b"][: n % 4]} if n % 3 else None,
        "flag": None if n % 5 == 0 else n % 2 == 0,
        "score": n if n % 2 else n / 4,
        "when": f"2024-06-{1 + n % 28:02}T10:00:00Z",
    }


def _nested(rows: Rows) -> pa.Table:
    """Conversations, with a column of most types that Parquet holds."""
    count = range(len(rows))
    start = datetime.datetime(2024, 6, 11, 12, tzinfo=datetime.UTC)
    times = [start + datetime.timedelta(hours=n, microseconds=n) for n in count]
    keys = ("user", "prompt"), ("assistant", "response")
    messages = [[{"role": who, "content": row[key]} for who, key in keys] for row in rows]
    message = pa.struct([("role", pa.string()), ("content", pa.large_string())])
    deep = pa.struct([("a", pa.int16()), ("b", pa.list_(pa.struct([("c", pa.binary())])))])
    columns: dict[str, tuple[list[Any], pa.DataType]] = {
        "messages": (messages, pa.list_(message)),
        "task": ([row["task"] for row in rows], pa.dictionary(pa.int16(), pa.string())),
        "vec": ([row["vec"] for row in rows], pa.list_(pa.float32(), _DIMENSION)),
        "deep": (
            [{"a": n, "b": [{"c": bytes([n])}, None]} if n % 4 else None for n in count],
            deep,
        ),
        "lists": ([[[n], [], None][: n % 4] for n in count], pa.list_(pa.list_(pa.uint8()))),
        "pairs": ([[("k", n), ("l", None)][: n % 3] for n in count], pa.map_("string", "int32")),
        "ms": (times, pa.timestamp("ms")),
        "us": ([None if n % 5 == 0 else times[n] for n in count], pa.timestamp("us", "UTC")),
        "ns": (times, pa.timestamp("ns", "UTC")),
        "day": ([time.date() for time in times], pa.date32()),
        "clock": ([time.time() for time in times], pa.time64("us")),
        "price": ([decimal.Decimal(n) / 8 for n in count], pa.decimal128(12, 3)),
        "big": ([2**63 + n for n in count], pa.uint64()),
        "real": ([-0.0, None, float("inf"), 0.1] * (len(rows) // 4), pa.float64()),
    }
    return pa.table({name: pa.array(*column) for name, column in columns.items()})
