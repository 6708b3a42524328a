"""Every row format in every container gives the same instances."""

import gzip
import json
from collections.abc import Callable

import datasets
import pyarrow as pa
import pyarrow.ipc
import pytest
import zstandard

from tests.rows.folder import Folder, Rows, as_table, json_lines, read
from tma_prep.errors import InputError, OptionError
from tma_prep.rows.read_rows import ReadOptions
from tma_prep.rows.reading import read_files
from tma_prep.rows.recognition import format_names, known_format
from tma_prep.rows.sources import find_files

Exchanges = list[tuple[str, str]]

ROWS: dict[str, tuple[str, Rows, Exchanges]] = {
    "prompt-response": (
        "prompt-response",
        [{"prompt": f"frage {n} – ü😀", "response": f"答 {n}"} for n in range(5)],
        [(f"frage {n} – ü😀", f"答 {n}") for n in range(5)],
    ),
    "empty response": (
        "prompt-response",
        [{"prompt": "only a prompt", "response": ""}, {"prompt": " b\n", "response": " "}],
        [("only a prompt", ""), (" b\n", " ")],
    ),
    "prompt-completion": (
        "prompt-completion",
        [{"prompt": "1+1", "completion": "2"}, {"prompt": "2+2", "completion": "4"}],
        [("1+1", "2"), ("2+2", "4")],
    ),
    "alpaca": (
        "alpaca",
        [
            {"instruction": "Translate", "input": "Hallo", "output": "Hello"},
            {"instruction": "Name a colour", "input": "", "output": "Red"},
            {"instruction": "Name a fish", "input": None, "output": "Cod"},
            {"instruction": "Name a bird", "output": "Owl"},
        ],
        [
            ("Translate\nHallo", "Hello"),
            ("Name a colour", "Red"),
            ("Name a fish", "Cod"),
            ("Name a bird", "Owl"),
        ],
    ),
    "alpaca without input": (
        "alpaca",
        [{"instruction": "Sing", "output": "La"}, {"instruction": "Hum", "output": "Mm"}],
        [("Sing", "La"), ("Hum", "Mm")],
    ),
    "messages": (
        "messages",
        [
            {
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "Why?"},
                    {"role": "assistant", "content": "Because."},
                    {"role": "user", "content": "Really?"},
                    {"role": "assistant", "content": "Yes."},
                ]
            },
            {
                "messages": [
                    {"role": "assistant", "content": "Welcome."},
                    {"role": "user", "content": "Who?"},
                    {"role": "tool", "content": "lookup"},
                    {"role": "assistant", "content": "Me."},
                ]
            },
        ],
        [("Why?", "Because."), ("Who?", "Me.")],
    ),
    "content parts": (
        "messages",
        [
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "See "},
                            {"type": "text", "text": "this?"},
                        ],
                    },
                    {"role": "assistant", "content": [{"type": "text", "text": "I do."}]},
                ]
            }
        ],
        [("See this?", "I do.")],
    ),
    "conversations": (
        "conversations",
        [
            {
                "conversations": [
                    {"from": "system", "value": "You help."},
                    {"from": "human", "value": "Hi"},
                    {"from": "gpt", "value": "Hello"},
                    {"from": "human", "value": "Bye"},
                ]
            },
            {"conversations": [{"from": "user", "value": "A"}, {"from": "model", "value": "B"}]},
        ],
        [("Hi", "Hello"), ("A", "B")],
    ),
    "flan-mini": (
        "conversations",
        [
            {
                "source": "flan2021",
                "conversations": [
                    {"from": "human", "value": "Is it so?"},
                    {"from": "gpt", "value": "No"},
                ],
            }
        ],
        [("Is it so?", "No")],
    ),
    "object of lists": (
        "conversations",
        [
            {"conversations": {"from": ["human", "gpt"], "value": ["Q", "A"]}},
            {"conversations": {"from": ["gpt", "human", "gpt"], "value": ["x", "Q2", "A2"]}},
        ],
        [("Q", "A"), ("Q2", "A2")],
    ),
    "natural-instructions": (
        "natural-instructions",
        [
            {"definition": "Add.", "input": "1 2", "output": ["3", "three"]},
            {"definition": "Add.", "input": "", "output": ["0"]},
        ],
        [("Add.\n\n1 2", "3"), ("Add.\n\n", "0")],
    ),
    "flan": (
        "flan",
        [{"inputs": "A or B?", "targets": "B"}, {"inputs": "C or D?", "targets": ""}],
        [("A or B?", "B"), ("C or D?", "")],
    ),
}


def _array(rows: Rows) -> str:
    return json.dumps(list(rows), indent=1)


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=1)
    return bytes(sink.getvalue())


def _saved(folder: Folder, rows: Rows) -> str:
    path = folder.root / "saved"
    saved = datasets.Dataset(as_table(rows))
    saved.save_to_disk(str(path), num_shards=min(2, len(rows)))
    return str(path)


def _spread(folder: Folder, rows: Rows) -> None:
    folder.lines("pool/b/two.jsonl", *rows[len(rows) // 2 :])
    folder.write("pool/a/one.jsonl.gz", gzip.compress(json_lines(rows[: len(rows) // 2]).encode()))
    folder.write("pool/.cache/hidden.jsonl", "not data")
    folder.write("pool/_SUCCESS", "")
    folder.write("pool/README.md", "not data")


def _in_folder(folder: Folder, rows: Rows) -> str:
    if len(rows) == 1:
        return folder.lines("pool/one.jsonl", *rows)
    _spread(folder, rows)
    return str(folder.root / "pool")


def _by_glob(folder: Folder, rows: Rows) -> str:
    folder.lines("g/part-0.jsonl", *rows[:1])
    if len(rows) > 1:
        folder.write("g/part-1.json", _array(rows[1:]))
    folder.write("g/part-2.txt", "not data")
    return str(folder.root / "g" / "part-*")


CONTAINERS: dict[str, Callable[[Folder, Rows], str]] = {
    "jsonl": lambda folder, rows: folder.lines("x.jsonl", *rows),
    "ndjson": lambda folder, rows: folder.lines("x.NDJSON", *rows),
    "jsonl, BOM, CRLF, blank lines": lambda folder, rows: folder.write(
        "x.jsonl", "\ufeff" + "\r\n" + json_lines(rows).replace("\n", "\r\n \r\n")
    ),
    "jsonl, ASCII, no last newline": lambda folder, rows: folder.write(
        "x.jsonl", "\n".join(json.dumps(row) for row in rows)
    ),
    "json": lambda folder, rows: folder.write("x.json", _array(rows)),
    "json, BOM": lambda folder, rows: folder.write("x.json", "\ufeff \n" + _array(rows) + "\n"),
    "lines in json": lambda folder, rows: folder.write("x.json", "\n\n" + json_lines(rows)),
    "jsonl.gz": lambda folder, rows: folder.write(
        "x.jsonl.gz", gzip.compress(json_lines(rows).encode())
    ),
    "json.gz": lambda folder, rows: folder.write("x.json.gz", gzip.compress(_array(rows).encode())),
    "jsonl.zst": lambda folder, rows: folder.write(
        "x.jsonl.zst", zstandard.compress(json_lines(rows).encode())
    ),
    "json.zst": lambda folder, rows: folder.write(
        "x.json.zst", zstandard.compress(_array(rows).encode())
    ),
    "parquet": lambda folder, rows: folder.write("x.parquet", as_table(rows)),
    "arrow file": lambda folder, rows: folder.write("x.arrow", as_table(rows)),
    "feather": lambda folder, rows: folder.write("x.feather", as_table(rows)),
    "arrow stream": lambda folder, rows: folder.write("x.arrow", _stream(as_table(rows))),
    "arrow.zst": lambda folder, rows: folder.write(
        "x.arrow.zst", zstandard.compress(_stream(as_table(rows)))
    ),
    "save_to_disk": _saved,
    "folder": _in_folder,
    "glob": _by_glob,
}


@pytest.fixture(scope="module", autouse=True)
def _no_bars() -> None:
    datasets.disable_progress_bars()


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("case", ROWS)
def test_same_instances_from_every_container(folder: Folder, case: str, container: str) -> None:
    """Format, prompt and response are the same, and rows are numbered from 0 without gaps."""
    name, rows, expected = ROWS[case]
    found = read(CONTAINERS[container](folder, rows))
    assert [layout.format for layout in found.found.layouts] == [name]
    assert found.exchanges == expected
    assert [row.row for row in found.instances] == list(range(len(rows)))
    assert sum(one.rows for one in found.found.inputs) == len(rows)


def test_natural_instructions_task_file(folder: Folder) -> None:
    """The file's definition stands before every input; the file's name is the task."""
    content = {
        "Contributors": ["x"],
        "Definition": ["Add the numbers.", "Answer in digits."],
        "Positive Examples": [{"input": "9", "output": "9", "explanation": "e"}],
        "Instances": [
            {"id": "t-1", "input": "1 2", "output": ["3", "three"]},
            {"id": "t-2", "input": "4 5", "output": ["9"]},
        ],
    }
    for text in (json.dumps(content), json.dumps(content, indent=4)):
        found = read(folder.write("task001_add.json", text))
        assert found.exchanges == [
            ("Add the numbers.\nAnswer in digits.\n\n1 2", "3"),
            ("Add the numbers.\nAnswer in digits.\n\n4 5", "9"),
        ]
        assert [row.task for row in found.instances] == ["task001_add"] * 2
        assert [row.id for row in found.instances] == ["t-1", "t-2"]


def test_a_named_format_is_used_where_several_fit(folder: Folder) -> None:
    """`--format` decides; without it the first that fits does."""
    row: dict[str, object] = {"prompt": "p", "response": "r", "inputs": "i", "targets": "t"}
    path = folder.lines("x.jsonl", row)
    assert read(path).exchanges == [("p", "r")]
    assert read(path, format_name="flan").exchanges == [("i", "t")]


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    """The message lists every format."""
    with pytest.raises(OptionError, match="--format alpacca is not known") as caught:
        known_format("alpacca", "--format")
    assert all(name in str(caught.value) for name in format_names())


def test_rows_are_numbered_over_files_in_the_order_given(folder: Folder) -> None:
    """Files as named; within a folder or glob by name; a bad row keeps its number."""
    for name, count in (("b", 3), ("a", 2), ("c", 2)):
        folder.lines(
            f"{name}.jsonl", *({"prompt": f"{name}{n}", "response": ""} for n in range(count))
        )
    folder.write(
        "b.jsonl", '{"prompt": "b0", "response": ""}\n[]\n{"prompt": "b2", "response": ""}'
    )
    paths = [str(folder.root / f"{name}.jsonl") for name in "bca"]
    found = read(*paths, on_bad_row="skip")
    assert [(row.row, row.exchange("first")[0]) for row in found.instances] == [
        (0, "b0"),
        (2, "b2"),
        (3, "c0"),
        (4, "c1"),
        (5, "a0"),
        (6, "a1"),
    ]
    assert [row.row for row in found.skipped] == [1]
    assert [one.rows for one in found.found.inputs] == [3, 2, 2]
    assert [bad.place for bad in found.skipped] == ["b.jsonl line 2"]
    whole = read(str(folder.root), on_bad_row="skip")
    assert [row.exchange("first")[0] for row in whole.instances] == [
        "a0",
        "a1",
        "b0",
        "b2",
        "c0",
        "c1",
    ]


@pytest.mark.parametrize(
    ("row", "wanted", "task"),
    [
        ({"task": "t", "task_name": "n", "source": "s"}, None, "t"),
        ({"task_name": "n", "source": "s"}, None, "n"),
        ({"source": "s"}, None, "s"),
        ({"topic": "x", "task": "t"}, "topic", "x"),
        ({"task": 7}, None, "7"),
        ({"task": None}, None, None),
        ({}, None, None),
    ],
)
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_task_column(
    folder: Folder, row: dict[str, object], wanted: str | None, task: str | None, ending: str
) -> None:
    """The named column, or the first of the usual ones; a number becomes text."""
    rows = [{"prompt": "p", "response": "r", **row}]
    content = json_lines(rows) if ending == "jsonl" else as_table(rows)
    found = read(folder.write(f"x.{ending}", content), task_column=wanted)
    assert found.instances[0].task == task


def test_a_named_task_column_must_be_there(folder: Folder) -> None:
    """The message names the column and the ones there are."""
    path = folder.lines("x.jsonl", {"prompt": "p", "response": "r"})
    with pytest.raises(InputError, match=r"x\.jsonl: has no column `topic` .* it has 'prompt'"):
        read(path, task_column="topic")


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_an_optional_task_column_may_be_absent(folder: Folder, ending: str) -> None:
    """There is no task then, nor one from the usual columns."""
    rows: Rows = [{"prompt": "p", "response": "r", "source": "s"}]
    content = json_lines(rows) if ending == "jsonl" else as_table(rows)
    files = find_files([folder.write(f"x.{ending}", content)])
    for wanted, task in (("topic", None), ("source", "s")):
        options = ReadOptions(task_column=wanted, task_optional=True)
        found = read_files(files, folder.root, options)
        assert found.reader.read(rows[0], 0).task == task
        assert found.layouts[0].task_column == (None if task is None else wanted)
