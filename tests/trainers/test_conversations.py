"""Tools, calls, masks, system text, history and running text reach a trainer, or are refused."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from datasets import load_dataset

from tests.trainers.made_orders import UserRow, arranged, order_of, prompt_rows
from tests.trainers.test_export import config_of, run
from tma_prep.errors import InputError

OBJECTS: list[Any] = [{"city": "Oslo"}, {"to": None, "sum": 5.0}, {"a": {"b": [1, None]}}, {}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def call(n: int) -> UserRow:
    """A call whose arguments differ in their keys from row to row."""
    return {"id": f"c{n}", "type": "function", "function": {"name": f"f{n}", "arguments": {}}}


def tool(n: int) -> UserRow:
    """The tool that is called."""
    return {"type": "function", "function": {"name": f"f{n}", "parameters": SCHEMA}}


def called(n: int, *, arguments: Any = None) -> UserRow:  # noqa: ANN401
    """A call without text, the tool's answer and what the assistant makes of it."""
    calls = [call(n) | {"function": {"name": f"f{n}", "arguments": arguments}}]
    return {
        "messages": [
            {"role": "user", "content": f"ask {n}"},
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "tool", "tool_call_id": f"c{n}", "content": f"result {n}"},
            {"role": "assistant", "content": f"say {n}"},
        ],
        "tools": [tool(n)],
    }


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Conversations with calls; their arguments as objects and as text; and one without tools."""
    rows = [called(n, arguments=json.dumps(one) if n % 2 else one) for n, one in enumerate(OBJECTS)]
    plain = {"messages": [{"role": r, "content": f"{r} 4"} for r in ("user", "assistant")]}
    return arranged(tmp_path_factory.mktemp("calls"), rows, [plain | {"tools": None}])


def rows_by_number(work: Path, folder: Path) -> dict[int, UserRow]:
    """The rows of an export as `datasets` reads them, by the number of the input row."""
    rows = load_dataset("parquet", data_files=str(folder / "train.parquet"), split="train")
    return {row["tma_row"]: row for row in rows}


@pytest.mark.parametrize("trainer", ["trl", "transformers"])
def test_calls_and_tools_keep_exactly_their_keys(calls: Path, tmp_path: Path, trainer: str) -> None:
    """Arguments as objects, in columns that `datasets` decodes; no tools are null."""
    run(calls, tmp_path / "x", trainer)
    rows = rows_by_number(calls, tmp_path / "x")
    for n, arguments in enumerate(OBJECTS):
        assert rows[n]["messages"] == [
            {"role": "user", "content": f"ask {n}"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [call(n) | {"function": {"name": f"f{n}", "arguments": arguments}}],
            },
            {"role": "tool", "content": f"result {n}", "tool_call_id": f"c{n}"},
            {"role": "assistant", "content": f"say {n}"},
        ]
        assert rows[n]["tools"] == [tool(n)]
    assert rows[4]["tools"] is None


def test_axolotl_reads_calls_as_json_text(calls: Path, tmp_path: Path) -> None:
    """Of which it drops no null; the names of what messages say stand in the configuration."""
    result = run(calls, tmp_path / "x", "axolotl")
    run(calls, tmp_path / "trl", "trl")
    wanted = rows_by_number(calls, tmp_path / "trl")
    for number, row in rows_by_number(calls, tmp_path / "x").items():
        assert json.loads(row["messages"]) == wanted[number]["messages"]
        assert json.loads(row["tools"] or "null") == wanted[number]["tools"]
    dataset = yaml.safe_load(config_of(result))["datasets"][0]
    assert dataset["field_tools"] == "tools"
    for name in ("tool_calls", "tool_call_id", "name"):
        assert dataset["message_property_mappings"][name] == name


def test_llamafactory_gets_its_own_turns(calls: Path, tmp_path: Path) -> None:
    """`function_call` and `observation`, with tools as JSON text; nothing of arrow.json."""
    run(calls, tmp_path / "x", "llamafactory")
    rows = rows_by_number(calls, tmp_path / "x")
    for n, arguments in enumerate(OBJECTS):
        turns = [(turn["role"], turn["content"]) for turn in rows[n]["messages"]]
        assert turns[0] == ("user", f"ask {n}")
        assert turns[1][0] == "function_call"
        assert json.loads(turns[1][1]) == {"name": f"f{n}", "arguments": arguments}
        assert turns[2:] == [("observation", f"result {n}"), ("assistant", f"say {n}")]
        assert json.loads(rows[n]["tools"]) == [tool(n)]
    assert rows[4]["tools"] == ""
    info = json.loads((tmp_path / "x" / "dataset_info.json").read_text())["tma_nft"]
    assert info["columns"] == {"messages": "messages", "tools": "tools"}
    assert info["tags"]["function_tag"] == "function_call"


def test_llamafactory_takes_several_calls_at_once(tmp_path: Path) -> None:
    """In one turn, after the text beside them; their results in one turn too."""
    row = called(0, arguments={"a": 1})
    row["messages"][1] |= {
        "content": "Let me see. ",
        "tool_calls": row["messages"][1]["tool_calls"] * 2,
    }
    row["messages"].insert(3, {"role": "tool", "content": "more"})
    work = arranged(tmp_path, [row] * 4)
    run(work, tmp_path / "x", "llamafactory")
    turns = [turn["content"] for turn in rows_by_number(work, tmp_path / "x")[0]["messages"]]
    one = '{"name": "f0", "arguments": {"a": 1}}'
    assert turns[1] == f"Let me see. <tool_call>[{one}, {one}]</tool_call>"
    assert turns[2] == "result 0\n</tool_response>\n<tool_response>\nmore"


def test_tools_told_plainly_become_functions(tmp_path: Path) -> None:
    """As xLAM tells them."""
    parameters = {"city": {"type": "str", "description": "where"}}
    rows = [
        {
            "query": f"ask {n}",
            "tools": json.dumps([{"name": "f", "parameters": parameters}]),
            "answers": json.dumps([{"name": "f", "arguments": {"city": f"c{n}"}}]),
        }
        for n in range(4)
    ]
    work = arranged(tmp_path, rows)
    run(work, tmp_path / "x", "trl")
    row = rows_by_number(work, tmp_path / "x")[0]
    schema = {"type": "object", "properties": parameters}
    assert row["tools"] == [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    function = {"name": "f", "arguments": {"city": "c0"}}
    assert row["messages"][1]["tool_calls"] == [{"type": "function", "function": function}]


def test_torchtune_refuses_tools(calls: Path, tmp_path: Path) -> None:
    """It has no place for them; a row without goes out."""
    with pytest.raises(InputError, match=r"for which torchtune's chat_dataset has no place \(4 of"):
        run(calls, tmp_path / "x", "torchtune")
    result = run(calls, tmp_path / "x", "torchtune", on_bad_row="skip")
    assert (result.rows, result.skipped_rows) == (1, 4)


def chat(*said: str, **masks: int) -> UserRow:
    """A user and an assistant in turn; `first=0` masks the first answer, `last=0` the last."""
    messages: list[UserRow] = [
        {"role": ("user", "assistant")[place % 2], "content": text}
        for place, text in enumerate(said)
    ]
    for name, weight in masks.items():
        messages[1 if name == "first" else -1]["weight"] = weight
    return {"messages": messages}


def test_masked_answers_are_marked(tmp_path: Path) -> None:
    """In every spelling; where none can be left out, the export is refused."""
    work = arranged(tmp_path, [chat("a", f"wrong {n}", "b", "right", first=0) for n in range(4)])
    for trainer in ("trl", "transformers", "axolotl"):
        result = run(work, None, trainer)
        rows = rows_by_number(work, Path(result.folder))
        assert [m["train"] for m in rows[0]["messages"]] == [None, False, None, True]
    dataset = yaml.safe_load(config_of(result))["datasets"][0]
    assert dataset["message_field_training"] == "train"
    settings = yaml.safe_load(config_of(run(work, None, "llamafactory")))
    assert settings["mask_history"] is True
    with pytest.raises(InputError, match=r"torchtune trains every answer \(4 of 4 rows cannot"):
        run(work, None, "torchtune")


@pytest.mark.parametrize("other", [chat("a", "x", "b", "y"), chat("a", "x", "b", "y", last=0)])
def test_llamafactory_leaves_out_all_answers_but_the_last(tmp_path: Path, other: UserRow) -> None:
    """Or none; a row that needs anything else is refused, or left out."""
    work = arranged(tmp_path, [chat("a", "x", "b", "y", first=0)] * 3, [other])
    with pytest.raises(InputError, match=r"has other answers .* no others \(mask_history\) \(1 of"):
        run(work, None, "llamafactory")
    result = run(work, None, "llamafactory", on_bad_row="skip")
    assert (result.rows, result.skipped_rows) == (3, 1)


def test_system_and_history_are_messages(tmp_path: Path) -> None:
    """For all of them."""
    rows = [
        {
            "instruction": f"and {n}?",
            "output": f"no {n}",
            "system": "be brief",
            "history": [["before", "yes"]],
        }
        for n in range(4)
    ]
    work = arranged(tmp_path, rows)
    said = [("system", "be brief"), ("user", "before"), ("assistant", "yes")]
    said += [("user", "and 0?"), ("assistant", "no 0")]
    for trainer in ("trl", "transformers", "axolotl", "llamafactory", "torchtune"):
        found = rows_by_number(work, Path(run(work, None, trainer).folder))[0]["messages"]
        assert [(message["role"], message["content"]) for message in found] == said


def test_one_conversation_makes_all_rows_conversations(tmp_path: Path) -> None:
    """Files of two layouts go out in one form, whatever their columns are."""
    work = arranged(tmp_path, prompt_rows(5), [chat("a", "x", "b", "y")] * 4)
    for trainer in ("trl", "llamafactory"):
        rows = rows_by_number(work, Path(run(work, None, trainer).folder))
        assert [len(rows[n]["messages"]) for n in range(9)] == [2] * 5 + [4] * 4
        assert rows[0]["messages"][1]["content"] == prompt_rows(5)[0]["response"]


TEXTS = [{"text": f"once upon a time {n}"} for n in range(5)]


def test_running_text_is_trained_whole(tmp_path: Path) -> None:
    """By what each trainer has for it."""
    work = arranged(tmp_path, TEXTS, text="prompt")
    for trainer in ("trl", "transformers", "axolotl", "llamafactory", "torchtune"):
        result = run(work, None, trainer)
        table = pq.read_table(Path(result.folder) / "train.parquet")
        assert table.column("text").to_pylist() == [TEXTS[n]["text"] for n in order_of(work)]
    axolotl = yaml.safe_load(config_of(run(work, None, "axolotl")))["datasets"][0]
    assert (axolotl["type"], axolotl["field"]) == ("completion", "text")
    folder = Path(run(work, None, "llamafactory").folder)
    assert yaml.safe_load((folder / "llamafactory.yaml").read_text())["stage"] == "pt"
    info = json.loads((folder / "dataset_info.json").read_text())
    assert info["tma_nft"]["columns"] == {"prompt": "text"}
    dataset = yaml.safe_load(config_of(run(work, None, "torchtune")))["dataset"]
    assert dataset["_component_"] == "torchtune.datasets.text_completion_dataset"
    assert dataset["column"] == "text"


def test_running_text_beside_answers_is_refused(tmp_path: Path) -> None:
    """No form holds both."""
    work = arranged(tmp_path, prompt_rows(4), TEXTS, text="prompt")
    with pytest.raises(InputError, match=r"is running text, which cannot go out beside .*\(5 of 9"):
        run(work, None, "trl")


def test_rows_without_an_answer_are_refused(tmp_path: Path) -> None:
    """But by a reader of JSON Lines."""
    work = arranged(tmp_path, [{"prompt": f"ask {n}"} for n in range(4)], text="prompt")
    for trainer in ("trl", "transformers", "axolotl", "llamafactory", "torchtune"):
        with pytest.raises(InputError, match=r"has no answer to be trained; --for jsonl .*\(4 of"):
            run(work, None, trainer)
    assert run(work, None, "jsonl").rows == 4


def test_jsonl_gives_back_each_line(calls: Path, tmp_path: Path) -> None:
    """With its keys, their order, numbers and nulls."""
    run(calls, tmp_path / "x", "jsonl")
    lines = (tmp_path / "x" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    given = [
        line
        for path in sorted(calls.parent.glob("train-*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    for line, number in zip(lines, order_of(calls), strict=True):
        own = {key: value for key, value in json.loads(line).items() if key[:4] != "tma_"}
        assert json.dumps(own) == json.dumps(json.loads(given[number]))
