"""Rows of every format reach a trainer in order, with every word that they had."""

import datetime
import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.shards.made_shards import make_shards
from tests.trainers.made_orders import HOSTILE, UserRow, arranged, exchanges, order_of, prompt_rows
from tma_prep.arrange import arrange
from tma_prep.embeddings.stage import embed
from tma_prep.errors import InputError, OptionError
from tma_prep.options import ArrangeOptions, EmbedOptions, ExportOptions
from tma_prep.shards.reader import Row, ShardReader, open_shards
from tma_prep.trainers import rows as export_rows
from tma_prep.trainers.forms import row_form
from tma_prep.trainers.registry import TRAINERS
from tma_prep.trainers.rows import json_line, write_rows
from tma_prep.trainers.stage import ExportResult, export
from tma_prep.values import rows_of
from tma_prep_schemas import ORDER_FIELDS, SHARD_FIELDS, RowLayout

COUNT = 23
PAIRS = exchanges(COUNT)

CHATS = [
    [
        *([{"role": "system", "content": f"be {n}"}] if n % 3 == 0 else []),
        *[
            {"role": role, "content": f"{n}.{turn} {HOSTILE[(n + turn) % len(HOSTILE)]}"}
            for turn in range(1 + n % 3)
            for role in ("user", "assistant")
        ],
    ]
    for n in range(COUNT)
]
_SHAREGPT = {"system": "system", "user": "human", "assistant": "gpt"}

USER_ROWS: dict[str, list[UserRow]] = {
    "prompt-response": [{"prompt": p, "response": r, "more": 1} for p, r in PAIRS],
    "prompt-completion": [{"prompt": p, "completion": r} for p, r in PAIRS],
    "messages": [{"messages": chat} for chat in CHATS],
    "conversations": [
        {
            "conversations": [
                {"from": _SHAREGPT[m["role"]], "value": m["content"], "mood": n % 2} for m in chat
            ]
        }
        for n, chat in enumerate(CHATS)
    ],
    "natural-instructions": [
        {"definition": "Do it.", "input": p, "output": [r, "or this"]} for p, r in PAIRS
    ],
    "alpaca": [
        {"instruction": p, "input": "" if n % 2 else f"in {n}", "output": r}
        for n, (p, r) in enumerate(PAIRS)
    ],
    "flan": [{"inputs": p, "targets": r} for p, r in PAIRS],
}

EXPECTED: dict[str, list[Any]] = {
    "prompt-response": PAIRS,
    "prompt-completion": PAIRS,
    "messages": CHATS,
    "conversations": CHATS,
    "natural-instructions": [(f"Do it.\n\n{p}", r) for p, r in PAIRS],
    "alpaca": [(p if n % 2 else f"{p}\nin {n}", r) for n, (p, r) in enumerate(PAIRS)],
    "flan": PAIRS,
}
"""What each row says, written down by hand: a prompt and a response, or every message."""

COLUMNS = {
    "transformers": ("prompt", "completion"),
    "trl": ("prompt", "completion"),
    "axolotl": ("instruction", "output"),
    "llamafactory": ("instruction", "output"),
    "torchtune": ("input", "output"),
}


@pytest.fixture(scope="module", params=sorted(USER_ROWS))
def format_name(request: pytest.FixtureRequest) -> str:
    """Every format of the instances."""
    return str(request.param)


@pytest.fixture(scope="module")
def work(format_name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of rows of the format."""
    return arranged(tmp_path_factory.mktemp(format_name), USER_ROWS[format_name])


def exported(work: Path, trainer: str, **more: Any) -> ExportResult:  # noqa: ANN401
    """Export, and make sure that the folder holds what it says."""
    result = export(ExportOptions(work=work, trainer=trainer, **more))
    present = {path.name for path in Path(result.folder).iterdir()}
    assert present == {*result.files, "manifest.json"}
    return result


def data_of(result: ExportResult) -> pa.Table:
    """The rows of an export."""
    return pq.read_table(Path(result.folder) / "train.parquet")


def messages_of(result: ExportResult) -> list[Any]:
    """The messages of every row, whatever holds them."""
    found = rows_of(data_of(result).select(["messages"]))
    return [
        json.loads(row["messages"]) if isinstance(row["messages"], str) else row["messages"]
        for row in found
    ]


def test_no_trainer_is_forgotten() -> None:
    """Nor what is expected."""
    assert USER_ROWS.keys() == EXPECTED.keys()
    assert {*COLUMNS, "jsonl"} == TRAINERS.keys()


@pytest.mark.parametrize("trainer", sorted(COLUMNS))
def test_every_row_comes_whole_and_in_order(work: Path, format_name: str, trainer: str) -> None:
    """Compared with the rows as they were written, taken by the order's own file."""
    result = exported(work, trainer)
    table = data_of(result)
    wanted: list[Any] = [EXPECTED[format_name][row] for row in order_of(work)]
    if format_name in ("messages", "conversations"):
        found: list[Any] = [
            [{"role": m["role"], "content": m["content"]} for m in chat]
            for chat in messages_of(result)
        ]
        names = ["messages"]
    else:
        names = list(COLUMNS[trainer])
        found = list(zip(*(table.column(name).to_pylist() for name in names), strict=True))
    if trainer == "axolotl" and names != ["messages"]:
        # It tokenises the two apart: the space between them goes with the word behind it.
        wanted = [(p, r if p[-1:].isspace() else f" {r}") for p, r in wanted]
    assert found == wanted
    added = [field.name for field in SHARD_FIELDS]
    assert table.schema.names == [*names, *added]
    assert table.column("tma_position").to_pylist() == list(range(COUNT))
    order = pq.read_table(work / "orders" / "nft" / "order.parquet")
    for name in ORDER_FIELDS:
        assert table.column(name).to_pylist() == order.column(name).to_pylist()


def test_jsonl_holds_the_rows_as_they_are(work: Path, format_name: str) -> None:
    """Every column of the user's; one row a line for a reader that knows more line ends too."""
    result = exported(work, "jsonl")
    text = (Path(result.folder) / "train.jsonl").read_text(encoding="utf-8")
    assert text.splitlines() == text.split("\n")[:-1]
    rows = [json.loads(line) for line in text.splitlines()]
    wanted = [USER_ROWS[format_name][row] for row in order_of(work)]
    keys = wanted[0].keys()
    assert [{key: row[key] for key in keys} for row in rows] == wanted
    assert [row["tma_position"] for row in rows] == list(range(COUNT))


def test_what_else_a_message_says_goes_along(tmp_path: Path) -> None:
    """Its other keys keep names, types and values, where the trainer looks at them."""
    work = arranged(tmp_path, USER_ROWS["conversations"])
    for trainer in ("trl", "transformers", "axolotl"):
        chats = messages_of(exported(work, trainer))
        assert [{m["mood"] for m in c} for c in chats] == [{row % 2} for row in order_of(work)]
    for trainer in ("llamafactory", "torchtune"):
        warnings = exported(work, trainer).warnings
        assert (
            "Of a message role, text and calls go along, and whatever else it says does not."
            in (warnings)
        )


def test_columns_that_stay_behind_are_told(tmp_path: Path) -> None:
    """By name."""
    work = arranged(tmp_path, [row | {"mood": {"of": n}} for n, row in enumerate(prompt_rows(9))])
    told = "Columns that the rows do not take along: {} (--keep COLUMN takes one along)."
    warnings = exported(work, "trl", global_batch=3).warnings
    assert warnings[:-1] == [told.format("mood, v")]
    result = exported(work, "axolotl", global_batch=3, keep=["mood"], out=tmp_path / "kept")
    assert result.warnings[:-1] == [told.format("v")]
    assert data_of(result).column("mood").to_pylist() == [{"of": row} for row in order_of(work)]
    with pytest.raises(OptionError, match="--keep x: is no column of yours; they are prompt, resp"):
        exported(work, "trl", keep=["x"], out=tmp_path / "x")
    with pytest.raises(OptionError, match="--keep prompt: trainers take a column of this name for"):
        exported(work, "trl", keep=["prompt"], out=tmp_path / "x")


def test_of_several_answers_the_first_goes(tmp_path: Path) -> None:
    """And that is told."""
    work = arranged(tmp_path, USER_ROWS["natural-instructions"])
    warnings = exported(work, "axolotl", global_batch=COUNT).warnings
    assert "Of several accepted answers of a row the first goes along." in warnings


UNEVEN = [
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    [
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": "c"},
    ],
    [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ],
    [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
    ],
    [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "tool", "content": "c"},
        {"role": "assistant", "content": "d"},
    ],
]


@pytest.mark.parametrize(
    ("trainer", "bad"), [("llamafactory", {1, 2}), ("torchtune", {1, 4}), ("trl", set())]
)
def test_conversations_that_a_trainer_would_not_train_on(
    tmp_path: Path, trainer: str, bad: set[int]
) -> None:
    """Are refused by place and reason, or left out and listed; the rest is not ours to judge."""
    work = arranged(tmp_path, [{"messages": chat} for chat in UNEVEN])
    if not bad:
        assert exported(work, trainer).rows == len(UNEVEN)
        return
    told = (
        rf"tma_position \d: has .* \({len(bad)} of {len(UNEVEN)} rows cannot "
        r"go out; --on-bad-row skip leaves them out\)$"
    )
    with pytest.raises(InputError, match=told):
        exported(work, trainer)
    result = exported(work, trainer, on_bad_row="skip")
    kept = [row for row in order_of(work) if row not in bad]
    assert data_of(result).column("tma_row").to_pylist() == kept
    listed = (Path(result.folder) / "skipped.jsonl").read_text(encoding="utf-8").splitlines()
    rows = order_of(work)
    assert {rows[json.loads(line)["tma_position"]] for line in listed} == bad
    assert (result.rows, result.skipped_rows) == (len(kept), len(bad))
    assert result.warnings[0].startswith(f"{len(bad)} rows were left out")


def test_rows_are_cut_after_bad_ones_are_left_out(tmp_path: Path) -> None:
    """So that whole batches are left."""
    work = arranged(tmp_path, [{"messages": UNEVEN[n % 2]} for n in range(20)])
    result = exported(work, "torchtune", on_bad_row="skip", global_batch=4, tail="cut")
    good = [place for place, row in enumerate(order_of(work)) if row % 2 == 0]
    assert data_of(result).column("tma_position").to_pylist() == good[:8]
    assert (result.rows, result.cut_rows, result.skipped_rows) == (8, 2, 10)


def test_rows_that_the_check_would_miss_are_not_left_out(tmp_path: Path) -> None:
    """The exported script stops at a gap."""
    with pytest.raises(OptionError, match="--on-bad-row skip --for trl: the check in the exported"):
        exported(tmp_path, "trl", on_bad_row="skip")


def test_values_that_json_does_not_have() -> None:
    """Dates as text, bytes as base64, and no number as null; floats come back exactly."""
    row = {"when": datetime.datetime(2020, 1, 2), "b": b"\xff\x00", "x": 0.1, "n": [math.nan, 1.5]}
    assert json.loads(json_line(row)) == {
        "when": "2020-01-02T00:00:00",
        "b": "/wA=",
        "x": 0.1,
        "n": [None, 1.5],
    }
    with pytest.raises(InputError, match="type set cannot stand in JSON"):
        json_line({"x": {1}})


@pytest.mark.parametrize("trainer", ["trl", "jsonl"])
def test_memory_does_not_grow_with_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainer: str
) -> None:
    """Four times the rows take the same memory, of Arrow's and in rows held."""
    monkeypatch.setattr(export_rows, "_ROWS_AT_ONCE", 16)
    monkeypatch.setattr(export_rows, "ROWS_PER_GROUP", 32)
    held = []
    read = ShardReader.rows

    def counted(reader: ShardReader, start: int, stop: int) -> list[Row]:
        rows = read(reader, start, stop)
        held.append(len(rows))
        return rows

    monkeypatch.setattr(ShardReader, "rows", counted)
    peaks = []
    for rows in (500, 2000):
        folder = make_shards(tmp_path / str(rows), rows, rows_per_shard=100, rows_per_group=20)
        shards = open_shards(folder)
        layout = RowLayout(format="columns", columns={"prompt": "prompt", "response": "prompt"})
        manifest = shards.manifest.model_copy(update={"layouts": [layout]})
        schema = pq.read_schema(shards.files[0])
        form = row_form(manifest, TRAINERS[trainer], schema)
        before = pa.default_memory_pool()
        pool = pa.proxy_memory_pool(before)
        pa.set_memory_pool(pool)
        try:
            written = write_rows(tmp_path / "out", shards, form, rows, {}, lambda more: None)
        finally:
            pa.set_memory_pool(before)
        assert written == rows
        peaks.append(pool.max_memory())
    assert max(held) == 16
    assert peaks[1] < 1.3 * peaks[0]


def test_messages_that_are_json(tmp_path: Path) -> None:
    """Files whose messages have other keys: each message goes out with its own."""
    asked = {"role": "user", "content": "a"}
    more = {"role": "assistant", "content": "b", "seen": {"at": 1.5, "by": None}}
    pool = [[asked, {"role": "assistant", "content": "b"}], [asked | {"content": "c"}, more]]
    for number, messages in enumerate(pool):
        rows = [{"messages": messages, "v": [1.0, number]}]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{number}.parquet")
    work = tmp_path / "work"
    embed(
        EmbedOptions(
            train=[str(tmp_path / "*.parquet")],
            test=[str(tmp_path / "1.parquet")],
            out=work,
            vectors_column="v",
        )
    )
    arrange(ArrangeOptions(work=work))
    found = rows_of(data_of(exported(work, "trl")))
    assert [row["messages"] for row in found] == [pool[1], pool[0]]
