"""Every layout of rows means what its author meant."""

import json
from typing import Any

import pyarrow as pa
import pytest

from tests.rows.folder import Folder, Read, json_lines, read
from tests.rows.stored import Told, taken
from tma_prep.errors import OptionError
from tma_prep.rows.layouts import LAYOUTS
from tma_prep.rows.recognition import columns_option
from tma_prep.rows.sample import Sample

Said = list[tuple[str, str]]

QA: Said = [("user", "q"), ("assistant", "a")]
TOOL = {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}
CALL = {"name": "add", "arguments": {"b": 1, "a": None}}
OPENAI_CALL = {
    "id": "c1",
    "type": "function",
    "function": {**CALL, "arguments": '{"b":1,"a":null}'},
}

LISTS: dict[str, tuple[object, Said]] = {
    "role and content": (
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
        QA,
    ),
    "from and value": ([{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], QA),
    "role and text": ([{"role": "user", "text": "q"}, {"role": "bing", "text": "a"}], QA),
    "developer": (
        [
            {"role": "developer", "content": "s"},
            {"role": "Human", "content": "q"},
            {"role": "model", "content": "a"},
        ],
        [("system", "s"), *QA],
    ),
    "bare strings": (["q", "a", "b", "c"], [*QA, ("user", "b"), ("assistant", "c")]),
    "pairs": (
        [{"input": "q", "output": "a"}, {"input": "b", "output": "c"}],
        [*QA, ("user", "b"), ("assistant", "c")],
    ),
    "an object of lists": ({"role": ["user", "assistant"], "content": ["q", "a"]}, QA),
    "JSON text": (json.dumps([{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]), QA),
    "content parts": (
        [
            {"role": "user", "content": [{"type": "text", "text": "q"}]},
            {
                "role": "assistant",
                "content": [{"type": "text", "text": ""}, {"type": "text", "text": "a"}],
            },
        ],
        QA,
    ),
    "another role": (
        [
            {"role": "narrator", "content": "n"},
            {"from": "user", "value": "q"},
            {"from": "bard", "value": "a"},
        ],
        [("narrator", "n"), *QA],
    ),
    "calls": (
        [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": None, "tool_calls": [OPENAI_CALL]},
            {"role": "tool", "content": "2", "tool_call_id": "c1"},
            {"role": "assistant", "content": "a"},
        ],
        [("user", "q"), ("assistant", ""), ("tool", "2"), ("assistant", "a")],
    ),
    "function_call": (
        [
            {"from": "human", "value": "q"},
            {"from": "function_call", "value": json.dumps(CALL)},
            {"from": "observation", "value": "2"},
            {"from": "gpt", "value": "a"},
        ],
        [("user", "q"), ("assistant", ""), ("tool", "2"), ("assistant", "a")],
    ),
    "the older function_call": (
        [
            {"role": "user", "content": "q"},
            {
                "role": "assistant",
                "function_call": {"name": "add", "arguments": '{"b": 1, "a": null}'},
            },
            {"role": "function", "name": "add", "content": "2"},
            {"role": "assistant", "content": "a"},
        ],
        [("user", "q"), ("assistant", ""), ("tool", "2"), ("assistant", "a")],
    ),
}

ROWS: dict[str, tuple[dict[str, object], Said]] = {
    "p3": (
        {"inputs_pretokenized": "q", "targets_pretokenized": "a", "inputs": [1], "targets": [2]},
        QA,
    ),
    "natural-instructions": (
        {"definition": "d", "input": "q", "output": ["a", "b"]},
        [("user", "d\n\nq"), ("assistant", "a")],
    ),
    "ni-hub": (
        {"definition": "d", "inputs": "q", "targets": "a"},
        [("user", "d\n\nq"), ("assistant", "a")],
    ),
    "mmlu": (
        {"question": "q", "choices": ["x", "y"], "answer": 1, "subject": "art"},
        [("user", "q\nA. x\nB. y"), ("assistant", "B. y")],
    ),
    "xlam": (
        {"query": "q", "tools": json.dumps([TOOL]), "answers": json.dumps([CALL])},
        [("user", "q"), ("assistant", "")],
    ),
    "openorca": (
        {"system_prompt": "s", "question": "q", "response": "a", "id": "flan.1"},
        [("system", "s"), *QA],
    ),
    "preference": ({"prompt": "q", "chosen": "a", "rejected": "b"}, QA),
    "prompt-response": ({"prompt": "q", "response": "a"}, QA),
    "prompt-completion": (
        {
            "prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}],
            "completion": [{"role": "assistant", "content": "a"}],
        },
        [("system", "s"), *QA],
    ),
    "alpaca": (
        {
            "instruction": "q",
            "input": "i",
            "output": "a",
            "system": "s",
            "history": [["b", "c"]],
        },
        [("system", "s"), ("user", "b"), ("assistant", "c"), ("user", "q\ni"), ("assistant", "a")],
    ),
    "dolly": (
        {"instruction": "q", "context": "c", "response": "a", "category": "art"},
        [("user", "q\n\nc"), ("assistant", "a")],
    ),
    "qa": ({"question": "q", "answer": "a"}, QA),
    "question-response": ({"question": "q", "response": "a"}, QA),
    "query-response": ({"query": "q", "response": "a", "type": "GSM"}, QA),
    "problem-solution": ({"problem": "q", "solution": "a"}, QA),
    "flan": ({"inputs": "q", "targets": "a"}, QA),
    "input-output": ({"input": "q", "output": "a"}, QA),
    "input-target": ({"input": "q", "target": "a"}, QA),
}
ALONE: dict[str, dict[str, object]] = {
    "prompt": {"prompt": "q", "key": 1},
    "question": {"question": "q"},
    "text": {"text": "q"},
}
TASKS = {"mmlu": "art", "dolly": "art"}


def _said(sample: Sample) -> Said:
    return [(message.role, message.content) for message in sample.messages]


def _one(found: Read) -> Sample:
    (sample,) = found.instances
    return sample


def _layouts(found: Read) -> list[str]:
    return [layout.format for layout in found.found.layouts]


@pytest.mark.parametrize("column", ["messages", "conversations", "conversation", "dialog"])
@pytest.mark.parametrize("case", LISTS)
def test_lists_of_messages(folder: Folder, case: str, column: str) -> None:
    """However the messages are spelled, and whatever their column is called."""
    value, said = LISTS[case]
    row: dict[str, object] = {column: value, "tools": [TOOL], "system": "be kind"}
    found = read(folder.lines("x.jsonl", row))
    sample = _one(found)
    assert _layouts(found) == [column]
    assert _said(sample) == [("system", "be kind"), *said]
    assert sample.tools == (TOOL,)
    trained = [message.trained for message in sample.messages if message.role == "assistant"]
    assert trained and all(trained)
    calls = [call for message in sample.messages for call in message.tool_calls]
    if "call" in case:
        assert [(call.name, call.arguments) for call in calls] == [("add", {"b": 1, "a": None})]
        assert [call.text for call in calls] == ['add {"b": 1, "a": null}']
    if isinstance(value, list):
        table = pa.Table.from_pylist([{column: json.dumps(value)}])
        assert _said(_one(read(folder.write("y.parquet", table)))) == said


def test_a_list_under_a_name_of_ones_own(folder: Folder) -> None:
    """By its values; bare strings need the option, as they may be anything."""
    value, said = LISTS["role and content"]
    found = read(folder.lines("x.jsonl", {"chat": value, "tags": ["x", "y"]}))
    assert (_said(_one(found)), found.found.layouts[0].columns) == (said, {"messages": "chat"})
    path = folder.lines("y.jsonl", {"turns": ["q", "a"]})
    assert "columns 'turns' fit no known layout" in folder.error(path)
    assert _said(_one(read(path, columns={"messages": "turns"}))) == QA


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@pytest.mark.parametrize("name", ROWS)
def test_columns(folder: Folder, name: str, ending: str) -> None:
    """By their names and types, in JSON and in tables."""
    row, said = ROWS[name]
    content = json_lines([row, row]) if ending == "jsonl" else pa.Table.from_pylist([row, row])
    found = read(folder.write(f"x.{ending}", content))
    sample = found.instances[1]
    assert (_layouts(found), _said(sample)) == ([name], said)
    assert sample.task == TASKS.get(name)
    assert found.found.notes == []
    if name == "xlam":
        assert sample.tools == (TOOL,)
        assert sample.messages[1].tool_calls[0].arguments == CALL["arguments"]
        assert sample.exchange("first") == ("q", 'add {"b": 1, "a": null}')


def test_no_layout_is_forgotten() -> None:
    """Every one has rows here."""
    lists = {name for name, layout in LAYOUTS.items() if layout.listed}
    assert ROWS.keys() | ALONE.keys() | lists == LAYOUTS.keys()


@pytest.mark.parametrize("name", ALONE)
def test_targets_without_a_response(folder: Folder, name: str) -> None:
    """As training rows under `--text prompt` alone."""
    path = folder.lines("x.jsonl", ALONE[name])
    found = read(path, answered=False)
    assert (_layouts(found), _said(_one(found))) == ([name], [("user", "q")])
    assert "and no response; name its column" in folder.error(path)
    assert _one(read(path, answered=False)).whole == (name == "text")


def test_a_target_that_ends_with_a_user(folder: Folder) -> None:
    """And one whose response is null."""
    rows: list[dict[str, object]] = [{"messages": [{"role": "user", "content": "q"}]}]
    path = folder.lines("x.jsonl", *rows)
    assert _said(_one(read(path, answered=False))) == [("user", "q")]
    assert "has no answer that is trained on" in folder.error(path)
    path = folder.lines("y.jsonl", {"question": "q", "answer": None})
    assert _said(_one(read(path, answered=False))) == [("user", "q")]


@pytest.mark.parametrize(
    "mask", [{"weight": 0}, {"weight": 0.0}, {"train": False}, {"loss_mask": 0}]
)
def test_masked_answers(folder: Folder, mask: dict[str, object]) -> None:
    """Neither embedded nor trained, but part of the conversation."""
    turns = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "wrong", **mask},
        {"role": "user", "content": "sure?"},
        {"role": "assistant", "content": "right"},
    ]
    sample = _one(read(folder.lines("x.jsonl", {"messages": turns})))
    assert [message.trained for message in sample.messages] == [False, False, False, True]
    assert sample.exchange("first") == ("q", "right")
    assert sample.exchange("last") == ("sure?", "right")
    assert sample.exchange("all") == ("q sure?", "right")
    assert sample.whole_text == "q wrong sure? right"


def said_by_model(text: str) -> dict[str, object]:
    """An answer."""
    return {"role": "assistant", "content": text}


def test_preference_pairs(folder: Folder) -> None:
    """What both lists share comes before, and is not trained; a prompt is not said twice."""
    shared = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "b"},
    ]
    row: dict[str, object] = {
        "chosen": [*shared, {"role": "assistant", "content": "c"}],
        "rejected": [*shared, {"role": "assistant", "content": "d"}],
    }
    said = [*QA, ("user", "b"), ("assistant", "c")]
    sample = _one(read(folder.lines("x.jsonl", row)))
    assert _said(sample) == said
    assert [message.trained for message in sample.messages] == [False, False, False, True]
    chosen = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    rejected = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "x"}]
    row = {"prompt": "q", "chosen": chosen, "rejected": rejected}
    assert _said(_one(read(folder.lines("y.jsonl", row)))) == QA
    row = {"prompt": shared, "chosen": [said_by_model("c")], "rejected": [said_by_model("d")]}
    sample = _one(read(folder.lines("z.jsonl", row)))
    assert _said(sample) == said
    assert [message.trained for message in sample.messages] == [False, False, False, True]


def test_columns_by_role(folder: Folder) -> None:
    """All of them, and some beside a layout that is recognised."""
    row: dict[str, object] = {"ask": "q", "say": "a", "sys": "s", "ctx": "c", "old": [["b", "d"]]}
    row |= {"topic": "t", "no": 7, "fns": json.dumps([TOOL])}
    roles = columns_option(
        "prompt=ask,response=say,system=sys,context=ctx,history=old,task=topic,id=no,tools=fns",
        "--columns",
    )
    sample = _one(read(folder.lines("x.jsonl", row), columns=roles))
    assert _said(sample) == [
        ("system", "s"),
        ("user", "b"),
        ("assistant", "d"),
        ("user", "q\n\nc"),
        ("assistant", "a"),
    ]
    assert (sample.task, sample.id, sample.tools) == ("t", "7", (TOOL,))
    path = folder.lines("y.jsonl", {"prompt": "q", "response": "a", "system": "s"})
    found = read(path)
    assert _said(_one(found)) == QA
    assert found.found.notes == [
        "y.jsonl: `system` is not read as part of the instruction; --columns gives a column a role "
        "(prompt, response, system, context, history, tools)"
    ]
    assert _said(_one(read(path, columns={"system": "system"}))) == [("system", "s"), *QA]
    with pytest.raises(OptionError, match="'answer=say' is not ROLE=COLUMN; a role is one of prom"):
        columns_option("prompt=ask,answer=say", "--columns")


def test_where_two_layouts_fit(folder: Folder) -> None:
    """The one that names more columns; among equals the first, and that is told."""
    messages = LISTS["role and content"][0]
    row: dict[str, object] = {"prompt": "x", "prompt_id": "1", "messages": messages}
    found = read(folder.lines("x.jsonl", row))
    assert _layouts(found) == ["messages"]
    assert found.found.notes == [
        "x.jsonl: could also be read as prompt; it is read as messages (--format names another)"
    ]
    row = {"problem": "x", "solution": "y", "messages": messages}
    assert _layouts(read(folder.lines("y.jsonl", row))) == ["problem-solution"]
    assert _layouts(read(folder.lines("y.jsonl", row), format_name="messages")) == ["messages"]
    row = {"conversations": messages}
    assert _layouts(read(folder.lines("z.jsonl", row), format_name="sharegpt")) == ["conversations"]


def test_csv_and_tsv(folder: Folder) -> None:
    """Text alone, with line breaks, quotes and a byte order mark; a short line is a bad row."""
    text = '\ufeffprompt,response\r\n"a ""b""\r\nc",1\r\nshort\r\n,x\r\nlast,"2, 3"\r\n'
    for name, content in (("x.csv", text), ("x.tsv", text.replace(",", "\t"))):
        found = read(folder.write(name, content), on_bad_row="skip")
        second = "2, 3" if name == "x.csv" else "2\t 3"
        assert found.exchanges == [('a "b"\r\nc', "1"), ("last", second)]
        assert [bad.place for bad in found.skipped] == [f"{name} line 4", f"{name} line 5"]
        assert found.skipped[0].reason.startswith("has 1 values where the first line names 2")
    assert "must name every column, each once" in folder.error(folder.write("y.csv", "a,a\n1,2\n"))


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_folders_in_hive_form(folder: Folder, ending: str) -> None:
    """Their keys are columns of text; a column of the file's own comes before."""
    row: dict[str, object] = {"prompt": "q", "response": "a", "lang": "own"}
    for task in ("a%20b", "__HIVE_DEFAULT_PARTITION__"):
        content = json_lines([row]) if ending == "jsonl" else pa.Table.from_pylist([row])
        folder.write(f"pool/task={task}/lang=en/part.{ending}", content)
    found = read(str(folder.root / "pool"))
    assert [sample.task for sample in found.instances] == [None, "a b"]
    assert found.table.column("lang").to_pylist() == ["own", "own"]
    below = read(str(folder.root / "pool" / "task=a%20b"))
    assert (_one(below).task, sorted(below.table.column_names)) == (
        None,
        ["lang", "prompt", "response"],
    )


def test_examples_of_natural_instructions(folder: Folder) -> None:
    """Between definition and input, as many as are asked for."""
    examples = [{"input": f"i{n}", "output": f"o{n}", "explanation": "e"} for n in range(3)]
    task = {
        "Definition": ["d"],
        "Positive Examples": examples,
        "Instances": [{"input": "q", "output": ["a"]}],
    }
    path = folder.write("task1_x.json", json.dumps(task))
    for count, prompt in (
        (0, "d\n\nq"),
        (2, "d\n\nInput: i0\nOutput: o0\n\nInput: i1\nOutput: o1\n\nq"),
    ):
        store = taken(folder.root / f"work{count}", path, ni_examples=count).store
        assert [sample.exchange("first") for sample in store.samples()] == [(prompt, "a")]


def test_files_of_several_layouts(folder: Folder) -> None:
    """Each is read by its own; columns are united."""
    one = folder.lines("1.jsonl", {"instruction": "q", "output": "a", "source": "x"})
    two = folder.lines("2.jsonl", {"conversations": LISTS["from and value"][0]})
    three = folder.write("3.csv", "question,answer\nq,a\n")
    found = read(one, two, three)
    assert [_said(sample) for sample in found.instances] == [QA] * 3
    assert [sample.task for sample in found.instances] == ["x", None, None]
    assert _layouts(found) == ["alpaca", "conversations", "qa"]
    assert found.found.traits.conversation


@pytest.mark.parametrize(
    ("ids", "named"),
    [
        ([1, 2], ["1", "2"]),
        ([1, 1], [None, None]),
        ([3, None], [None, None]),
        ([None, None], [None, None]),
    ],
)
def test_ids_of_targets(folder: Folder, ids: list[object], named: list[str | None]) -> None:
    """Where they do not tell rows apart, row numbers name them, and that is told."""
    rows = [{"prompt": "q", "response": "a", "id": name} for name in ids]
    told = Told()
    path = folder.lines("x.jsonl", *rows)
    store = taken(folder.root / "work", path, side="test", told=told).store
    assert [sample.id for sample in store.samples()] == named
    repeats = [note for note in told.notes if "do not tell them apart" in note]
    assert len(repeats) == (named[0] is None and any(ids))


def test_a_bad_row_is_named_by_its_id(folder: Folder) -> None:
    """Beside file and line."""
    rows = [
        {"id": "c3", "prompt": "q", "response": "a"},
        {"id": "c4", "prompt": "", "response": "a"},
    ]
    assert "x.jsonl line 2 (id c4): the prompt is empty" in folder.error(
        folder.lines("x.jsonl", *rows)
    )


def test_each_side_has_its_format(folder: Folder) -> None:
    """`--format` and `--columns` are of the training rows, `--test-` of the targets."""
    path = folder.lines("x.jsonl", {"a": "q", "b": "r", "prompt": "p"})
    given: dict[str, Any] = {"columns": "prompt=a,response=b", "test_columns": "prompt=b"}
    train = taken(folder.root / "work", path, **given).store
    test = taken(folder.root / "work", path, side="test", **given).store
    assert [sample.exchange("first") for sample in train.samples()] == [("q", "r")]
    assert [sample.exchange("first") for sample in test.samples()] == [("r", "")]
    with pytest.raises(OptionError, match="--test-format alpacca is not known"):
        taken(folder.root / "other", path, side="test", test_format="alpacca")
